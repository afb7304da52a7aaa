"""How often the same method is called BETTER or WORSE than its own published run, by what `table main` calls."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labeldistill.statistics.claim_family import Asked, judge_family
from labeldistill.statistics.equivalence import Verdict
from labeldistill.statistics.simulations import Floats, Generator, Rate

MEAN = 45.0
MARGIN = 0.5
DIFFERENT = {Verdict.BETTER, Verdict.WORSE}


@dataclass(frozen=True)
class SameMethod:
    """A published run and our runs of one method, in points.

    Attributes:
        seeds: our runs. noise: sd of the published run around the method's mean, which the claim knows.
        sd: between our runs, which nobody knows.
        metrics: of the claim, one family.
        correlation: between metrics, of the published run and of ours.
    """

    seeds: int
    noise: float
    sd: float = 0.3
    metrics: int = 2
    correlation: float = 0.0

    def _draw(self, generator: Generator, sd: float, runs: int) -> Floats:
        """[metrics, runs]"""
        shared, own = generator.normal(0, sd, runs), generator.normal(0, sd, (self.metrics, runs))
        part = self.correlation**0.5
        return np.asarray(MEAN + part * shared + (1 - part**2) ** 0.5 * own)

    def asked(self, generator: Generator) -> list[Asked]:
        """One experiment as the questions of one claim."""
        published, ours = self._draw(generator, self.noise, 1), self._draw(generator, self.sd, self.seeds)
        return [
            Asked(list(values), float(value[0]), MARGIN, self.noise)
            for value, values in zip(published, ours, strict=True)
        ]

    def called_different(self, experiments: int, seed: int = 11) -> Rate:
        """Share of claims of which some metric is BETTER or WORSE."""
        generator = np.random.default_rng(seed)
        found = sum(
            any(judged.verdict in DIFFERENT for judged in judge_family(self.asked(generator)))
            for _ in range(experiments)
        )
        alike = f", correlated {self.correlation:g}" if self.correlation else ""
        setting = f"{self.seeds} seeds, noise {self.noise:g}, {self.metrics} metrics{alike}"
        return Rate("same method BETTER or WORSE", setting, found / experiments, experiments)


def same_method_rates(scale: float = 1.0) -> Iterator[Rate]:
    """One and two metrics under the noise of claims; correlated metrics only make the family rarer wrong."""
    for seeds in (3, 6, 10):
        for noise in (0.3, 0.5):
            for metrics in (1, 2):
                yield SameMethod(seeds, noise, metrics=metrics).called_different(int(8_000 * scale))
    yield SameMethod(6, 0.5, correlation=0.8).called_different(int(8_000 * scale))

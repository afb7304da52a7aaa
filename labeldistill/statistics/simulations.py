"""Simulations: how often intervals cover and tests reject for runs drawn from known distributions.

Every function simulates `runs` experiments, calls the public functions of this room on each, and returns how often the
event in question happened. Scores are in points, seeds normal; scenes differ in size, so a score is a ratio of sums
like recall.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeldistill.statistics.bootstrap import paired_scene_test, scene_interval, scene_weights
from labeldistill.statistics.combined import seeds_and_scenes
from labeldistill.statistics.crossed import over_seeds_and_teachers
from labeldistill.statistics.equivalence import Verdict, judge
from labeldistill.statistics.holm import holm
from labeldistill.statistics.interim import e_value
from labeldistill.statistics.paired import paired_t, sign_flip
from labeldistill.statistics.sequential import sequential_decision, sequential_design
from labeldistill.statistics.summary import summarise

Floats = NDArray[np.float64]
Generator = np.random.Generator

_REPLICATES = 2000


@dataclass(frozen=True)
class Rate:
    """How often something happened in simulated experiments."""

    what: str
    setting: str
    rate: float
    runs: int

    @property
    def error(self) -> float:
        """Monte-Carlo standard error of the rate."""
        return float((self.rate * (1 - self.rate) / self.runs) ** 0.5)


def _how_often(what: str, setting: str, runs: int, seed: int, happens: Callable[[Generator], bool]) -> Rate:
    generator = np.random.default_rng(seed)
    return Rate(what, setting, sum(happens(generator) for _ in range(runs)) / runs, runs)


@dataclass(frozen=True)
class Scenes:
    """One drawn set of scenes, each with a number of boxes and its own difficulty."""

    boxes: Floats
    ease: Floats

    @classmethod
    def draw(cls, generator: Generator, scenes: int) -> "Scenes":
        """Draw sizes that spread over a factor of several, and difficulty that depends on size."""
        boxes = generator.gamma(4.0, 10.0, scenes) + 5
        return cls(boxes, generator.normal(0.45, 0.15, scenes) - 0.0015 * (boxes - 45))

    def score(self, weights: Floats, shift: float, own: Floats) -> Floats:
        """[R] share of found boxes under scene weights [R, S], in points."""
        found = self.boxes * (self.ease + shift + own)
        return np.asarray(100 * (weights @ found) / (weights @ self.boxes))


TRUE_SCORE = 100 * (0.45 - 0.0015 * (4 * 10**2) / 45)
"""Score of the population of `Scenes.draw`; the second term is due to the correlation of size and difficulty."""


def seed_interval(n: int, runs: int, seed: int = 1) -> Rate:
    """Coverage of the t interval over n seeds."""

    def covers(generator: Generator) -> bool:
        found = summarise(list(generator.normal(45.0, 0.5, n)))
        return found.low <= 45.0 <= found.high

    return _how_often("seed interval covers", f"{n} seeds", runs, seed, covers)


def scene_bootstrap(scenes: int, runs: int, seed: int = 2) -> Rate:
    """Coverage of the scene bootstrap of one run."""
    weights = scene_weights(scenes, _REPLICATES).astype(float)
    once, none = np.ones((1, scenes)), np.zeros(scenes)

    def covers(generator: Generator) -> bool:
        drawn = Scenes.draw(generator, scenes)
        value, replicates = drawn.score(once, 0.0, none)[0], drawn.score(weights, 0.0, none)
        return TRUE_SCORE in scene_interval(float(value), replicates, scenes)

    return _how_often("scene bootstrap covers", f"{scenes} scenes", runs, seed, covers)


def seeds_and_scenes_interval(n: int, scenes: int, runs: int, seed: int = 3) -> Rate:
    """Coverage of the combined interval over seeds and scenes.

    Args:
        n: seeds per experiment, with a spread of 1 point and their own luck in single scenes.
        scenes: scenes per experiment.
        runs: number of experiments.
        seed: seed of the simulation.
    """
    weights = scene_weights(scenes, _REPLICATES).astype(float)
    once = np.ones((1, scenes))

    def covers(generator: Generator) -> bool:
        drawn = Scenes.draw(generator, scenes)
        shifts, own = generator.normal(0, 0.01, n), generator.normal(0, 0.05, (n, scenes))
        scores = np.array([drawn.score(once, s, o)[0] for s, o in zip(shifts, own, strict=True)])
        replicates = np.stack([drawn.score(weights, s, o) for s, o in zip(shifts, own, strict=True)])
        return TRUE_SCORE in seeds_and_scenes(scores, replicates, scenes)

    return _how_often("seeds and scenes cover", f"{n} seeds, {scenes} scenes", runs, seed, covers)


def paired_t_rejects(n: int, runs: int, seed: int = 4) -> Rate:
    """Rejections by the paired t test without a difference."""
    return _how_often(
        "paired t rejects",
        f"{n} pairs",
        runs,
        seed,
        lambda generator: paired_t(list(generator.normal(0, 0.5, n))) <= 0.05,
    )


def sign_flip_rejects(n: int, runs: int, seed: int = 5) -> Rate:
    """Rejections by the sign-flip test without a difference, under skewed but symmetric-in-pairs noise."""

    def rejects(generator: Generator) -> bool:
        ours, theirs = generator.exponential(0.5, (2, n))
        return sign_flip(list(ours - theirs)).p <= 0.05

    return _how_often("sign flip rejects", f"{n} pairs", runs, seed, rejects)


def paired_scenes_reject(scenes: int, runs: int, seed: int = 6) -> Rate:
    """Rejections by the paired scene bootstrap of two equally good runs."""
    weights = scene_weights(scenes, _REPLICATES).astype(float)
    once = np.ones((1, scenes))

    def rejects(generator: Generator) -> bool:
        drawn = Scenes.draw(generator, scenes)
        ours, theirs = generator.normal(0, 0.1, (2, scenes))
        difference = drawn.score(once, 0.0, ours)[0] - drawn.score(once, 0.0, theirs)[0]
        replicates = drawn.score(weights, 0.0, ours) - drawn.score(weights, 0.0, theirs)
        return paired_scene_test(float(difference), replicates, scenes) <= 0.05

    return _how_often("paired scenes reject", f"{scenes} scenes", runs, seed, rejects)


def family_rejects(comparisons: int, n: int, runs: int, seed: int = 7) -> Rate:
    """Rate of families with at least one rejection after Holm, without any true difference.

    Args:
        comparisons: comparisons per family.
        n: pairs per comparison.
        runs: number of experiments.
        seed: seed of the simulation.
    """

    def rejects(generator: Generator) -> bool:
        return min(holm([paired_t(list(d)) for d in generator.normal(0, 0.5, (comparisons, n))])) <= 0.05

    return _how_often("Holm family rejects", f"{comparisons} x {n} pairs", runs, seed, rejects)


def judged(verdicts: set[Verdict], difference: float, n: int, noise: float, runs: int, seed: int = 8) -> Rate:
    """How often `judge` gives one of `verdicts`; margin 0.5, seeds of sd 0.3.

    Args:
        verdicts: the verdicts that count.
        difference: true difference from the published value, in points.
        n: seeds per experiment.
        noise: standard deviation of the published value, in points.
        runs: number of experiments.
        seed: seed of the simulation.
    """

    def happens(generator: Generator) -> bool:
        published = generator.normal(45.0, noise) if noise else 45.0
        runs_ = 45.0 + difference + generator.normal(0, 0.3, n)
        return judge(list(runs_), float(published), margin=0.5, published_sd=noise).verdict in verdicts

    what = "REPRODUCED at the margin" if Verdict.REPRODUCED in verdicts else "BETTER or WORSE at none"
    return _how_often(what, f"{n} seeds" + (f", noise {noise:g}" if noise else ""), runs, seed, happens)


def sequential(verdicts: set[Verdict], difference: float, looks: tuple[int, ...], runs: int, seed: int = 9) -> Rate:
    """How often the group-sequential rule ends with one of `verdicts`; margin 0.5, seeds of sd 0.3.

    Args:
        verdicts: the verdicts that count.
        difference: true difference from the published value, in points.
        looks: numbers of seeds at the looks.
        runs: number of experiments.
        seed: seed of the simulation.
    """
    design = sequential_design(looks)

    def happens(generator: Generator) -> bool:
        values = list(45.0 + difference + generator.normal(0, 0.3, looks[-1]))
        return sequential_decision(values, design, published=45.0, margin=0.5).judgement.verdict in verdicts

    what = "sequential: REPRODUCED at the margin" if difference else "sequential: BETTER or WORSE at none"
    return _how_often(what, "looks at " + ", ".join(map(str, looks)), runs, seed, happens)


def sequential_comparison(looks: tuple[int, ...], runs: int, seed: int = 10) -> Rate:
    """How often the group-sequential rule finds a difference between equal variants."""
    design = sequential_design(looks)

    def rejects(generator: Generator) -> bool:
        return sequential_decision(list(generator.normal(0, 0.3, looks[-1])), design).judgement.verdict in DIFFERENT

    return _how_often("sequential: variants differ", "looks at " + ", ".join(map(str, looks)), runs, seed, rejects)


DIFFERENT = {Verdict.BETTER, Verdict.WORSE}
SAME = {Verdict.REPRODUCED}


def coverages(scale: float = 1.0) -> Iterator[Rate]:
    """Coverage of every 95 % interval; `scale` multiplies the number of experiments."""
    yield from (seed_interval(n, int(10_000 * scale)) for n in (3, 6, 10))
    yield from (scene_bootstrap(s, int(10_000 * scale)) for s in (20, 50, 150))
    yield from (seeds_and_scenes_interval(n, s, int(10_000 * scale)) for n, s in ((3, 50), (6, 50), (6, 150)))


def teachers_reject(n: int, teachers: int, sd: float, runs: int, seed: int = 12) -> Rate:
    """Rejections by the mixed model: n seeds under each teacher, seeds of spread 0.5 points, teachers of spread `sd`.

    Args:
        n: seeds.
        teachers: number of teachers, crossed with the seeds.
        sd: spread between teachers, points.
        runs: simulated studies.
        seed: of the draws.
    """

    def rejects(generator: Generator) -> bool:
        shifts = generator.normal(0, 0.5, (n, 1)) + generator.normal(0, sd, teachers)
        return over_seeds_and_teachers(shifts + generator.normal(0, 0.3, (n, teachers))).p_two_sided() <= 0.05

    return _how_often("mixed model rejects", f"{n} seeds, {teachers} teachers of sd {sd:g}", runs, seed, rejects)


def e_value_rejects(n: int, runs: int, seed: int = 13) -> Rate:
    """How often an e-value passes 20 at any of n - 1 looks without a difference."""

    def rejects(generator: Generator) -> bool:
        drawn = list(generator.normal(0, 0.5, n))
        return any(e_value(drawn[:seen]) >= 20 for seen in range(2, n + 1))

    return _how_often("e-value at every look rejects", f"{n} pairs", runs, seed, rejects)


def rejections(scale: float = 1.0) -> Iterator[Rate]:
    """Rejections of every 5 % test without a true effect, and of every verdict where it would be false."""
    yield from (paired_t_rejects(n, int(10_000 * scale)) for n in (3, 6, 10))
    yield from (sign_flip_rejects(n, int(5_000 * scale)) for n in (8, 10))
    yield from (paired_scenes_reject(s, int(10_000 * scale)) for s in (50, 150))
    yield family_rejects(6, 6, int(10_000 * scale))
    yield from (teachers_reject(n, 3, sd, int(10_000 * scale)) for n in (3, 6, 10) for sd in (0.25, 0.5))
    yield e_value_rejects(30, int(2_000 * scale))
    yield from (judged(SAME, 0.5, n, 0.0, int(10_000 * scale)) for n in (5, 10))
    yield judged(SAME, 0.5, 6, 0.1, int(10_000 * scale))


def sequential_rates(scale: float = 1.0) -> Iterator[Rate]:
    """False verdicts of the sequential rule."""
    for looks in ((3, 6, 9), (3, 6, 9, 12, 15), (4, 8, 12)):
        yield sequential_comparison(looks, int(10_000 * scale))
        yield sequential(SAME, 0.5, looks, int(10_000 * scale))
        yield sequential(DIFFERENT, 0.0, looks, int(10_000 * scale))

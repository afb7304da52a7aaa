"""What is compared of two sides: scores per seed, speed of training per seed, the studies' benchmarks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labeldistill.claims.claims import POINTS
from labeldistill.compare.diff_runs import Run
from labeldistill.statistics.paired import PairedComparison, compare_pairs

BENCHMARKED = ("train_samples_per_s", "latency_median_ms", "peak_memory_mb")
"""What is compared of a benchmark; its other numbers are parts of these."""

_ROUNDING = 1e-9
"""Tables keep ten digits: what differs by less, relative to the values, is one and the same."""


@dataclass(frozen=True)
class Measured:
    """One metric of one variant on both sides, seed -> value; `other_device` says why it can't be judged."""

    study: str
    variant: str
    metric: str
    unit: str
    a: dict[int, float]
    b: dict[int, float]
    other_device: str = ""

    def pairs(self, confidence: float) -> PairedComparison:
        """Differences per seed, tested."""
        percent = self.unit == "%"
        differences = {
            seed: 100 * (self.b[seed] / self.a[seed] - 1) if percent else self.b[seed] - self.a[seed] for seed in self.a
        }
        scale = max((abs(v) for v in (*self.a.values(), *self.b.values()) if math.isfinite(v)), default=0.0)
        resolution = _ROUNDING * (100 if percent else scale)
        rounded = {seed: 0.0 if abs(value) <= resolution else value for seed, value in differences.items()}
        return compare_pairs(rounded, confidence=confidence, resolution=resolution)

    @property
    def higher_is_better(self) -> bool:
        """Of the metric; errors, times and memory are better when lower."""
        return self.metric in POINTS or self.metric.endswith("_per_s") or self.metric.endswith("_per_cpu_s")


def measured(pairs: Sequence[tuple[Run, Run]], weights: str, metrics: Sequence[str]) -> Iterator[Measured]:
    """Everything to compare of paired runs (A's, B's), variant by variant.

    Args:
        pairs: runs of the same study, variant and seed.
        weights: "ema" or "raw".
        metrics: names of overall scores; an error that no run has is left out.
    """
    units = dict.fromkeys((ours.study, ours.variant) for ours, _ in pairs)
    for study, variant in units:
        mine = [pair for pair in pairs if pair[0].study == study and pair[0].variant == variant]
        for metric in metrics:
            points = metric in POINTS
            factor = 100.0 if points else 1.0
            sides = [
                {run.seed: run.scores.get((weights, metric), math.nan) * factor for run in side}
                for side in zip(*mine, strict=True)
            ]
            if any(math.isfinite(value) for side in sides for value in side.values()) or points:
                yield Measured(study, variant, metric, "points" if points else metric, sides[0], sides[1])
        yield from _speeds(study, variant, mine)


def _speeds(study: str, variant: str, pairs: Sequence[tuple[Run, Run]]) -> Iterator[Measured]:
    both = [(ours, theirs) for ours, theirs in pairs if ours.record and theirs.record]
    devices = {_device(run) for pair in both for run in pair}
    other = " and ".join(sorted(devices)) if any(_device(x) != _device(y) for x, y in both) else ""
    rates = [(x.seed, x.status == y.status == "finished", _rate(x), _rate(y)) for x, y in both]
    rates = [entry for entry in rates if entry[1]]
    if rates:
        name = "train_samples_per_s" if any("cuda" in device for device in devices) else "train_samples_per_cpu_s"
        yield Measured(study, variant, name, "%", {r[0]: r[2] for r in rates}, {r[0]: r[3] for r in rates}, other)
    measured = [(x, y) for x, y in pairs if x.speed and y.speed]
    for metric in BENCHMARKED:
        found = [
            (x.seed, x.speed[metric], y.speed[metric]) for x, y in measured if metric in y.speed and x.speed.get(metric)
        ]
        if found:
            before, after = ({row[0]: row[side] for row in found} for side in (1, 2))
            yield Measured(study, variant, f"benchmark {metric}", "%", before, after, other)


def _device(run: Run) -> str:
    device = run.record.get("device", {})
    return f"{device.get('name')} ({device.get('type')}, {device.get('processes')} processes)"


def _rate(run: Run) -> float:
    """Samples trained on a second: of wall time on GPUs, of CPU time on CPUs (wall time there tells the load)."""
    used, made = run.record["usage"], run.record["optimisation"]
    seconds = used["wall_s"] if run.record["device"]["type"] == "cuda" else used["cpu_s"]
    return float(made["steps_done"] * made["global_batch"] / seconds) if seconds else math.nan

"""Speed of training and benchmarks on both sides, corrected for what the whole machine gained or lost."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median

from labeldistill.compare.diff_measured import Measured
from labeldistill.compare.diff_runs import Run
from labeldistill.config.methods import FIXED_UNITS

BENCHMARKED = ("train_samples_per_s", "latency_median_ms", "peak_memory_mb")
"""The numbers of a benchmark that are compared; others are parts of these."""
EVERYTHING = "all variants"
"""The row for what all variants of a study have in common: load, clock, or shared code."""

Pairs = Sequence[tuple[Run, Run]]


def speeds(pairs: Pairs) -> Iterator[Measured]:
    """Training speed, first as the shift common to all variants, then each variant relative to it; then benchmarks.

    Args:
        pairs: runs of the same study, variant and seed (A's, B's).
    """
    for study in dict.fromkeys(ours.study for ours, _ in pairs):
        mine = [pair for pair in pairs if pair[0].study == study]
        found = [rate for variant in _variants(mine) if (rate := _rates(study, variant, mine)) is not None]
        yield from _without_drift(study, found)
        for variant in _variants(mine):
            yield from _benchmarks(study, variant, [pair for pair in mine if pair[0].variant == variant])


def _variants(pairs: Pairs) -> list[str]:
    return list(dict.fromkeys(ours.variant for ours, _ in pairs))


def _without_drift(study: str, found: list[Measured]) -> Iterator[Measured]:
    """Ratio of each variant over the median ratio of all variants with that seed; a single variant is not corrected.

    With the median, one variant that became slower does not look like a slower machine.
    """
    students = [entry for entry in found if entry.variant not in FIXED_UNITS]
    if len(students) < 2:
        yield from found
        return
    shift = _shift([entry for entry in students if not entry.why_not])
    if shift:
        same = dict.fromkeys(shift, 1.0)
        yield Measured(study, EVERYTHING, students[0].metric, "%", same, dict(shift), family="speed")
    for entry in found:
        known = {seed: entry.b[seed] / shift[seed] for seed in entry.b if seed in shift}
        yield (
            entry
            if entry.why_not or not known
            else replace(entry, metric=f"{entry.metric} beside all variants", a={s: entry.a[s] for s in known}, b=known)
        )


def _shift(entries: Sequence[Measured]) -> Mapping[int, float]:
    seeds = sorted({seed for entry in entries for seed in entry.a})
    ratios = {seed: [r for e in entries if seed in e.a and math.isfinite(r := e.b[seed] / e.a[seed])] for seed in seeds}
    return {seed: median(values) for seed, values in ratios.items() if len(values) > 1}


def _rates(study: str, variant: str, pairs: Pairs) -> Measured | None:
    both = [(x, y) for x, y in pairs if x.variant == variant and x.record and y.record]
    rates = [(x.seed, _rate(x), _rate(y)) for x, y in both if x.status == y.status == "finished"]
    if not rates:
        return None
    devices = {_device(run) for pair in both for run in pair}
    name = "train_samples_per_s" if any("cuda" in device for device in devices) else "train_samples_per_cpu_s"
    before, after = ({row[0]: row[side] for row in rates} for side in (1, 2))
    return Measured(study, variant, name, "%", before, after, _other_devices(both), "speed")


def _benchmarks(study: str, variant: str, pairs: Pairs) -> Iterator[Measured]:
    measured = [(x, y) for x, y in pairs if x.speed and y.speed]
    other = _other_devices([(x, y) for x, y in pairs if x.record and y.record])
    for metric in BENCHMARKED:
        found = [
            (x.seed, x.speed[metric], y.speed[metric]) for x, y in measured if metric in y.speed and x.speed.get(metric)
        ]
        if found:
            before, after = ({row[0]: row[side] for row in found} for side in (1, 2))
            yield Measured(study, variant, f"benchmark {metric}", "%", before, after, other, "speed")


def _other_devices(pairs: Pairs) -> str:
    devices = {_device(run) for pair in pairs for run in pair}
    other = any(_device(x) != _device(y) for x, y in pairs)
    return f"measured on other devices: {' and '.join(sorted(devices))}" if other else ""


def _device(run: Run) -> str:
    device = run.record.get("device", {})
    return f"{device.get('name')} ({device.get('type')}, {device.get('processes')} processes)"


def _rate(run: Run) -> float:
    """Samples per second of wall time on GPUs, of CPU time on CPUs (where wall time depends on the load)."""
    used, made = run.record["usage"], run.record["optimisation"]
    seconds = used["wall_s"] if run.record["device"]["type"] == "cuda" else used["cpu_s"]
    return float(made["steps_done"] * made["global_batch"] / seconds) if seconds else math.nan

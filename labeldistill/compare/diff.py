"""Two sides of results compared run by run: paired by study, variant and seed, with intervals and one Holm family."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from labeldistill.claims.claims import METRICS as OVERALL
from labeldistill.claims.claims import POINTS
from labeldistill.compare.diff_causes import Cause, causes
from labeldistill.compare.diff_measured import Measured, measured
from labeldistill.compare.diff_runs import RunId, Side
from labeldistill.errors import InputError
from labeldistill.files import without_nan
from labeldistill.statistics.holm import Finding, family_size, finding, holm, p_for_family
from labeldistill.statistics.paired import PairedComparison


@dataclass(frozen=True)
class DiffRow:
    """One metric of one variant on both sides.

    Attributes:
        unit: "points" (mAP, NDS), "%" of side A's value (speed and memory), or that of the metric.
        a, b: means over the paired runs, in points or the metric's own unit.
        pairs: B less A, seed by seed, in `unit`.
        p_holm: corrected over all rows of the diff.
    """

    study: str
    variant: str
    metric: str
    unit: str
    a: float
    b: float
    pairs: PairedComparison
    p_holm: float
    finding: Finding
    reason: str


@dataclass(frozen=True)
class Diff:
    """Everything that `diff` found; side B is judged against side A."""

    a: str
    b: str
    weights: str
    confidence: float
    rows: list[DiffRow]
    only_a: list[str]
    only_b: list[str]
    causes: list[Cause]
    notes: list[str]

    @property
    def regressions(self) -> list[DiffRow]:
        """Rows in which B is shown to be worse."""
        return [row for row in self.rows if row.finding is Finding.WORSE]

    def as_json(self) -> dict[str, Any]:
        """JSON values; what can't be said is null."""
        tree = {**asdict(self), "rows": [_row_json(row) for row in self.rows]}
        found: dict[str, Any] = without_nan({**tree, "regressions": len(self.regressions)})
        return found


def _row_json(row: DiffRow) -> dict[str, Any]:
    about = {name: getattr(row, name) for name in ("study", "variant", "metric", "unit", "a", "b")}
    summary = row.pairs.summary
    return {
        **about,
        "difference": summary.mean,
        "low": summary.low,
        "high": summary.high,
        "sd": summary.sd,
        "n": row.pairs.n,
        "failed": summary.failed,
        "pairs": dict(zip(map(str, row.pairs.seeds), row.pairs.differences, strict=True)),
        "p_t": row.pairs.p_t,
        "p_sign_flip": row.pairs.sign_flip.p,
        "p_holm": row.p_holm,
        "finding": str(row.finding),
        "reason": row.reason,
    }


def compare_sides(
    a: Side, b: Side, *, weights: str = "ema", metrics: Sequence[str] = POINTS, confidence: float = 0.95
) -> Diff:
    """Compare all runs that both sides have.

    Scores are paired by seed. Speed is compared from the records of the paired runs (samples a second of CPU or GPU
    time over the whole training) and from the studies' benchmarks, which hold one measurement per variant.

    Args:
        a, b: B is judged against A.
        weights: "ema" or "raw".
        metrics: scores to compare; every one enters the family.
        confidence: of the intervals; 1 - confidence is the error rate of the whole family.

    Raises:
        InputError: no run in common, or an unknown metric.
    """
    if unknown := [metric for metric in metrics if metric not in OVERALL]:
        raise InputError(f"no metric `{unknown[0]}`; there are {', '.join(OVERALL)}", key="--metric")
    shared = sorted((id_ for id_ in a.runs if id_ in b.runs), key=_place)
    if not shared:
        raise InputError(f"no run in common: {_studies(a)} against {_studies(b)}", file=f"{a.name}, {b.name}")
    pairs = [(a.runs[id_], b.runs[id_]) for id_ in shared]
    rows = _judged(list(measured(pairs, weights, metrics)), confidence)
    only_a, only_b = (_names(one, other) for one, other in ((a, b), (b, a)))
    notes = [*(f"A: {note}" for note in a.notes), *(f"B: {note}" for note in b.notes)]
    return Diff(a.name, b.name, weights, confidence, rows, only_a, only_b, causes(pairs), notes)


def _place(run: RunId) -> tuple[str, int, str, int]:
    """Study by study: teacher, label encoder, variants."""
    study, variant, seed = run
    return study, {"teacher": 0, "label-encoder": 1}.get(variant, 2), variant, seed


def _studies(side: Side) -> str:
    return f"{side.name} has {', '.join(sorted({f'{study}/{variant}' for study, variant, _ in side.runs}))}"


def _names(side: Side, other: Side) -> list[str]:
    return [
        f"{study}/{variant} seed {seed}"
        for study, variant, seed in side.runs
        if (study, variant, seed) not in other.runs
    ]


def _judged(compared: list[Measured], confidence: float) -> list[DiffRow]:
    pairs = [entry.pairs(confidence) for entry in compared]
    p_values = [
        math.nan if entry.other_device else p_for_family(found) for entry, found in zip(compared, pairs, strict=True)
    ]
    family = family_size(p_values)
    rows: list[DiffRow] = []
    for entry, found, p in zip(compared, pairs, holm(p_values), strict=True):
        if entry.other_device:
            verdict, reason = Finding.CANT_TELL, f"measured on other devices: {entry.other_device}"
        else:
            verdict, reason = finding(
                found, p, alpha=1 - confidence, higher_is_better=entry.higher_is_better, family=family
            )
        a, b = (_mean_over(side, found.seeds) for side in (entry.a, entry.b))
        about = (entry.study, entry.variant, entry.metric, entry.unit)
        rows.append(DiffRow(*about, a, b, found, p, verdict, reason))
    return rows


def _mean_over(values: dict[int, float], seeds: Sequence[int]) -> float:
    return sum(values[seed] for seed in seeds) / len(seeds) if seeds else float("nan")

"""Two sides of results compared run by run, paired by study, variant and seed, with intervals and Holm's correction."""

from dataclasses import asdict, dataclass, field
from typing import Any

from labeldistill.compare.diff_causes import Cause, causes
from labeldistill.compare.diff_measured import by_unit, scores
from labeldistill.compare.diff_rows import DiffOptions, DiffRow, judged, row_json
from labeldistill.compare.diff_runs import Run, RunId, Side
from labeldistill.compare.diff_speed import EVERYTHING, speeds
from labeldistill.config.methods import STAGES, stage_of
from labeldistill.config.metrics import METRICS
from labeldistill.config.verdict import LEAST_CONFIDENCE
from labeldistill.errors import InputError
from labeldistill.files import without_nan
from labeldistill.statistics.holm import Finding


@dataclass(frozen=True)
class Diff:
    """The result of `diff`; side B is judged against side A.

    Attributes:
        missing: variants of A without a run in B.
        only_a, only_b: runs without a partner of the same seed.
        same: paired runs that are identical on both sides. paired: number of paired runs.
        unrecorded: paired runs without a record on either side, whose settings, data and code are unknown.
    """

    a: str
    b: str
    options: DiffOptions
    rows: list[DiffRow]
    missing: list[str]
    only_a: list[str]
    only_b: list[str]
    causes: list[Cause]
    paired: int = 0
    same: int = 0
    unrecorded: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def regressions(self) -> list[DiffRow]:
        """Rows in which B is shown to be worse; a loss of speed in all variants may be due to the machine."""
        return [row for row in self.rows if row.finding is Finding.WORSE and row.variant != EVERYTHING]

    def as_json(self) -> dict[str, Any]:
        """The result as JSON values; what can't be said is null."""
        tree = {**asdict(self), **asdict(self.options), "rows": [row_json(row) for row in self.rows]}
        del tree["options"]
        found: dict[str, Any] = without_nan({**tree, "regressions": len(self.regressions)})
        return found


def compare_sides(a: Side, b: Side, options: DiffOptions | None = None) -> Diff:
    """Compare all runs that both sides have, B against A.

    Scores are paired by seed. Speed is taken from the records of paired runs (samples per second of CPU or GPU time
    over the whole training) and from the studies' benchmarks, which have one measurement per variant.

    Raises:
        InputError: no variant in common, no seed in common where runs are paired, an unknown metric, or
            a confidence at which a finding would mean little.
    """
    options = options or DiffOptions()
    if unknown := [metric for metric in options.metrics if metric not in METRICS]:
        raise InputError(f"no metric `{unknown[0]}`; known: {', '.join(METRICS)}", key="--metric")
    if not LEAST_CONFIDENCE < options.confidence < 1:
        raise InputError(
            f"must be above {LEAST_CONFIDENCE:g} and below 1, got {options.confidence}", key="--confidence"
        )
    pairs = _paired(a, b, options)
    ours, theirs = (_compared(side, pairs, which, options) for which, side in enumerate((a, b)))
    measured = list(scores(ours, theirs, options.weights, options.metrics))
    rows = judged(measured, options)
    if options.speed:
        rows += judged(list(speeds(pairs)), DiffOptions(confidence=options.confidence))
    there, units = by_unit(list(a.runs.values())), by_unit(list(b.runs.values()))
    return Diff(
        a.name,
        b.name,
        options,
        rows,
        missing=[f"{study}/{variant}" for study, variant in there if (study, variant) not in units],
        only_a=_names(a, b),
        only_b=_names(b, a),
        causes=causes(pairs),
        paired=len(pairs),
        same=sum(_is_same(x, y) for x, y in pairs),
        unrecorded=sum(not (x.record and y.record) for x, y in pairs),
        notes=[*(f"A: {note}" for note in a.notes), *(f"B: {note}" for note in b.notes)],
    )


def _paired(a: Side, b: Side, options: DiffOptions) -> list[tuple[Run, Run]]:
    shared = sorted((id_ for id_ in a.runs if id_ in b.runs), key=_place)
    if shared or (options.unpaired and set(by_unit(list(a.runs.values()))) & set(by_unit(list(b.runs.values())))):
        return [(a.runs[id_], b.runs[id_]) for id_ in shared]
    hint = "; with --unpaired runs of other seeds are compared" if not options.unpaired else ""
    raise InputError(f"no run in common: {_studies(a)} against {_studies(b)}{hint}", file=f"{a.name}, {b.name}")


def _compared(side: Side, pairs: list[tuple[Run, Run]], which: int, options: DiffOptions) -> list[Run]:
    if not options.unpaired:
        return [pair[which] for pair in pairs]
    return [side.runs[id_] for id_ in sorted(side.runs, key=_place)]


def _is_same(a: Run, b: Run) -> bool:
    """Whether two runs are identical: the same key and the same end time."""
    ended = a.record.get("finished"), b.record.get("finished")
    if a.record or b.record:
        return a.run_key == b.run_key and None not in ended and ended[0] == ended[1] and a.scores == b.scores
    return a.run_key == b.run_key and a.scores == b.scores  # the key of an ingested file is its hash


def _place(run: RunId) -> tuple[str, int, str, int]:
    """Sort key: by study, then teacher, label encoder, variants."""
    study, variant, seed = run
    return study, list(STAGES).index(stage_of(variant)), variant, seed


def _studies(side: Side) -> str:
    return f"{side.name} has {', '.join(sorted({f'{study}/{variant}' for study, variant, _ in side.runs}))}"


def _names(side: Side, other: Side) -> list[str]:
    return [
        f"{study}/{variant} seed {seed}"
        for study, variant, seed in side.runs
        if (study, variant, seed) not in other.runs
    ]

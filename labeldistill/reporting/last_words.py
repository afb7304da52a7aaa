"""What a finished study has shown, what it has not, and what to do next: the end of `labeldistill show`."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeldistill.config.model import RANDOM
from labeldistill.config.study import StudySettings
from labeldistill.reporting.answers import Answers
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.holm import Finding

DECIDED = {str(Finding.BETTER), str(Finding.WORSE)}


@dataclass(frozen=True)
class LastWords:
    """Three lines for a reader who sees nothing else."""

    shown: str
    not_shown: str
    next: str


def last_words(study: StudySettings, tables: StudyTables, answers: Answers) -> LastWords:
    """The lines, from the same rows as table and verdicts.

    Args:
        study: what was run.
        tables: of its scores.
        answers: what its report begins with.
    """
    detects = [unit for unit in tables.judged() if _least_bound(tables, unit) > 0]
    decided = [a.subject for a in answers.variants if DECIDED & set(a.verdicts)]
    open_ = [a.subject for a in answers.variants if not DECIDED & set(a.verdicts)]
    shown = [_detecting(tables, detects)] + [f"a difference: {subject}" for subject in decided]
    not_shown = [f"{unit} detects" for unit in tables.judged() if unit not in detects]
    not_shown += [f"any difference of {', '.join(open_)} ({_seeds(study)})"] if open_ else []
    if study.student.pretrained != RANDOM:
        not_shown.append(f"what students learn from nothing: they go on from {study.student.pretrained}")
    not_shown += [] if study.comparable else [f"anything about a published number: {study.not_comparable_because}"]
    return LastWords("; ".join(shown), "; ".join(not_shown) or "-", _next(study))


def _least_bound(tables: StudyTables, unit: str) -> float:
    """The lowest bound of mAP over scenes among the runs of a unit; 0 if a run has none."""
    rows = tables.table
    rows = rows[(rows["variant"] == unit) & (rows["metric"] == "mAP") & (rows["class"] == "all")]
    rows = rows[(rows["weights"] == tables.weights) & (rows["slice"] == "all")]
    return float(rows["low"].fillna(0.0).min()) if len(rows) else 0.0


def _detecting(tables: StudyTables, units: Sequence[str]) -> str:
    if not units:
        return "every stage ran, from the data to the report"
    bounds = ", ".join(
        f"{unit} mAP {tables.summary(unit, 'mAP').mean:.3f} (every run above {_least_bound(tables, unit):.3f})"
        for unit in units
    )
    return f"every stage ran, and these detect, by the {tables.confidence:.0%} interval over scenes: {bounds}"


def _seeds(study: StudySettings) -> str:
    return f"{len(study.seeds)} seed{'s' if len(study.seeds) > 1 else ''}"


def _next(study: StudySettings) -> str:
    if study.data.synth is None:
        return f"labeldistill table hypotheses --study {study.name}"
    if study.name == "mini":
        return "labeldistill weights list --study paper-r50-3f (README: On nuScenes)"
    return "snakemake --cores all --config study=mini (six seeds, learns from nothing; an hour and a half on two cores)"

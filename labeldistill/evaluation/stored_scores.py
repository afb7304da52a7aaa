"""The scores of a run as they lie in its folder, compared with what the devkit makes of the same predictions."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labeldistill.errors import GateError, InputError
from labeldistill.evaluation.arbiter import Arbiter, agreement
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.metrics import SHORT_NAMES
from labeldistill.evaluation.result import AGREEMENT, Agreement, Score, StoredScores
from labeldistill.evaluation.scoring_task import ScoringTask, read_predictions
from labeldistill.files import read_json
from labeldistill.nuscenes.splits import names_hash


class Tables:
    """Ground truth and the devkit with its tables, loaded when first asked and once for all runs."""

    def __init__(self, task: ScoringTask) -> None:
        self.task = task
        self._loaded: tuple[GroundTruth, tuple[str, ...], Arbiter] | None = None

    def compare(self, run: StoredScores) -> dict[str, Agreement]:
        """Compare every number of a run that the devkit computes: its rows, and the two files in the devkit's format.

        Args:
            run: the run; predictions that are not boxes count as none, as in `score_run`.

        Returns:
            Weights -> the largest difference.

        Raises:
            GateError: a difference above 1e-9, or a number that is missing; names run, weights and metric.
            InputError: predictions or scores that can't be read, or scores of other samples or another run.
        """
        truth, allowed, arbiter = self._open()
        scores = read_json(run.file)
        for key, wanted in (("run_key", run.run_key), ("tokens_sha256", names_hash(truth.tokens))):
            if scores.get(key) != wanted:
                raise InputError(f"is {scores.get(key)}, not {wanted}: score the run again", file=run.file, key=key)
        found = {}
        for weights, path in run.predictions.items():
            predictions = read_predictions(path, truth, allowed, self.task, broken="drop")
            theirs = arbiter.score_of(predictions, path, truth, self.task)
            try:
                _compare_rows(scores["rows"], weights, theirs.summary)
                found[weights] = agreement(_read(run.folder / weights), theirs)
            except GateError as error:
                raise GateError(f"{run.name}, {weights} weights: {error}") from error
        return found

    def _open(self) -> tuple[GroundTruth, tuple[str, ...], Arbiter]:
        if self._loaded is None:
            self._loaded = (*self.task.open(), Arbiter(self.task.dataroot, self.task.version))
        return self._loaded


def _read(folder: Path) -> Score:
    summary = read_json(folder / "metrics_summary.json")
    summary.pop("meta", None)
    return Score(summary, read_json(folder / "metrics_details.json"))


def _compare_rows(rows: list[dict[str, Any]], weights: str, summary: Mapping[str, Any]) -> None:
    """Compare the rows of the whole split; those that the devkit does not know have nobody to confirm them."""
    ours = {(row["metric"], row["class"]): row["value"] for row in rows if row["weights"] == weights}
    for metric, class_, value in _rows(summary):
        mine = ours.get((metric, class_), "missing")
        mine = float("nan") if mine is None else mine
        same = mine == value or (mine != mine and value != value)
        if not same and (isinstance(mine, str) or not abs(mine - value) <= AGREEMENT):
            raise GateError(f"our evaluator and the devkit disagree at {metric} of {class_}: {mine!r} and {value!r}")


def _rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """(metric, class, value) of every number in the devkit's summary, by our names (see `Metrics.rows`)."""
    yield "mAP", "all", summary["mean_ap"]
    yield "NDS", "all", summary["nd_score"]
    yield from ((short, "all", summary["tp_errors"][name]) for name, short in SHORT_NAMES.items())
    for class_, value in summary["mean_dist_aps"].items():
        yield "AP", class_, value
        yield from ((f"AP@{threshold}", class_, ap) for threshold, ap in summary["label_aps"][class_].items())
        yield from ((SHORT_NAMES[m][1:], class_, error) for m, error in summary["label_tp_errors"][class_].items())

"""The unmodified nuscenes-devkit as arbiter: its own loading, filters, matching and means, compared with ours.

The devkit's constructor handles its predefined splits and splits.json. For any other list of samples, the same steps
are composed from the devkit's own functions; nothing in it is changed or reimplemented.
"""

import contextlib
import io
import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labeldistill.errors import GateError
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import PREDEFINED_SPLITS
from labeldistill.evaluation.result import AGREEMENT, Agreement, Evaluation, Score
from labeldistill.evaluation.results_json import write_results
from labeldistill.evaluation.scoring_task import ScoringTask
from labeldistill.nuscenes.devkit import devkit_errors, load_devkit

Case = tuple[Evaluation, Predictions, Path]
"""Our evaluation, the predictions it evaluates, and the file they came from."""


class Arbiter:
    """The devkit with the tables of one nuScenes folder; loading them takes seconds, a minute for trainval."""

    def __init__(self, dataroot: str | Path, version: str) -> None:
        from nuscenes.eval.common.config import config_factory

        self._nusc = load_devkit(dataroot, version)
        self._config = config_factory("detection_cvpr_2019")

    def score_of(self, predictions: Predictions, path: Path, truth: GroundTruth, task: ScoringTask) -> Score:
        """Score predictions as an official file: `path` itself if it is one, otherwise a temporary one.

        Args:
            predictions: columns of the samples that are scored.
            path: the file that they were read from.
            truth: the ground truth that they are scored on.
            task: the task that `truth` was opened from.
        """
        split = task.split if isinstance(task.split, str) else ""
        empty = not (len(predictions) and len(truth))
        with tempfile.TemporaryDirectory() as folder:
            official = path
            if path.suffix != ".json":
                official = Path(folder) / "results_nusc.json"
                write_results(predictions, official)
            # The order of samples breaks ties of scores: the arbiter uses the order that we scored in.
            return self.score(official, split, predictions.tokens, empty=empty)

    def score(self, results: str | Path, split: str, tokens: Sequence[str], *, empty: bool = False) -> Score:
        """Score an official result file.

        Args:
            results: results_nusc.json.
            split: name of the split.
            tokens: the samples to evaluate, those of `split` or a part of them; their order breaks ties of scores
                unless the devkit itself loads a complete split that it knows.
            empty: predictions or ground truth have no box at all, which the devkit's constructor can't handle.

        Raises:
            InputError: the devkit can't score the file.
        """
        quiet = contextlib.redirect_stderr(io.StringIO())  # the devkit's progress bars
        with quiet, devkit_errors("score this file", results):
            evaluation = self._evaluation(str(results), split, list(tokens), empty)
            metrics, curves = evaluation.evaluate()
        return Score(_plain(metrics.serialize()), _plain(curves.serialize()))

    def _evaluation(self, results: str, split: str, tokens: list[str], empty: bool) -> Any:
        from nuscenes.eval.detection.evaluate import DetectionEval

        if split in PREDEFINED_SPLITS and not empty and set(tokens) == self._official_tokens(split):
            with tempfile.TemporaryDirectory() as folder:
                return DetectionEval(self._nusc, self._config, results, split, folder, verbose=False)
        evaluation = DetectionEval.__new__(DetectionEval)
        evaluation.verbose, evaluation.cfg = False, self._config
        evaluation.gt_boxes, evaluation.pred_boxes = self._boxes(results, tokens)
        return evaluation

    def _official_tokens(self, split: str) -> set[str]:
        """Samples that the devkit itself would evaluate; none if it does not accept the folder's version."""
        from nuscenes.eval.common.loaders import get_samples_of_scenes
        from nuscenes.utils.splits import create_splits_scenes

        kind = split.split("_")[0] if split.startswith("mini") else "test" if split == "test" else "trainval"
        if not self._nusc.version.endswith(kind):
            return set()
        return set(get_samples_of_scenes(create_splits_scenes()[split], self._nusc))

    def _boxes(self, results: str, tokens: list[str]) -> tuple[Any, Any]:
        """Ground truth and predictions of some samples, by the steps of the devkit's constructor."""
        from nuscenes.eval.common import loaders
        from nuscenes.eval.detection.data_classes import DetectionBox

        most = self._config.max_boxes_per_sample
        predicted, _ = loaders.load_prediction_of_sample_tokens(results, most, DetectionBox, sample_tokens=tokens)
        truth = loaders.load_gt_of_sample_tokens(self._nusc, tokens, DetectionBox)
        filtered = []
        for boxes in (truth, predicted):
            placed = loaders.add_center_dist(self._nusc, boxes)
            # The devkit's filter fails if there is no box at all, when there is nothing to filter.
            keep = len(placed.all) == 0
            filtered.append(placed if keep else loaders.filter_eval_boxes(self._nusc, placed, self._config.class_range))
        return filtered[0], filtered[1]


def _plain(value: Any) -> Any:
    """Convert keys as JSON does, and numbers to Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.item() if hasattr(value, "item") else value


def agreement(ours: Score, theirs: Score) -> Agreement:
    """Compare every number; the run time is not compared.

    Raises:
        GateError: a difference above 1e-9, or a number that is missing or NaN on one side only.
    """
    worst = Agreement(0.0, "")
    for name in ("summary", "details"):
        mine, other = _plain(getattr(ours, name)), getattr(theirs, name)
        mine.pop("eval_time", None)
        for where, a, b in _leaves(mine, {k: v for k, v in other.items() if k != "eval_time"}, f"metrics_{name}"):
            difference = _difference(a, b)
            if not difference <= AGREEMENT:
                raise GateError(f"our evaluator and the devkit disagree at {where}: {a!r} and {b!r}")
            if difference > worst.difference:
                worst = Agreement(difference, where)
    return worst


def _leaves(ours: Any, theirs: Any, where: str) -> Any:
    if isinstance(ours, dict) and isinstance(theirs, dict) and list(ours) == list(theirs):
        for key in ours:
            yield from _leaves(ours[key], theirs[key], f"{where}: {key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            yield from _leaves(a, b, f"{where}[{index}]")
    else:
        yield where, ours, theirs


def _difference(a: Any, b: Any) -> float:
    if isinstance(a, str) or isinstance(b, str) or isinstance(a, (dict, list)) or isinstance(b, (dict, list)):
        return 0.0 if a == b else math.inf
    same = a == b or (math.isnan(a) and math.isnan(b))
    return 0.0 if same else math.inf if math.isnan(a - b) else abs(a - b)


def arbitrate(cases: Sequence[Case], truth: GroundTruth, task: ScoringTask) -> list[Evaluation]:
    """Compare evaluations with the devkit's, all in one process because loading its tables takes longer than scoring.

    Args:
        cases: our evaluations, their predictions and files.
        truth: the ground truth that they were scored on.
        task: the task that `truth` was opened from.

    Returns:
        Each evaluation with its agreement with the devkit.

    Raises:
        GateError: a difference above 1e-9; names the number.
    """
    arbiter = Arbiter(task.dataroot, task.version)
    agreed = [agreement(ours.score, arbiter.score_of(found, path, truth, task)) for ours, found, path in cases]
    return [replace(ours, agreement=each) for (ours, _, _), each in zip(cases, agreed, strict=True)]

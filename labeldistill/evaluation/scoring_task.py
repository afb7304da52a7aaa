"""What is scored, on which samples and how: the task and its options, and reading predictions for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.ground_truth_cache import open_ground_truth
from labeldistill.evaluation.ground_truth_part import part_of
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.prediction_checks import broken_numbers, check_columns, check_samples, check_scores
from labeldistill.evaluation.predictions import Floats, Predictions
from labeldistill.evaluation.protocol import PREDEFINED_SPLITS
from labeldistill.evaluation.results_json import read_results
from labeldistill.evaluation.scoring import IntervalsOf

DrawsOf = Callable[[Matches], Mapping[str, Floats]]
"""From a matching to metric -> [1 + R] values, on all scenes, then for R draws of scenes; empty if none can be made."""


@dataclass(frozen=True)
class ScoringTask:
    """What to score on.

    Attributes:
        dataroot: folder that holds `<version>/`.
        version: for example `v1.0-mini`.
        split: a name known to the folder's splits.json or to the devkit, or scene names.
        scenes, samples: restrict the split to these (a partial evaluation); None: all.
        cache: folder for tables as columns; None parses the JSON each time.
    """

    dataroot: Path
    version: str
    split: str | tuple[str, ...]
    scenes: tuple[str, ...] | None = None
    samples: tuple[str, ...] | None = None
    cache: Path | None = None

    @property
    def partial(self) -> dict[str, Any] | None:
        """The stamp of a partial evaluation."""
        chosen = {"scenes": self.scenes, "samples": self.samples}
        return {k: list(v) for k, v in chosen.items() if v is not None} or None

    def open(self) -> tuple[GroundTruth, tuple[str, ...]]:
        """Ground truth to score on, and the tokens of the whole split."""
        whole = open_ground_truth(self.dataroot, self.version, self.split, cache=self.cache)
        if self.partial is None:
            return whole, whole.tokens
        return part_of(whole, self.scenes, self.samples), whole.tokens


@dataclass(frozen=True)
class ScoringOptions:
    """What is computed besides the metrics.

    Attributes:
        arbiter: also run the devkit and compare every number.
        slices: see `slices.slices_of`.
        intervals: if given, computes intervals of the whole and of every slice.
        draws: if given, computes the draws of scenes behind the intervals, which are stored beside the scores of a run.
        split_name: name of the split in the rows of a run's scores; None: that of the task.
    """

    arbiter: bool = False
    slices: tuple[str, ...] = ()
    intervals: IntervalsOf | None = None
    draws: DrawsOf | None = None
    split_name: str | None = None


def read_predictions(
    path: str | Path,
    truth: GroundTruth,
    allowed: Sequence[str],
    task: ScoringTask,
    *,
    broken: Literal["refuse", "drop"] = "refuse",
) -> Predictions:
    """Read either format, refuse samples that are not in the split, and keep those of `truth`.

    Args:
        path: our Parquet, or an official .json.
        truth: the samples that are scored.
        allowed: tokens of the whole split.
        task: the task that `truth` and `allowed` were opened from (see `ScoringTask.open`).
        broken: what to do with impossible values (see `broken_numbers`): refuse them, or treat the run as diverged,
            dropping all its boxes with the reason in `metadata["broken"]`. JSON is always refused.

    Raises:
        InputError: bad content; names the file and the token.
        OtherSamplesError: unknown or missing samples.
    """
    path = Path(path)
    whole = task.partial is None
    if path.suffix == ".json":
        predictions = read_results(path)
        check_scores(predictions, path)
    else:
        predictions = Predictions.read(path)
        if broken == "drop" and (why := broken_numbers(predictions)):
            nothing = predictions.rows(np.zeros(len(predictions), dtype=bool))
            predictions = replace(nothing, metadata={**predictions.metadata, "broken": why})
        check_columns(predictions, path)
    check_samples(predictions.tokens, truth.tokens, file=path, split=allowed)
    if whole and task.split in PREDEFINED_SPLITS:
        return predictions
    return predictions.of_samples(truth.tokens)

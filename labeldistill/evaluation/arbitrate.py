"""Evaluations put before the arbiter, several in one process: loading the devkit's tables takes longer than scoring."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from labeldistill.evaluation.arbiter import Arbiter, agreement
from labeldistill.evaluation.evaluate import Evaluation, Task
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.predictions import Predictions

Case = tuple[Evaluation, Predictions, Path]
"""What we found, the predictions it was found on, and the file they came from."""


def arbitrate(cases: Sequence[Case], truth: GroundTruth, task: Task) -> list[Evaluation]:
    """Each evaluation with its agreement with the devkit.

    Raises:
        GateError: a difference above 1e-9; names the number.
    """
    arbiter = Arbiter(task.dataroot, task.version)
    split = task.split if isinstance(task.split, str) else ""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for evaluation, predictions, path in cases:
            official = path
            if path.suffix != ".json":
                official = Path(folder) / "results_nusc.json"
                predictions.to_json(official)
            # The order of the samples breaks ties of scores: the arbiter gets the one that we scored in.
            theirs = arbiter.score(official, split, predictions.tokens, empty=not (len(predictions) and len(truth)))
            out.append(replace(evaluation, agreement=agreement(evaluation.score, theirs)))
    return out

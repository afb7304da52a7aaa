"""Scoring one predictions file on a nuScenes folder, for the verb `evaluate`."""

from pathlib import Path

from labeldistill.config.slicing import parse
from labeldistill.evaluation.result import Evaluation, write_evaluation
from labeldistill.evaluation.scoring import scored
from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask, read_predictions


def evaluate(
    predictions_path: str | Path,
    task: ScoringTask,
    out_dir: str | Path | None,
    options: ScoringOptions | None = None,
) -> Evaluation:
    """Score one file (our Parquet, or an official .json).

    Writes `metrics_summary.json` and `metrics_details.json` (in the devkit's format) and `evaluation.json` (partial
    stamp, findings, agreement, slices) into `out_dir`.

    Args:
        predictions_path: the file.
        task: the samples to score on.
        out_dir: output folder; None writes nothing.
        options: slices, intervals, arbiter; None: only the metrics.

    Returns:
        The evaluation.

    Raises:
        InputError: bad input; nothing is written.
        GateError: our numbers and the devkit's differ by more than 1e-9; nothing is written.
    """
    options = options or ScoringOptions()
    for criterion in options.slices:
        parse(criterion)
    truth, allowed = task.open()
    predictions = read_predictions(predictions_path, truth, allowed, task)
    result = scored(predictions, truth, slices=options.slices, partial=task.partial, intervals=options.intervals)
    if options.arbiter:
        from labeldistill.evaluation.arbiter import arbitrate

        result = arbitrate([(result, predictions, Path(predictions_path))], truth, task)[0]
    if out_dir is not None:
        write_evaluation(result, predictions.meta, Path(out_dir))
    return result

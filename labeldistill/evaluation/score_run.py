"""Scoring one run: predictions of its raw and its EMA weights, by our evaluator and by the devkit, in one process."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labeldistill.errors import InputError
from labeldistill.evaluation.evaluate import Evaluation, Task, read_predictions, scored, write_evaluation
from labeldistill.evaluation.predictions import Predictions
from labeldistill.files import write_json


def score_run(
    predictions: Mapping[str, str | Path],
    dataroot: str | Path,
    version: str,
    split: str | Sequence[str],
    out_dir: str | Path,
    *,
    run_key: str | None = None,
    split_name: str | None = None,
    arbiter: bool = True,
    slices: Sequence[str] = (),
    cache: str | Path | None = None,
) -> dict[str, Evaluation]:
    """Score every weights' predictions of one run and write `out_dir`.

    Files: `metrics.json` (`run_key`, and `rows` of weights, split, metric, class, value; see `Metrics.rows`; and one
    row `boxes` a weights: how many were predicted), and a folder a weights with `metrics_summary.json`,
    `metrics_details.json` and `evaluation.json`.

    Args:
        predictions: weights ("raw", "ema") -> file.
        dataroot, version, split, cache: see `evaluate.Task`.
        out_dir: made when missing; `metrics.json` is written last.
        run_key: kept in `metrics.json`.
        split_name: what the rows call the split; None: its name.
        arbiter: also run the devkit, once for all weights, and compare every number.
        slices: see `slices.slices_of`.

    Raises:
        InputError: bad predictions or an unknown split; nothing is written.
        GateError: our numbers and the devkit's differ by more than 1e-9; nothing is written.
    """
    if not predictions:
        raise InputError("no predictions to score", file=out_dir)
    named = split if isinstance(split, str) else tuple(split)
    task = Task(Path(dataroot), version, named, cache=None if cache is None else Path(cache))
    truth, allowed = task.open()
    read = {weights: read_predictions(path, truth, allowed, task) for weights, path in predictions.items()}
    results = {weights: scored(found, truth, slices=slices) for weights, found in read.items()}
    if arbiter:
        from labeldistill.evaluation.arbitrate import arbitrate

        cases = [(results[weights], read[weights], Path(predictions[weights])) for weights in read]
        results = dict(zip(read, arbitrate(cases, truth, task), strict=True))
    rows: list[dict[str, Any]] = []
    for weights, result in results.items():
        write_evaluation(result, read[weights].meta, Path(out_dir) / weights)
        name = split_name or (named if isinstance(named, str) else "scenes")
        rows += metric_rows(result, read[weights], weights, name)
    write_json(Path(out_dir) / "metrics.json", {"run_key": run_key, "rows": rows})
    return results


def metric_rows(result: Evaluation, predictions: Predictions, weights: str, split: str) -> list[dict[str, Any]]:
    """Tidy rows of one evaluation; a value that is not defined (NaN) is None."""
    rows = [*result.metrics.rows(), ("boxes", "all", float(len(predictions)))]
    return [
        {"weights": weights, "split": split, "metric": m, "class": c, "value": None if v != v else v}
        for m, c, v in rows
    ]

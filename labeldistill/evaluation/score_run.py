"""Scoring one run: predictions of its raw and its EMA weights, by our evaluator and by the devkit, in one process."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labeldistill.errors import InputError
from labeldistill.evaluation.evaluate import (
    Evaluation,
    IntervalsOf,
    Task,
    read_predictions,
    scored,
    write_evaluation,
)
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.predictions import Floats, Predictions
from labeldistill.files import write_json, written_whole

REPLICATES = "replicates.parquet"

DrawsOf = Callable[[Matches], Mapping[str, Floats]]
"""From a matching to metric -> [1 + R] values: on all scenes, then under R draws of scenes; empty: none can be made."""


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
    intervals: IntervalsOf | None = None,
    draws: DrawsOf | None = None,
) -> dict[str, Evaluation]:
    """Score every weights' predictions of one run and write `out_dir`.

    Files: `metrics.json`, `replicates.parquet` (see `write_draws`) where `draws` gives some, and a folder a weights
    with `metrics_summary.json`, `metrics_details.json` and `evaluation.json`. `metrics.json` holds

    - `run_key`, and `scenes`: how many were scored;
    - `rows` of weights, split, metric, class, value (see `Metrics.rows`), low and high where there is an interval over
      scenes; and one row `boxes` a weights: how many were predicted;
    - `slices`: the same for parts of the split, with slice, part and boxes (how many were to be found);
    - `findings`: weights -> mistakes that the scores give away, in words;
    - `diverged`: weights -> why their predictions are no boxes (NaN, infinity, ...). They score as if nothing had been
      found; a run with an entry here counts as diverged.

    Args:
        predictions: weights ("raw", "ema") -> file.
        dataroot, version, split, cache: see `evaluate.Task`.
        out_dir: made when missing; `metrics.json` is written last.
        run_key: kept in `metrics.json`.
        split_name: what the rows call the split; None: its name.
        arbiter: also run the devkit, once for all weights, and compare every number.
        slices: see `slices.slices_of`.
        intervals, draws: where given, intervals over scenes of the whole and of every slice, and what they come from.

    Raises:
        InputError: bad predictions or an unknown split; nothing is written.
        GateError: our numbers and the devkit's differ by more than 1e-9; nothing is written.
    """
    if not predictions:
        raise InputError("no predictions to score", file=out_dir)
    named = split if isinstance(split, str) else tuple(split)
    task = Task(Path(dataroot), version, named, cache=None if cache is None else Path(cache))
    truth, allowed = task.open()
    read = {w: read_predictions(path, truth, allowed, task, broken="drop") for w, path in predictions.items()}
    results = {weights: scored(found, truth, slices=slices, intervals=intervals) for weights, found in read.items()}
    if arbiter:
        from labeldistill.evaluation.arbitrate import arbitrate

        cases = [(results[weights], read[weights], Path(predictions[weights])) for weights in read]
        results = dict(zip(read, arbitrate(cases, truth, task), strict=True))
    name = split_name or (named if isinstance(named, str) else "scenes")
    for weights, result in results.items():
        write_evaluation(result, read[weights].meta, Path(out_dir) / weights)
    if draws is not None:
        write_draws({weights: draws(result.matches) for weights, result in results.items()}, Path(out_dir) / REPLICATES)
    about = {"run_key": run_key, "scenes": len(truth.scene_names)}
    write_json(Path(out_dir) / "metrics.json", {**about, **_found(results, read, name)})
    return results


def _found(results: Mapping[str, Evaluation], read: Mapping[str, Predictions], split: str) -> dict[str, Any]:
    rows = [row for weights, result in results.items() for row in metric_rows(result, read[weights], weights, split)]
    slices = [
        {"weights": weights, "split": split, **row, "value": _defined(row["value"])}
        for weights, result in results.items()
        for row in result.slices
    ]
    broken = {weights: found.metadata.get("broken") for weights, found in read.items()}
    return {
        "rows": rows,
        "slices": slices,
        "findings": {weights: result.findings for weights, result in results.items() if result.findings},
        "diverged": {weights: why for weights, why in broken.items() if why},
    }


def metric_rows(result: Evaluation, predictions: Predictions, weights: str, split: str) -> list[dict[str, Any]]:
    """Tidy rows of one evaluation; a value that is not defined (NaN) is None."""
    rows = [*result.metrics.rows(), ("boxes", "all", float(len(predictions)))]
    about = {"weights": weights, "split": split}
    return [{**about, "metric": m, "class": c, "value": _defined(v), **_bounds(result, m, c)} for m, c, v in rows]


def _bounds(result: Evaluation, metric: str, class_: str) -> dict[str, float]:
    found = result.intervals.get(metric) if class_ == "all" else None
    return {} if found is None else dict(zip(("low", "high"), found, strict=True))


def _defined(value: float) -> float | None:
    return None if value != value else value


def write_draws(draws: Mapping[str, Mapping[str, Floats]], path: Path) -> None:
    """Write one Parquet file of all weights' draws: columns `<weights>.<metric>`, row 0 on all scenes, then one a draw.

    Nothing is written where there are none. Runs on the same scenes have the same draws, row by row.
    """
    columns = {f"{weights}.{metric}": v for weights, found in draws.items() for metric, v in found.items()}
    if columns:
        with written_whole(path) as temporary:
            pq.write_table(pa.table(columns), temporary, compression="zstd")

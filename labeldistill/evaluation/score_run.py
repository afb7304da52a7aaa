"""Scoring one run: predictions of its raw and its EMA weights, by our evaluator and by the devkit, in one process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labeldistill.config.run_files import REPLICATES, SCORES
from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Floats, Predictions
from labeldistill.evaluation.result import Evaluation, write_evaluation
from labeldistill.evaluation.scoring import scored
from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask, read_predictions
from labeldistill.files import write_json, written_whole
from labeldistill.nuscenes.splits import names_hash


def score_run(
    predictions: Mapping[str, str | Path],
    task: ScoringTask,
    out_dir: str | Path,
    options: ScoringOptions | None = None,
    *,
    run_key: str | None = None,
) -> dict[str, Evaluation]:
    """Score the predictions of one run, one file per kind of weights, and write `out_dir`.

    Files: `metrics.json`, `replicates.parquet` (see `write_draws`) if `draws` returns some, and one folder per kind of
    weights with `metrics_summary.json`, `metrics_details.json` and `evaluation.json`. `metrics.json` holds

    - `run_key`; `scenes` and `samples`: number scored, `tokens_sha256`: hash of them (`nuscenes.splits.names_hash`),
      `partial`: the stamp of a partial evaluation, else null;
    - `rows` of weights, split, metric, class, value (see `Metrics.rows`), low and high if there is an interval over
      scenes; and one row `boxes` per kind of weights with the number of predictions;
    - `slices`: the same for parts of the split, with slice, part and boxes (number of annotated boxes);
    - `findings`: weights -> mistakes that the scores indicate, in words;
    - `diverged`: weights -> why their predictions are not boxes (NaN, infinity, ...). They are scored as if nothing had
      been found; a run with an entry here counts as diverged.

    Args:
        predictions: weights ("raw", "ema") -> file.
        task: the samples to score on.
        out_dir: output folder, created if missing; `metrics.json` is written last.
        options: arbiter (run once for all weights), slices, intervals and draws; None: only the metrics.
        run_key: stored in `metrics.json`.

    Returns:
        Kind of weights -> its evaluation.

    Raises:
        InputError: bad predictions or an unknown split; nothing is written.
        GateError: our numbers and the devkit's differ by more than 1e-9; nothing is written.
    """
    if not predictions:
        raise InputError("no predictions to score", file=out_dir)
    options = options or ScoringOptions()
    truth, allowed = task.open()
    read = {w: read_predictions(path, truth, allowed, task, broken="drop") for w, path in predictions.items()}
    for weights, found in read.items():
        _refuse_other_run(found, weights, run_key, predictions[weights])
    results = {
        weights: scored(found, truth, slices=options.slices, intervals=options.intervals)
        for weights, found in read.items()
    }
    if options.arbiter:
        from labeldistill.evaluation.arbiter import arbitrate

        cases = [(results[weights], read[weights], Path(predictions[weights])) for weights in read]
        results = dict(zip(read, arbitrate(cases, truth, task), strict=True))
    name = options.split_name or (task.split if isinstance(task.split, str) else "scenes")
    for weights, result in results.items():
        write_evaluation(result, read[weights].meta, Path(out_dir) / weights)
    if options.draws is not None:
        write_draws(
            {weights: options.draws(result.matches) for weights, result in results.items()}, Path(out_dir) / REPLICATES
        )
    samples = {"samples": len(truth.tokens), "tokens_sha256": names_hash(truth.tokens), "partial": task.partial}
    about = {"run_key": run_key, "scenes": len(truth.scene_names), **samples}
    write_json(Path(out_dir) / SCORES, {**about, **_found(results, read, name)})
    return results


def _refuse_other_run(found: Predictions, weights: str, run_key: str | None, file: str | Path) -> None:
    """Refuse predictions that say they are of another run, or of other weights, than those they are scored as."""
    for key, wanted in (("run_key", run_key), ("weights", weights)):
        said = found.metadata.get(key)
        if wanted is not None and said not in (None, wanted):
            raise InputError(f"holds predictions of {said}, scored here as {wanted}", file=file, key=key)


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
    """Tidy rows of one evaluation.

    Args:
        result: the evaluation.
        predictions: the predictions that were scored; their number is a row.
        weights: "raw" or "ema".
        split: name of the split.

    Returns:
        One row per number, as described under `score_run`; a value that is not defined (NaN) is None.
    """
    rows = [*result.metrics.rows(), ("boxes", "all", float(len(predictions)))]
    about = {"weights": weights, "split": split}
    return [{**about, "metric": m, "class": c, "value": _defined(v), **_bounds(result, m, c)} for m, c, v in rows]


def _bounds(result: Evaluation, metric: str, class_: str) -> dict[str, float]:
    found = result.intervals.get(metric) if class_ == "all" else None
    return {} if found is None else dict(zip(("low", "high"), found, strict=True))


def _defined(value: float) -> float | None:
    return None if value != value else value


def write_draws(draws: Mapping[str, Mapping[str, Floats]], path: Path) -> None:
    """Write one Parquet file of all weights' draws: columns `<weights>.<metric>`, row 0 on all scenes, then one row
    per draw.

    Nothing is written without draws. Runs on the same scenes have the same draws, row by row.
    """
    columns = {f"{weights}.{metric}": v for weights, found in draws.items() for metric, v in found.items()}
    if columns:
        with written_whole(path) as temporary:
            pq.write_table(pa.table(columns), temporary, compression="zstd")

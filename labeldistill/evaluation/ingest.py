"""Ingesting an official result file of another code base, so that it is scored and compared like one of our runs."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from labeldistill.config.run_files import INGESTED
from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.result import Evaluation
from labeldistill.evaluation.same_boxes import MOST_SHARED, shared_boxes
from labeldistill.evaluation.score_run import score_run
from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask, read_predictions
from labeldistill.files import file_sha256, write_json


@dataclass(frozen=True)
class Origin:
    """Where a result file comes from.

    Attributes:
        study, variant, seed: the run that it represents.
        weights: "raw" or "ema", the weights that produced it.
        source: description of code base, commit and checkpoint.
    """

    study: str
    variant: str
    seed: int
    weights: str
    source: str


def ingest(
    file: str | Path,
    origin: Origin,
    folder: str | Path,
    task: ScoringTask,
    options: ScoringOptions | None = None,
    *,
    scores: str = "metrics",
    others: Mapping[str, Path] | None = None,
) -> tuple[Path, dict[str, Evaluation]]:
    """Check and convert an official JSON, score it, and store both under `folder`.

    Written: `folder/ingested-<first 12 digits of the file's SHA-256>/` with `detections/<weights>.parquet`, the folder
    `scores` (as `score_run`) and `ingested.json` (origin, SHA-256, counts); the folder is created whole or not at all.

    Args:
        file: results_nusc.json.
        origin: kept in the record and in the Parquet file's metadata.
        folder: the run's folder, `results/<study>/<variant>/seed-<n>`.
        task, options: as in `score_run`.
        scores: name of the folder of its scores.
        others: beginning of the SHA-256 -> columns, for every file that the study ingested before.

    Returns:
        The new folder and the scores by weights.

    Raises:
        InputError: bad content (names file and token), or the same file, or one with the same boxes, was ingested
            before; nothing is written.
        GateError: the arbiter disagrees; nothing is written.
    """
    file, folder = Path(file), Path(folder)
    digest = file_sha256(file)
    target = folder / f"ingested-{digest[:12]}"
    others = others or {}
    if target.exists() or digest[:12] in others:
        raise InputError(f"was taken in before as {others.get(digest[:12], target)}: one file is one run", file=file)
    truth, allowed = task.open()
    predictions = read_predictions(file, truth, allowed, task)
    _refuse_same_boxes(file, predictions, others)
    record = {**asdict(origin), "file": file.name, "sha256": digest, "meta": predictions.meta}
    record |= {"samples": len(predictions.tokens), "boxes": len(predictions)}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".ingest-") as temporary:
        whole = Path(temporary) / "whole"
        columns = whole / "detections" / f"{origin.weights}.parquet"
        predictions.write(columns, record)
        found = score_run(
            {origin.weights: columns},
            task,
            whole / scores,
            options,
            run_key=digest[:12],
        )
        write_json(whole / INGESTED, record)
        whole.rename(target)
    return target, found


def _refuse_same_boxes(file: Path, predictions: Predictions, others: Mapping[str, Path]) -> None:
    for before in others.values():
        if (share := shared_boxes(predictions, Predictions.read(before))) > MOST_SHARED:
            raise InputError(
                f"has {share:.1%} of its boxes in common with {before}: two trainings share none, this is the same run",
                file=file,
            )

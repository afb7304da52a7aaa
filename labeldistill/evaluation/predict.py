"""Detections of a finished run on a split, with its raw and with its EMA weights."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from labeldistill.config.study import RunSettings, Stage
from labeldistill.data.batch import Batch
from labeldistill.data.dataset import KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import CAMERA_ONLY, Predictions
from labeldistill.training.determinism import determinism, set_threads
from labeldistill.training.devices import resolve_device
from labeldistill.training.job import Device
from labeldistill.training.progress import StepBar
from labeldistill.training.recipe import FROZEN, build_model, load_state
from labeldistill.training.weights_file import WEIGHTS, WeightsName, read_weights, weights_path

BATCH = 8
"""Key frames at once, unless a device takes fewer in training."""

META: dict[Stage, dict[str, bool]] = {
    "student": CAMERA_ONLY,
    "teacher": {**CAMERA_ONLY, "use_camera": False, "use_lidar": True},
    # boxes in, boxes out: the round trip of the ground truth
    "label-encoder": {**CAMERA_ONLY, "use_camera": False, "use_external": True},
}


def predictions_path(out_dir: Path, weights: WeightsName) -> Path:
    """Where the predictions of raw or EMA weights lie."""
    return out_dir / f"predictions-{weights}.parquet"


def predict(
    run: RunSettings,
    run_dir: Path,
    infos_dir: Path,
    split: str,
    out_dir: Path,
    *,
    run_key: str,
    device: Device = "auto",
    teacher_dir: Path | None = None,
    label_encoder_dir: Path | None = None,
    progress: bool | None = None,
) -> None:
    """Write predictions-raw.parquet and predictions-ema.parquet of `split`; their metadata holds key, weights, split.

    A teacher detects in LiDAR, a student in images, a label encoder turns ground truth into boxes (needs
    `teacher_dir`). A run that diverged has no boxes anywhere.

    Raises:
        InputError: weights that are missing, damaged or of another run key; an unknown split; a full disk.
    """
    accelerator = resolve_device(device)
    set_threads()
    dataset = KeyFrameDataset(Infos.open(infos_dir), run, split, training=False)
    models: dict[WeightsName, nn.Module] = {}
    about: dict[str, Any] = {}
    for name in WEIGHTS:
        models[name], about = load_run(run, run_dir, name, run_key=run_key, teacher_dir=teacher_dir)
        models[name].to(accelerator)
    diverged = about["status"] != "finished"
    parts: dict[WeightsName, list[Predictions]] = {name: [] for name in WEIGHTS}
    with determinism(run.training.deterministic), torch.inference_mode():
        for batch in _shown(_batches(run, dataset), f"predict {run.stage}", len(dataset), progress):
            moved = batch.to(torch.device(accelerator))
            for name, model in models.items():
                found = _nothing(batch) if diverged else _detect(model, moved)
                part = Predictions.from_detections(found, batch.tokens, batch.ego2global, meta=META[run.stage])
                parts[name].append(part)
    for name in WEIGHTS:
        metadata = {"run_key": run_key, "weights": name, "split": split, "stage": run.stage, "status": about["status"]}
        Predictions.concatenate(parts[name]).write(predictions_path(out_dir, name), metadata)


def load_run(
    run: RunSettings, run_dir: Path, weights: WeightsName, *, run_key: str, teacher_dir: Path | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """A finished run's model in eval mode, ready to detect, and the metadata of its weights.

    Raises:
        InputError: weights that are missing, damaged, of another run key or another stage.
    """
    file = weights_path(run_dir, weights)
    state, about = read_weights(file, run_key=run_key)
    if about["stage"] != run.stage:
        raise InputError(f"holds a {about['stage']}, not a {run.stage}", file=file, key="stage")
    model = build_model(run, teacher_dir=teacher_dir, inference=True)
    load_state(model, state, file, frozen=FROZEN[run.stage])
    return model.eval(), about


def _batches(run: RunSettings, dataset: KeyFrameDataset) -> DataLoader[Any]:
    size = min(run.training.batch_per_device or BATCH, BATCH)
    workers = run.training.loader_workers
    return DataLoader(dataset, batch_size=size, collate_fn=dataset.collate, num_workers=workers)


def _shown(batches: DataLoader[Any], title: str, total: int, show: bool | None) -> Iterator[Batch]:
    bar = StepBar(title, total, show=show)
    try:
        for batch in batches:
            yield batch
            for _ in batch.tokens:
                bar.advance()
    finally:
        bar.close()


def _detect(model: nn.Module, batch: Batch) -> Any:
    detect: Callable[[Batch], Any] = model.detect  # type: ignore[assignment]
    return detect(batch)


def _nothing(batch: Batch) -> Any:
    from labeldistill.models.centre_head.decode import Detections

    empty = Detections(torch.zeros(0, 9), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    return [empty for _ in batch.tokens]

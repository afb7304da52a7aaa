"""Detections of a finished run on a split, with its raw and with its EMA weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
from labeldistill.evaluation.predictions import CAMERA_ONLY, Predictions, predictions_path
from labeldistill.inference.format_boxes import predictions_from_detections
from labeldistill.inference.shards import Share, in_shares
from labeldistill.training.determinism import determinism, set_threads
from labeldistill.training.devices import Accelerator, resolve_device
from labeldistill.training.job import Device
from labeldistill.training.progress import StepBar
from labeldistill.training.recipe import FROZEN, build_model, load_state
from labeldistill.training.weights_file import WEIGHTS, WeightsName, read_about, read_weights, weights_path

BATCH = 8
"""Key frames at once, unless a device takes fewer in training."""

META: dict[Stage, dict[str, bool]] = {
    "student": CAMERA_ONLY,
    "teacher": {**CAMERA_ONLY, "use_camera": False, "use_lidar": True},
    # boxes in, boxes out: the round trip of the ground truth
    "label-encoder": {**CAMERA_ONLY, "use_camera": False, "use_external": True},
}


def predict(
    run: RunSettings,
    run_dir: Path,
    infos_dir: Path,
    split: str,
    out_dir: Path,
    *,
    run_key: str,
    device: Device = "auto",
    devices: int = 1,
    teacher_dir: Path | None = None,
    label_encoder_dir: Path | None = None,
    weights: Sequence[WeightsName] = WEIGHTS,
    progress: bool | None = None,
) -> None:
    """Write `predictions-<weights>.parquet` of `split` for each of `weights`; its metadata holds key, weights, split.

    A teacher detects in LiDAR, a student in images, a label encoder turns ground truth into boxes (needs
    `teacher_dir`). A run that diverged has no boxes anywhere. With several devices each has a process of its own and
    every so manyth batch; the files are the same to the last bit on devices of one kind.

    Raises:
        InputError: weights that are missing, damaged or of another run key; an unknown split; a full disk.
        LabelDistillError: one of several processes was killed.
    """
    accelerator = resolve_device(device, devices)
    work = _Work(run, run_dir, infos_dir, split, run_key, accelerator, teacher_dir, tuple(weights), progress)
    parts = in_shares(work, devices)
    status = read_about(weights_path(run_dir, weights[0]))["status"]
    for name in weights:
        metadata = {"run_key": run_key, "weights": name, "split": split, "stage": run.stage, "status": status}
        Predictions.concatenate([part[name] for part in parts]).write(predictions_path(out_dir, name), metadata)


@dataclass(frozen=True)
class _Work:
    """What one process needs to know; called with its share it detects, batch by batch, with both weights."""

    run: RunSettings
    run_dir: Path
    infos_dir: Path
    split: str
    run_key: str
    accelerator: Accelerator
    teacher_dir: Path | None
    weights: tuple[WeightsName, ...]
    progress: bool | None

    def __call__(self, share: Share) -> list[dict[WeightsName, Predictions]]:
        set_threads()
        device = torch.device("cpu") if self.accelerator == "cpu" else torch.device("cuda", share.rank)
        if self.accelerator == "cuda":
            torch.cuda.set_device(device)
        run = self.run
        dataset = KeyFrameDataset(Infos.open(self.infos_dir, run.data.dataroot), run, self.split, training=False)
        models: dict[WeightsName, nn.Module] = {}
        for name in self.weights:
            loaded, about = load_run(run, self.run_dir, name, run_key=self.run_key, teacher_dir=self.teacher_dir)
            models[name] = loaded.to(device)
        diverged = about["status"] != "finished"
        parts: list[dict[WeightsName, Predictions]] = []
        with determinism(run.training.deterministic), torch.inference_mode():
            for batch in self._shown(*_batches(run, dataset, share), share):
                moved = batch.to(device)
                found = {name: _nothing(batch) if diverged else _detect(model, moved) for name, model in models.items()}
                parts.append({name: _predictions(run, boxes, batch) for name, boxes in found.items()})
        return parts

    def _shown(self, batches: DataLoader[Any], samples: int, share: Share) -> Iterator[Batch]:
        """The batches, with a bar over this share; the first process shows its own for all."""
        bar = StepBar(f"predict {self.run.stage}", samples, show=False if share.rank else self.progress)
        try:
            for batch in batches:
                yield batch
                for _ in batch.tokens:
                    bar.advance()
        finally:
            bar.close()


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


def _batches(run: RunSettings, dataset: KeyFrameDataset, share: Share) -> tuple[DataLoader[Any], int]:
    """The share's batches and how many samples they hold."""
    size = min(run.training.batch_per_device or BATCH, BATCH)
    dealt = share.batches(len(dataset), size)
    workers = run.training.loader_workers
    loader = DataLoader(dataset, batch_sampler=dealt, collate_fn=dataset.collate, num_workers=workers)
    return loader, sum(map(len, dealt))


def _predictions(run: RunSettings, boxes: Any, batch: Batch) -> Predictions:
    return predictions_from_detections(boxes, batch.tokens, batch.ego2global, meta=META[run.stage])


def _detect(model: nn.Module, batch: Batch) -> Any:
    detect: Callable[[Batch], Any] = model.detect  # type: ignore[assignment]
    return detect(batch)


def _nothing(batch: Batch) -> Any:
    from labeldistill.models.centre_head.decode import Detections

    empty = Detections(torch.zeros(0, 9), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    return [empty for _ in batch.tokens]

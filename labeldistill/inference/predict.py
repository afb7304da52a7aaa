"""Detections of a finished run on a split, with raw and with EMA weights."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from labeldistill.config.methods import STAGES, Stage
from labeldistill.config.run_files import predictions_path
from labeldistill.config.study import RunSettings
from labeldistill.data.batch import Batch
from labeldistill.data.dataset import KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import CAMERA_ONLY, Predictions
from labeldistill.inference.format_boxes import predictions_from_detections
from labeldistill.inference.shards import Share, in_shares
from labeldistill.training.determinism import determinism, set_threads
from labeldistill.training.devices import Accelerator, resolve_device
from labeldistill.training.job import Execution, LocatedRun
from labeldistill.training.loader import loader_options, refuse_little_shared_memory, usable_workers
from labeldistill.training.progress import StepBar
from labeldistill.training.recipe import build_model, load_state
from labeldistill.training.weights_file import WeightsName, read_about, read_weights, weights_path

BATCH = 8
"""Key frames per batch, unless training uses fewer per device."""


def predict(run: LocatedRun, split: str, out_dir: Path, execution: Execution) -> None:
    """Write `predictions-<weights>.parquet` of `split` for each kind of weights; its metadata holds the run key.

    A teacher detects in LiDAR points, a student in images; a label encoder decodes ground truth into boxes (and needs
    its teacher). A diverged run has no boxes at all. With N devices, each has its own process and every Nth batch; the
    files are bit-identical on devices of one kind.

    Args:
        run: a finished run.
        split: the study's name of the split.
        out_dir: output folder, created if missing.
        execution: device and number of devices.

    Raises:
        InputError: weights that are missing, damaged or of another run key; an unknown split; a full disk.
        LabelDistillError: one of several processes was killed.
    """
    accelerator = resolve_device(execution.device, execution.devices)
    parts = in_shares(_Work(run, split, accelerator, execution.progress), execution.devices)
    status = read_about(weights_path(run.folder, run.weights[0]))["status"]
    for name in run.weights:
        metadata = {"run_key": run.key, "weights": name, "split": split, "stage": run.settings.stage, "status": status}
        Predictions.concatenate([part[name] for part in parts]).write(predictions_path(out_dir, name), metadata)


@dataclass(frozen=True)
class _Work:
    """The work of one process: called with its share, it detects batch by batch with both kinds of weights."""

    run: LocatedRun
    split: str
    accelerator: Accelerator
    progress: bool | None

    def __call__(self, share: Share) -> list[dict[WeightsName, Predictions]]:
        set_threads()
        device = torch.device("cpu") if self.accelerator == "cpu" else torch.device("cuda", share.rank)
        if self.accelerator == "cuda":
            torch.cuda.set_device(device)
        run = self.run.settings
        dataset = KeyFrameDataset(Infos.open(self.run.infos, run.data.dataroot), run, self.split, training=False)
        models: dict[WeightsName, nn.Module] = {}
        for name in self.run.weights:
            loaded, about = load_run(self.run, name)
            models[name] = loaded.to(device)
        diverged = about["status"] != "finished"
        parts: list[dict[WeightsName, Predictions]] = []
        with determinism(run.training.deterministic), torch.inference_mode(), detecting_precision(run, device):
            for batch in self._shown(*_batches(run, dataset, share, pin=device.type == "cuda"), share):
                moved = batch.to(device)
                found = {name: _nothing(batch) if diverged else _detect(model, moved) for name, model in models.items()}
                parts.append({name: _predictions(run, boxes, batch) for name, boxes in found.items()})
        return parts

    def _shown(self, batches: DataLoader[Any], samples: int, share: Share) -> Iterator[Batch]:
        """The batches, with a progress bar; the first process shows its own on behalf of all."""
        bar = StepBar(f"predict {self.run.settings.stage}", samples, show=False if share.rank else self.progress)
        try:
            for batch in batches:
                yield batch
                for _ in batch.tokens:
                    bar.advance()
        finally:
            bar.close()


def detecting_precision(run: RunSettings, device: torch.device) -> AbstractContextManager[Any]:
    """Mixed precision for detecting: on a GPU as in training, as the released trainer tests, or float32 everywhere.

    Args:
        run: its switch `evaluation_precision` and its precision in training.
        device: where it detects. A CPU computes in float32, as it does in training.
    """
    half = run.training.precision == "16-mixed" and run.released("evaluation_precision") and device.type == "cuda"
    return torch.autocast(device.type, dtype=torch.float16) if half else nullcontext()


def load_run(run: LocatedRun, weights: WeightsName) -> tuple[nn.Module, dict[str, Any]]:
    """The model of a finished run in eval mode, and the metadata of its weights.

    Raises:
        InputError: weights that are missing, damaged, of another run key or another stage.
    """
    file = weights_path(run.folder, weights)
    state, about = read_weights(file, run_key=run.key)
    stage = run.settings.stage
    if about["stage"] != stage:
        raise InputError(f"holds a {about['stage']}, not a {stage}", file=file, key="stage")
    model = build_model(run.settings, run.parents, inference=True)
    load_state(model, state, file, frozen=STAGES[stage].frozen)
    return model.eval(), about


def _batches(run: RunSettings, dataset: KeyFrameDataset, share: Share, *, pin: bool) -> tuple[DataLoader[Any], int]:
    """The batches of a share, and their number of samples."""
    size = min(run.training.batch_per_device or BATCH, BATCH)
    dealt = share.batches(len(dataset), size)
    workers = usable_workers(run.training.loader_workers, share.processes)
    if workers:
        one = dataset.collate([dataset[dealt[0][0]]]) if dealt else None
        refuse_little_shared_memory(one.nbytes * size if one is not None else 0, workers * share.processes)
    loader = DataLoader(dataset, batch_sampler=dealt, collate_fn=dataset.collate, **loader_options(workers, pin=pin))
    return loader, sum(map(len, dealt))


def _predictions(run: RunSettings, boxes: Any, batch: Batch) -> Predictions:
    return predictions_from_detections(boxes, batch.tokens, batch.ego2global, meta=_sensors(run.stage))


def _sensors(stage: Stage) -> dict[str, bool]:
    """The block `meta` of the official format: the inputs that the detections of a stage use."""
    return {name: name.removeprefix("use_") in STAGES[stage].sensors for name in CAMERA_ONLY}


def _detect(model: nn.Module, batch: Batch) -> Any:
    detect: Callable[[Batch], Any] = model.detect  # type: ignore[assignment]
    return detect(batch)


def _nothing(batch: Batch) -> Any:
    from labeldistill.models.centre_head.decode import Detections

    empty = Detections(torch.zeros(0, 9), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    return [empty for _ in batch.tokens]

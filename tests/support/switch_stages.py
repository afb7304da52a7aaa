"""Each stage small enough for a test, and what can be observed of it: items, weights, losses, boxes, optimiser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tiny_runs import CELL_M, tiny_run
from torch import Tensor, nn

from labeldistill.config.data import DataSettings
from labeldistill.config.methods import STAGES, Stage
from labeldistill.config.model import (
    ImageSettings,
)
from labeldistill.config.study import RunSettings
from labeldistill.config.switches import STAGES_OF_SWITCH
from labeldistill.config.training import TrainingSettings
from labeldistill.data.batch import Batch
from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.distillation.inverse import LabelInverse
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.label_map import draw_label_maps
from labeldistill.distillation.model import DistilledStudent
from labeldistill.distillation.terms import weighted_terms
from labeldistill.models.centre_head.head import HeadOutput
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.teacher import LidarTeacher
from labeldistill.training.job import TrainingJob
from labeldistill.training.order import MicroBatches
from labeldistill.training.schedule import run_length
from labeldistill.training.step import TrainingStep

DATA = DataSettings(
    dataroot="unused",
    version="v1.0-trainval",
    splits={"train": ("scene-0001",), "val": ("scene-0003",)},
)
Observed = dict[str, Any]


def settings(stage: Stage, **switches: str) -> RunSettings:
    """A run of a stage; switches that are not named are released."""
    values = {name: "released" for name, stages in STAGES_OF_SWITCH.items() if stage in stages}
    values |= {name: value for name, value in switches.items() if name in values}
    run = tiny_run(
        stage,
        data=DATA,
        training=TrainingSettings(steps=2, batch=2, backbone_lr_multiplier=0.5),
        student={
            "image": ImageSettings(size_px=(32, 64), resize_range=(0.9, 1.1)),
            "frame_offsets": (0, -1, -3),
            "depth_m": (1.0, 17.0, 1.0),
        },
    )
    return run.model_copy(update={"switches": values})


def awkward_boxes() -> tuple[Tensor, Tensor]:
    """Boxes that tell options apart.

    Wholly beyond +x; a centre half a cell below -x; a trailer too large for the least radius; a bus over a car; a thin
    one.
    """
    rows = [
        [17.0, 0.0, 0.0, 4.6, 1.9, 1.6, 0.0, 1.0, 0.0],
        [-12.8 - CELL_M / 2, 4.0, 0.0, 4.6, 1.9, 1.6, 0.3, 0.0, 1.0],
        [2.3, -3.1, 0.5, 40.0, 9.0, 3.5, 0.8, 3.0, 0.5],
        [-4.4, 5.2, 0.2, 11.0, 2.9, 3.2, 1.9, 0.2, 0.1],
        [-4.9, 6.3, 0.2, 4.8, 2.1, 1.8, -2.4, 0.2, 0.1],
        [6.1, 6.4, 0.2, 0.7, 0.6, 1.8, 0.4, 0.2, 0.1],
    ]
    return torch.tensor(rows), torch.tensor([0, 0, 4, 3, 0, 8])


def build(run: RunSettings) -> nn.Module:
    """The stage's model with weights drawn from one seed."""
    torch.manual_seed(5)
    if run.stage == "teacher":
        return LidarTeacher.from_settings(run)
    if run.stage == "label-encoder":
        return LabelInverse.from_settings(run)
    return DistilledStudent.from_settings(run, LidarTeacher.from_settings(run), LabelEncoder.from_settings(run))


def items(infos: Infos, run: RunSettings, *, training: bool) -> list[Item]:
    """A scene's first and third key frame; with the offsets 0, -1, -3 the third lacks its last frame."""
    dataset = KeyFrameDataset(infos, run, "train", training)
    return [dataset[index] for index in (0, 2)]


def shared_batch(infos: Infos, stage: Stage, *, training: bool) -> Batch:
    """The released items with awkward boxes, the same for every value of a switch."""
    run = settings(stage, label_encoder_eval="corrected")
    batch = KeyFrameDataset.collate(items(infos, run, training=training)).to(torch.device("cpu"))
    boxes, labels = awkward_boxes()
    batch.boxes[0], batch.labels[0] = torch.cat([batch.boxes[0], boxes]), torch.cat([batch.labels[0], labels])
    return batch


def observe_items(infos: Infos, run: RunSettings) -> Observed:
    """What the dataset hands out in training and in evaluation."""
    seen: Observed = {}
    for name, training in (("training", True), ("evaluation", False)):
        for item in items(infos, run, training=training):
            for part in ("images", "depth", "points", "boxes", "cameras"):
                seen.setdefault(f"{name} {part}", []).append(getattr(item, part))
    return seen


def observe_model(run: RunSettings, training: Batch, evaluation: Batch) -> Observed:
    """Fresh weights, losses and what a step does to predictions and frozen parts; detections."""
    model = build(run).train()
    seen: Observed = {"fresh weights": {name: value.clone() for name, value in model.state_dict().items()}}
    losses, predictions = _losses(model, training)
    seen |= {f"loss {term}": value.detach() for term, value in losses.items()}
    seen["predictions after the loss"] = [maps["heatmap"].detach() for maps in predictions]
    frozen = {
        name: value for name, value in model.state_dict().items() if name.startswith(STAGES[run.stage].frozen or "-")
    }
    seen["frozen after the loss"] = {name: value.clone() for name, value in frozen.items()}
    with torch.no_grad():
        seen["detections"] = [vars(found) for found in model.eval().detect(evaluation)]  # type: ignore[operator]
    return seen


def finite_losses(run: RunSettings, batch: Batch) -> dict[str, bool]:
    """Which losses are finite when one box has no velocity."""
    boxes = [b.clone() for b in batch.boxes]
    boxes[0][-1, 7:] = torch.nan
    losses, _ = _losses(build(run).train(), Batch(**{**vars(batch), "boxes": boxes}))
    return {term: bool(value.isfinite()) for term, value in losses.items()}


def _losses(model: Any, batch: Batch) -> tuple[dict[Any, Tensor], HeadOutput]:
    if isinstance(model, DistilledStudent):
        evidence = model.term_inputs(batch)
        return weighted_terms(model.terms, evidence, model.term_options), evidence.predictions
    if isinstance(model, LidarTeacher):
        predictions, head = model(batch.points).predictions, model.settings.head
    else:
        maps = draw_label_maps(batch.boxes, batch.labels, model.grid, model.map_options)
        predictions, head = model(maps), model.head_settings
    targets = model.head_options.targets(batch.boxes, batch.labels, model.grid, head)
    return {"detection": model.head_options.detection_loss(targets, predictions, head)}, predictions


def _job(infos: Infos, run: RunSettings, folder: Path) -> TrainingJob:
    return TrainingJob(
        run_key="k",
        stage=run.stage,
        seed=0,
        training=run.training,
        model=build(run),
        items=KeyFrameDataset(infos, run, "train", training=True),
        out_dir=folder,
        switches=run.switches,
        frozen=STAGES[run.stage].frozen,
        device="cpu",
        progress=False,
    )


def observe_devices(infos: Infos, run: RunSettings) -> Observed:
    """How its losses are normalised, and what the second of two micro-batches of one key frame draws."""
    training = run.training.model_copy(update={"batch_per_device": 1})
    job = _job(infos, run.model_copy(update={"training": training}), Path())
    length = run_length(job.training, len(job.items), 1)
    batches = list(MicroBatches(length, 0, same_draws=job.released("device_draws")))
    return {"per device": HeadOptions.from_run(run).per_device, "draws": [draw for _, _, draw in batches[1]]}


def named_groups(optimizer: torch.optim.Optimizer, model: nn.Module) -> Iterator[tuple[str, float, float]]:
    """Name, learning rate and weight decay of every parameter that an optimiser holds."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            yield names[id(parameter)], group["lr"], group["weight_decay"]


def observe_optimisation(infos: Infos, run: RunSettings, folder: Path) -> Observed:
    """Learning rate and weight decay of every parameter; where the EMA starts and what it averages."""
    job = _job(infos, run, folder)
    step = TrainingStep(job, run_length(run.training, len(job.items), 1), "32-true")
    groups = list(named_groups(step.optimizer, job.model))
    assert step.ema is not None
    return {
        "learning rates": {name: lr for name, lr, _ in groups},
        "weight decay": {name: decay for name, _, decay in groups},
        "EMA counter": step.ema.updates,
        "EMA names": sorted(step.ema.state),
    }


def differs(ours: Any, theirs: Any) -> bool:
    """Whether two observations differ; NaN equals NaN."""
    if isinstance(ours, Tensor) and isinstance(theirs, Tensor):
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            return True
        return not torch.allclose(ours, theirs, rtol=1e-6, atol=1e-7, equal_nan=True)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() != theirs.keys() or any(differs(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        return len(ours) != len(theirs) or any(map(differs, ours, theirs))
    if hasattr(ours, "__dataclass_fields__"):
        return theirs is None or differs(vars(ours), vars(theirs))
    return bool(ours != theirs)

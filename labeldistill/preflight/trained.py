"""A finished run on key frames of the evaluation split: loaded strictly, its detections scored."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.evaluation.metrics import Metrics
from labeldistill.evaluation.scoring import scored
from labeldistill.inference.format_boxes import predictions_from_detections
from labeldistill.inference.predict import load_run
from labeldistill.models.centre_head.decode import Detections
from labeldistill.nuscenes.study_files import sampled
from labeldistill.preflight.context import Context
from labeldistill.study.plan import PlannedRun

KEY_FRAMES = 24


def finished(context: Context, unit: str) -> PlannedRun | None:
    """The first run of a unit where it is trained."""
    run = context.runs.get(unit)
    return run if run is not None and run.record.is_file() else None


def model_of(context: Context, run: PlannedRun) -> nn.Module:
    """The run with its EMA weights, in eval mode.

    Raises:
        InputError: weights that are damaged or not the run's.
    """
    return load_run(run.located(context.plan.infos), "ema")[0]


def key_frames(context: Context, run: PlannedRun, **changes: bool) -> list[Item]:
    """Key frames of the evaluation split as training sees them, but without augmentation; `changes` to the options."""
    options = replace(context.rules(run.unit, training=True), training=False, **changes)  # type: ignore[arg-type]
    split = context.plan.study.evaluation_split
    dataset = KeyFrameDataset(context.infos, run.settings, split, training=False, options=options)
    return [dataset[index] for index in sampled(dataset.tokens, KEY_FRAMES)]


def score(context: Context, items: Sequence[Item], found: Sequence[Detections]) -> Metrics:
    """Detections of key frames against nuScenes' boxes."""
    truth = context.truth([item.token for item in items])
    poses = torch.stack([item.ego2global for item in items])
    predictions = predictions_from_detections(found, [item.token for item in items], poses)
    return scored(predictions.of_samples(truth.tokens), truth).metrics

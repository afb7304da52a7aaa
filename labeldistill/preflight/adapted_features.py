"""A student's adapted features, decoded through the teacher's frozen neck and head: the proof that its axes are right.

Right wiring gives boxes where they are; features that are flipped or transposed on the way give none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from labeldistill.config.methods import STAGES
from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.distillation.term_inputs import FeaturePair
from labeldistill.errors import LabelDistillError
from labeldistill.models.teacher import LidarTeacher
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Looks
from labeldistill.preflight.trained import key_frames, score
from labeldistill.study.plan import PlannedRun
from labeldistill.training.recipe import build_model, load_state
from labeldistill.training.weights_file import read_weights, weights_path

TELLING_AP = 0.01
"""Below this neither way of placing features finds anything, and only their distances can tell."""
ADVICE = (
    "the student imitates features that are flipped, transposed or of other channels: look at targets, axes and the "
    "partition (distillation/partition.py, models/view_transform.py)"
)
Turn = Callable[[Tensor], Tensor]
TURNS: dict[str, Turn] = {
    "as they are": lambda x: x,
    "x flipped": lambda x: x.flip(-1),
    "y flipped": lambda x: x.flip(-2),
    "x and y swapped": lambda x: x.transpose(-1, -2),
}


@dataclass(frozen=True)
class Fit:
    """mAP of adapted features and their distance to the target, under one way of placing them."""

    ap: float
    distance: float


def look_at_adapted(context: Context, looks: Looks) -> None:
    """Decode the adapted features of the first student that is there."""
    run = context.plan.first_imitator
    if run is None:
        looks.skipped("adapted features: no student imitates the teacher's")
        return
    if not run.record.is_file():
        looks.skipped("adapted features: no student is trained yet", "asked again after the first student")
        return
    try:
        fits = fits_of(context, run)
    except LabelDistillError as error:
        looks.failed(f"{run.unit}: {error}", f"delete {run.folder} to train it anew")
        return
    for group, by_turn in fits.items():
        judge(f"{run.unit}, {group}", by_turn, looks, short=_is_short(run))


def judge(about: str, fits: dict[str, Fit], looks: Looks, *, short: bool) -> None:
    """Hold the features as they are against every other way of placing them.

    Args:
        about: unit and channel group, for the figure.
        fits: way of placing (see TURNS) -> its fit.
        looks: takes what is found.
        short: the training was too short to expect a clear answer.
    """
    own = fits["as they are"]
    best = max((name for name in fits if name != "as they are"), key=lambda name: fits[name].ap)
    nearest = min(fits, key=lambda name: fits[name].distance)
    figure = (
        f"{about}: adapted features decode to mAP {own.ap:.3f}, {fits[best].ap:.3f} with {best}; "
        f"nearest to the teacher's {nearest}"
    )
    if max(own.ap, fits[best].ap) >= TELLING_AP:
        looks.judged(own.ap > fits[best].ap, figure, ADVICE)
    elif nearest == "as they are":
        looks.passed(figure)
    elif short:
        looks.warned(figure, f"too short a training to tell; else {ADVICE}")
    else:
        looks.failed(figure, ADVICE)


def _is_short(run: PlannedRun) -> bool:
    return run.settings.training.steps is not None and run.settings.training.steps < 500


def fits_of(context: Context, run: PlannedRun) -> dict[str, dict[str, Fit]]:
    """Channel group -> way of placing -> how well a finished student's adapted features fit.

    Raises:
        InputError: weights that are damaged or not the run's.
    """
    model = student_with_teachers(run)
    items = key_frames(context, run, points=True)
    pairs = _pairs(model, items)
    return {
        group: {name: _fit(context, model, items, parts, turn) for name, turn in TURNS.items()}
        for group, parts in pairs.items()
    }


def student_with_teachers(run: PlannedRun) -> nn.Module:
    """A finished student as in training, with its teachers and adaptors, in eval mode."""
    model = build_model(run.settings, {parent.stage: parent.folder for parent in run.parents})
    file = weights_path(run.folder, "ema")
    state, _ = read_weights(file, run_key=run.key)
    load_state(model, state, file, frozen=STAGES[run.stage].frozen)
    return model.eval()


def _pairs(model: nn.Module, items: list[Item]) -> dict[str, list[FeaturePair]]:
    found: dict[str, list[FeaturePair]] = {}
    with torch.inference_mode():
        for item in items:
            batch = KeyFrameDataset.collate([item]).to(torch.device("cpu"))
            pairs: dict[str, FeaturePair] = model.term_inputs(batch).pairs  # type: ignore[operator]
            for group, pair in pairs.items():
                found.setdefault(group, []).append(pair)
    return found


def _fit(context: Context, model: nn.Module, items: list[Item], pairs: list[FeaturePair], turn: Turn) -> Fit:
    teacher: Any = model.get_submodule("centerpoint")
    assert isinstance(teacher, LidarTeacher)
    boxes, distance, norm = [], 0.0, 0.0
    with torch.inference_mode():
        for pair in pairs:
            adapted = [turn(x).contiguous() for x in pair.adapted]
            boxes += teacher.head_options.decode(teacher.predict(adapted), teacher.grid, teacher.settings.head)
            for x, y in zip(adapted, pair.target, strict=True):
                distance += float((x - y).square().sum())
                norm += float(y.square().sum())
    return Fit(score(context, items, boxes).mean_ap, distance / norm if norm else float("inf"))

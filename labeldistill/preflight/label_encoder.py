"""Gate 7: the label encoder's round trip. Boxes in, through the frozen neck and head, the same boxes out."""

import torch

from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.distillation.inverse import LabelInverse
from labeldistill.errors import LabelDistillError
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks
from labeldistill.preflight.trained import finished, key_frames, model_of, score

NAME = "label-encoder"
UNIT = "label-encoder"
GOOD_AP = 0.5
"""`mini` reaches .98; less than this and students imitate features that say something else than the labels."""
LONG_STEPS = 1000
"""A training of fewer steps is a smoke test, not expected to learn this."""


def look(context: Context) -> Gate:
    """Look at what goes in, and at what comes out of the label encoder that is there."""
    looks = Looks(NAME)
    if UNIT not in context.runs:
        looks.skipped("no variant learns from a label encoder")
        return looks.gate()
    run = context.runs[UNIT]
    try:
        items = key_frames(context, run)
        boxes = sum(len(item.labels) for item in items)
        figure = f"{boxes} boxes go in on {len(items)} key frames"
        if boxes and finished(context, UNIT) is None:
            looks.skipped(f"not trained yet; {figure}", "asked again before the first student")
            return looks.gate()
        looks.judged(
            boxes > 0,
            figure,
            "empty ground truth: the release's validation set has none, ours must (data/loading.py)",
        )
        if boxes:
            _round_trip(context, looks, items)
    except LabelDistillError as error:
        looks.failed(str(error), f"see the gates before; delete {run.folder} to train it anew")
    return looks.gate()


def _round_trip(context: Context, looks: Looks, items: list[Item]) -> None:
    run = context.runs[UNIT]
    model = model_of(context, run)
    assert isinstance(model, LabelInverse)
    model.sees_evaluation_boxes = True
    with torch.inference_mode():
        found = model.detect(KeyFrameDataset.collate(items))
    own = score(context, items, found).mean_ap
    other = score(context, items, [*found[1:], found[0]]).mean_ap if len(items) > 1 else 0.0
    figure = f"mAP {own:.3f} through the frozen neck and head, {other:.3f} against another key frame's boxes"
    advice = "label maps, label encoder and the teacher's head don't fit: axes, box code, or too short a training"
    if own >= GOOD_AP and own > 2 * other:
        looks.passed(figure)
    elif (run.settings.training.steps or LONG_STEPS) < LONG_STEPS and not context.plan.study.comparable:
        looks.warned(figure, f"{run.settings.training.steps} steps teach little: {advice}")
    else:
        looks.failed(figure, advice)

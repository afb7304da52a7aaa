"""Recorded label-encoder stage (released: models/labelencoder.py, exps/nuscenes/labeldistill/LabelDistill_step1.py)."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from labeldistill.data.batch import Batch
from labeldistill.distillation.inverse import LabelInverse
from labeldistill.distillation.label_map import draw_label_maps
from labeldistill.models.centre_head.decode import Detections
from labeldistill.models.centre_head.head import HeadOutput
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.module_run import compare_gradient
from labeldistill.parity.cases.recorded_run import grid_of, head_of, label_encoder_of, released_run, teacher_of
from labeldistill.parity.compare import Comparison

HEAD = "centerpoint.pts_bbox_head."
TIE = 1e-6


def inverse_of(record: Mapping[str, Any]) -> LabelInverse:
    """The recorded model with its weights; parts of the teacher that were not recorded are never run."""
    state, grid = record["state_dict"], grid_of(record["head_conf"]["train_cfg"])
    head = head_of(record["head_conf"], state, HEAD)
    run = released_run(
        "label-encoder",
        grid,
        teacher=teacher_of(record["lidar_conf"], grid, head),
        label_encoder=label_encoder_of(record["labelenc_conf"], head),
    )
    model = LabelInverse.from_settings(run)
    for name in ("label_encoder", "centerpoint.pts_neck", "centerpoint.pts_bbox_head"):
        part = {k.removeprefix(name + "."): v for k, v in state.items() if k.startswith(name + ".")}
        model.get_submodule(name).load_state_dict(part, strict=True)
    return model


def boxes_only(boxes: list[torch.Tensor], labels: list[torch.Tensor]) -> Batch:
    """A batch that holds nothing but ground truth."""
    return Batch(None, None, None, None, boxes, labels, [str(i) for i in range(len(boxes))])


def compare_predictions(what: str, ours: HeadOutput, theirs: list[dict[str, Any]]) -> Iterator[Comparison]:
    """Every map of every task."""
    for task, maps in enumerate(theirs):
        for name, value in maps.items():
            yield compare.output(f"{what} {task} {name}", ours[task][name], value)


def compare_buffers(mode: str, module: nn.Module, theirs: Mapping[str, Any]) -> Iterator[Comparison]:
    """Recorded buffers after a forward pass."""
    buffers = dict(module.named_buffers())
    for name, value in theirs.items():
        check = compare.output if value.is_floating_point() else compare.exact
        yield check(f"{mode} {name} after", buffers[name], value)


@case("07_label_encoder_step1.pt")
def label_encoder_step1(golden: GoldenFolder) -> Iterator[Comparison]:
    """Targets and label maps, a training step with the teacher in train mode, evaluation with decoded boxes."""
    record = golden.load("07_label_encoder_step1.pt")
    batch = boxes_only(record["gt_boxes"], record["gt_labels"])
    yield from _inputs(inverse_of(record), batch, record["targets"])
    yield from _train(inverse_of(record), batch, record["train"])
    yield from _eval(inverse_of(record), batch, record["eval"])


def _inputs(model: LabelInverse, batch: Batch, theirs: Mapping[str, Any]) -> Iterator[Comparison]:
    maps = draw_label_maps(batch.boxes, batch.labels, model.grid, model.map_options)
    for name, ours in (("bev_mask", maps.mask), ("bev_box", maps.box), ("bev_label", maps.label)):
        yield compare.exact(name, ours, theirs[name])
    targets = model.head_options.targets(batch.boxes, batch.labels, model.grid, model.head_settings)
    for task in range(len(targets.heatmaps)):
        yield compare.output(f"heatmap {task}", targets.heatmaps[task], theirs["heatmaps"][task])
        yield compare.output(f"boxes {task}", targets.boxes[task], theirs["anno_boxes"][task])
        yield compare.exact(f"indices {task}", targets.indices[task], theirs["inds"][task])
        yield compare.exact(f"masks {task}", targets.masks[task], theirs["masks"][task])


def _train(model: LabelInverse, batch: Batch, theirs: Mapping[str, Any]) -> Iterator[Comparison]:
    model.train()
    maps = draw_label_maps(batch.boxes, batch.labels, model.grid, model.map_options)
    predictions = model(maps)
    yield from compare_predictions("train prediction", predictions, theirs["preds"])
    targets = model.head_options.targets(batch.boxes, batch.labels, model.grid, model.head_settings)
    loss = model.head_options.detection_loss(targets, predictions, model.head_settings)
    yield compare.loss("train detection loss", loss, theirs["detection_loss"])
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = dict(model.label_encoder.named_parameters())
    yield compare.exact("names with gradient", sorted(parameters), sorted(theirs["param_grads"]))
    largest = max(float(g.norm()) for g in theirs["param_grads"].values())
    for name, gradient in theirs["param_grads"].items():
        yield compare_gradient(f"gradient of {name}", parameters[name].grad, gradient, largest)
    frozen = [p for p in model.centerpoint.parameters() if p.grad is not None]
    yield compare.exact("teacher parameters with gradient", len(frozen), 0)
    yield from compare_buffers("train", model, theirs["buffers_after"])


def _eval(model: LabelInverse, batch: Batch, theirs: Mapping[str, Any]) -> Iterator[Comparison]:
    model.eval()
    with torch.no_grad():
        maps = draw_label_maps(batch.boxes, batch.labels, model.grid, model.map_options)
        for i, (ours, features) in enumerate(zip(model.label_encoder(maps), theirs["label_feats"], strict=True)):
            yield compare.output(f"eval features {i}", ours, features)
        yield from compare_predictions("eval prediction", model(maps), theirs["preds"])
        yield compare.loss("eval loss", model.losses(batch)["detection"], theirs["loss"])
        detections = model.detect(batch)
    yield from compare_detections(detections, theirs["results"])


def compare_detections(ours: list[Detections], theirs: list[Mapping[str, Any]]) -> Iterator[Comparison]:
    """Decoded boxes, scores and labels of every sample, in the recorded order but for ties."""
    for i, (found, recorded) in enumerate(zip(ours, theirs, strict=True)):
        same_count = len(found.scores) == len(recorded["scores"])
        yield compare.exact(f"sample {i} detections", len(found.scores), len(recorded["scores"]))
        order = tied_order(found, recorded) if same_count else slice(None)
        yield compare.output(f"sample {i} boxes", found.boxes[order], recorded["bboxes"])
        yield compare.output(f"sample {i} scores", found.scores[order], recorded["scores"])
        yield compare.exact(f"sample {i} labels", found.labels[order], recorded["labels"])


def tied_order(found: Detections, recorded: Mapping[str, Any]) -> torch.Tensor:
    """Our rows in the order of the recorded ones; only neighbours of the same task with scores equal to 1e-6 swap.

    Among hundreds of random boxes some scores agree to the last bit; which comes first is then rounding.
    """
    order = torch.arange(len(found.scores))
    for row in range(len(order) - 1):
        here, following = order[row], order[row + 1]
        tied = abs(float(found.scores[here] - found.scores[following])) < TIE
        target = recorded["bboxes"][row]
        if tied and (found.boxes[following] - target).norm() < (found.boxes[here] - target).norm():
            order[[row, row + 1]] = order[[row + 1, row]]
    return order

"""The student's BEV head with its targets, losses and decoding (KDHead of the release)."""

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import HeadSettings
from labeldistill.models.centre_head.decode import Detections, decode
from labeldistill.models.centre_head.head import BRANCHES, HeadOutput
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.student_head import StudentHead
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison

RULES = HeadOptions()
RECORDED_NAMES = {"heatmaps": "heatmaps", "boxes": "anno_boxes", "indices": "inds", "masks": "masks"}


@case("03_kd_head.pt")
def kd_head(golden: GoldenFolder) -> Iterator[Comparison]:
    """Targets, forward, detection and response loss with gradients, decoding with both NMS variants."""
    data = golden.load("03_kd_head.pt")
    grid, head = grid_of(data["cfg"]), head_settings_of(data["cfg"])
    yield from compare_targets(data, grid, head)
    for mode in ("eval", "train"):
        yield from _compare_forward(data, mode)
    yield from compare_losses(data, data["loss"]["preds"], grid, head)
    yield from _compare_response(data, grid, head)
    yield from _compare_decoding(data, grid, head)


def grid_of(cfg: dict[str, Any]) -> GridSettings:
    """The grid a recorded head works on."""
    return coder_grid(cfg["bbox_coder"])


def coder_grid(coder: dict[str, Any]) -> GridSettings:
    """The grid a recorded box coder works on."""
    low, high = coder["pc_range"][:3], coder["pc_range"][3:]
    cell = [size * coder["out_size_factor"] for size in coder["voxel_size"][:2]]
    x, y = ((low[i], high[i], cell[i]) for i in range(2))
    return GridSettings(x_m=x, y_m=y, max_decoded_distance_m=coder["post_center_range"][3])


def head_settings_of(cfg: dict[str, Any]) -> HeadSettings:
    """The settings of a recorded head."""
    train, test, coder = cfg["train_cfg"], cfg["test_cfg"], cfg["bbox_coder"]
    return HeadSettings(
        code_weights=tuple(train["code_weights"]),
        box_loss_weight=cfg["loss_bbox"]["loss_weight"],
        gaussian_overlap=train["gaussian_overlap"],
        min_gaussian_radius=train["min_radius"],
        max_objects=train["max_objs"] * train["dense_reg"],
        score_threshold=coder["score_threshold"],
        max_detections=coder["max_num"],
        circle_nms_radius=tuple(test["min_radius"]),
        max_per_task=test["post_max_size"],
    )


def compare_targets(data: dict[str, Any], grid: GridSettings, head: HeadSettings) -> Iterator[Comparison]:
    """Targets as recorded, with an empty first sample, and with few slots; slots and cells exactly."""
    boxes, labels = data["gt_boxes"], data["gt_labels"]
    ours = {"targets": (boxes, labels, head), "targets_empty": (*_first_empty(boxes, labels), head)}
    for key in data:
        if key.startswith("targets_max_objs_"):
            ours[key] = (boxes, labels, head.model_copy(update={"max_objects": int(key.rsplit("_", 1)[1])}))
    for key, (some_boxes, some_labels, settings) in ours.items():
        targets = RULES.targets(some_boxes, some_labels, grid, settings)
        for field, recorded in RECORDED_NAMES.items():
            pairs = zip(getattr(targets, field), data[key][recorded], strict=True)
            check = compare.exact if field in ("indices", "masks") else compare.output
            yield from (check(f"{key}.{recorded}[{task}]", *pair) for task, pair in enumerate(pairs))


def _first_empty(boxes: list[Tensor], labels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    return [boxes[0][:0], *boxes[1:]], [labels[0][:0], *labels[1:]]


def _compare_forward(data: dict[str, Any], mode: str) -> Iterator[Comparison]:
    recorded, model = data[f"forward_{mode}"], student_head_of(data)
    model.train(mode == "train")
    x = data["x"].clone().requires_grad_()
    predictions, features = model(x)
    yield from compare_predictions(mode, predictions, recorded["preds"])
    for i, pair in enumerate(zip(features, recorded["trunk_outs"], strict=True)):
        yield compare.output(f"{mode}.trunk_outs[{i}]", *pair)
    torch.autograd.backward(weighted_sum(predictions, first_seed(data)))
    yield compare.gradient(f"{mode}.grad_x", x.grad, recorded["grad_x"])
    yield compare.gradient(f"{mode}.grad_conv1", model.trunk.conv1.weight.grad, recorded["grad_conv1"])
    buffers = dict(model.named_buffers())
    for name, value in recorded["buffers_after"].items():
        yield compare.output(f"{mode}.{name}", buffers[name], value)


def compare_predictions(what: str, ours: HeadOutput, recorded: HeadOutput) -> Iterator[Comparison]:
    """Every map of every task."""
    for task, (our_maps, recorded_maps) in enumerate(zip(ours, recorded, strict=True)):
        yield compare.exact(f"{what}.branches[{task}]", sorted(our_maps), sorted(recorded_maps))
        yield from (compare.output(f"{what}.{n}[{task}]", our_maps[n], recorded_maps[n]) for n in recorded_maps)


def weighted_sum(predictions: HeadOutput, seed: int) -> Tensor:
    """The scalar whose gradients were recorded: every map times noise of its own seed, by task and branch."""
    maps = [task[name] for task in predictions for name in (*BRANCHES, "heatmap")]
    noise = (torch.randn(m.shape, generator=torch.Generator().manual_seed(seed + i)) for i, m in enumerate(maps))
    return torch.stack([(m * n).sum() for m, n in zip(maps, noise, strict=True)]).sum()


def first_seed(data: dict[str, Any]) -> int:
    """Seed of the first map's noise, as the recorded file's own README says it."""
    said = re.search(r"randn\(seed (\d+)\+i\)", data["README"])
    return int(said.group(1)) if said else 900


def compare_losses(
    data: dict[str, Any], recorded: HeadOutput, grid: GridSettings, head: HeadSettings
) -> Iterator[Comparison]:
    """Detection loss with gradients of the raw predictions; with a NaN velocity; with an empty first sample.

    Args:
        data: the recorded file.
        recorded: recorded predictions.
        grid: the recorded grid.
        head: the recorded head's settings.
    """
    boxes, labels = data["gt_boxes"], data["gt_labels"]
    targets = RULES.targets(boxes, labels, grid, head)
    leaves, predictions = _leaves(recorded)
    value = RULES.detection_loss(targets, predictions, head)
    yield compare.loss("loss", value, data["loss"]["loss"])
    torch.autograd.backward(value)
    yield from _compare_gradients("loss.grads", leaves, data["loss"]["grads"])

    empty = RULES.targets(*_first_empty(boxes, labels), grid, head)
    value = RULES.detection_loss(empty, _leaves(recorded)[1], head)
    yield compare.loss("loss_empty_sample", value, data["loss_empty_sample"]["loss"])
    targets.boxes[0][0, 0, 8:] = torch.nan
    value = RULES.detection_loss(targets, _leaves(recorded)[1], head)
    yield compare.loss("loss_nan_vel", value, data["loss_nan_vel"]["loss"])


def _compare_response(data: dict[str, Any], grid: GridSettings, head: HeadSettings) -> Iterator[Comparison]:
    recorded = data["response_loss"]
    targets = RULES.targets(data["gt_boxes"], data["gt_labels"], grid, head)
    leaves, student = _leaves(data["loss"]["preds"])
    _, teacher = _leaves(recorded["teacher_preds"])
    detection, response = RULES.response_loss(targets, student, teacher, head)
    yield compare.loss("response_loss.det_loss", detection, recorded["det_loss"])
    yield compare.loss("response_loss.response_loss", response, recorded["response_loss"])
    torch.autograd.backward(response)
    yield from _compare_gradients("response_loss.grads_response", leaves, recorded["grads_response"])


def _leaves(recorded: HeadOutput) -> tuple[HeadOutput, HeadOutput]:
    """Copies that collect gradients, and clones of them that a loss may overwrite like a head's output."""
    leaves = [{name: m.clone().requires_grad_() for name, m in task.items()} for task in recorded]
    return leaves, [{name: m.clone() for name, m in task.items()} for task in leaves]


def _compare_gradients(what: str, leaves: HeadOutput, recorded: HeadOutput) -> Iterator[Comparison]:
    for task, gradients in enumerate(recorded):
        for name, gradient in gradients.items():
            yield compare.gradient(f"{what}[{task}].{name}", leaves[task][name].grad, gradient)


def _compare_decoding(data: dict[str, Any], grid: GridSettings, head: HeadSettings) -> Iterator[Comparison]:
    predictions = data["get_bboxes"]["preds"]
    yield from _compare_detections("get_bboxes", RULES.decode(predictions, grid, head), data["get_bboxes"]["results"])
    recorded = data["get_bboxes_size_aware"]
    ours = decode(predictions, grid, head, squared_distance=True, size_aware_scales=recorded["thresh_scale"])
    yield from _compare_detections("get_bboxes_size_aware", ours, recorded["results"])


def _compare_detections(what: str, ours: list[Detections], recorded: list[dict[str, Tensor]]) -> Iterator[Comparison]:
    for i, (found, expected) in enumerate(zip(ours, recorded, strict=True)):
        yield compare.exact(f"{what}[{i}].labels", found.labels, expected["labels"])
        yield compare.output(f"{what}[{i}].bboxes", found.boxes, expected["bboxes"])
        yield compare.output(f"{what}[{i}].scores", found.scores, expected["scores"])


def student_head_of(data: dict[str, Any]) -> StudentHead:
    """A head of the recorded sizes with the recorded weights, loaded by name, none missing."""
    state = {name: value.float() for name, value in data["state_dict_fp16"].items()}
    trunk, neck = data["cfg"]["bev_backbone_conf"], data["cfg"]["bev_neck_conf"]
    model = StudentHead(
        trunk["in_channels"],
        trunk_depth=trunk["depth"],
        trunk_base_channels=trunk["base_channels"],
        neck_channels=neck["out_channels"],
        shared_channels=state["shared_conv.conv.weight"].shape[0],
        branch_channels=state["task_heads.0.reg.0.conv.weight"].shape[0],
    )
    model.load_state_dict(state)
    return model


@case("04_bev_depth_head.pt", "03_kd_head.pt")
def bev_depth_head(golden: GoldenFolder) -> Iterator[Comparison]:
    """BEVDepth's head: targets and detection loss. Forward and decoding equal those of 03_kd_head.pt bit for bit."""
    data = golden.load("04_bev_depth_head.pt")
    grid, head = grid_of(data["cfg"]), head_settings_of(data["cfg"])
    yield from compare_targets(data, grid, head)
    predictions = golden.load("03_kd_head.pt")["loss"]["preds"]
    yield from compare_losses(data, predictions, grid, head)

"""Recorded label maps (released: utils/bev_mask.py gen_labelinput and its call in layers/heads/kd_head.py)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from labeldistill.distillation.label_map import (
    RELEASED_OPTIONS,
    LabelMapOptions,
    LabelMaps,
    draw_label_maps,
    draw_outlines,
)
from labeldistill.distillation.rasterise import Rectangles
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.recorded_run import grid_of
from labeldistill.parity.compare import Comparison


def _draw(records: Sequence[Mapping[str, Any]], sample: list[int], maps: int) -> LabelMaps:
    """Draw recorded boxes into their maps, in their order."""

    def stacked(name: str) -> torch.Tensor:
        return torch.stack([torch.as_tensor(r[name]) for r in records])

    boxes = stacked("label_box")
    sizes = torch.stack((stacked("width"), stacked("length")), dim=1)
    outlines = Rectangles(stacked("center"), sizes, boxes[:, 6])
    ny, nx = records[0]["bev_mask"].shape
    return draw_outlines(
        outlines, boxes, stacked("label_class"), torch.tensor(sample), (maps, nx, ny), RELEASED_OPTIONS
    )


@case("03b_gen_labelinput.pt")
def gen_labelinput(golden: GoldenFolder) -> Iterator[Comparison]:
    """Single boxes on empty maps, and all of them drawn one after the other into the same map."""
    record = golden.load("03b_gen_labelinput.pt")
    cases = record["cases"]
    alone = _draw(cases, list(range(len(cases))), len(cases))
    for i, theirs in enumerate(cases):
        yield compare.exact(f"box {i}: mask", alone.mask[i], theirs["bev_mask"])
        yield compare.exact(f"box {i}: box map", alone.box[i], theirs["bev_box"])
        yield compare.exact(f"box {i}: label map", alone.label[i], theirs["bev_label"])
    together = _draw(cases, [0] * len(cases), 1)
    yield compare.exact("accumulated: mask", together.mask[0], record["accumulated"]["bev_mask"])
    yield compare.exact("accumulated: box map", together.box[0], record["accumulated"]["bev_box"])
    yield compare.exact("accumulated: label map", together.label[0], record["accumulated"]["bev_label"])


@case("03_kd_head.pt#label_maps")
def kd_head_label_maps(golden: GoldenFolder) -> Iterator[Comparison]:
    """Label maps of whole samples: boxes out of range, without size, overlapping, beyond `max_objs`; no boxes."""
    record = golden.load("03_kd_head.pt")
    grid = grid_of(record["cfg"]["train_cfg"])
    boxes, labels = record["gt_boxes"], record["gt_labels"]
    emptied = [boxes[0][:0], *boxes[1:]], [labels[0][:0], *labels[1:]]
    for name, (some, their) in {
        "targets": (boxes, labels),
        "targets_empty": emptied,
        "targets_max_objs_2": (boxes, labels),
    }.items():
        theirs = record[name]
        ours = draw_label_maps(some, their, grid, LabelMapOptions(max_objects=theirs["masks"][0].shape[1]))
        yield compare.exact(f"{name}: mask", ours.mask, theirs["bev_mask"])
        yield compare.exact(f"{name}: box map", ours.box, theirs["bev_box"])
        yield compare.exact(f"{name}: label map", ours.label, theirs["bev_label"])

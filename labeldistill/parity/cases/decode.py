"""Decoding of one task and circle NMS (mmdet3d)."""

from collections.abc import Iterator
from typing import Any

import torch

from labeldistill.models.centre_head.decode import Detections, decode_task
from labeldistill.ops.circle_nms import circle_nms
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.centre_head import coder_grid
from labeldistill.parity.compare import Comparison


@case("08d_decode_circle_nms.pt")
def decode_circle_nms(golden: GoldenFolder) -> Iterator[Comparison]:
    """Decoded boxes with and without offsets and velocities; kept indices of circle NMS, in order."""
    data = golden.load("08d_decode_circle_nms.pt")
    for key, complete in {"decoded": True, "decoded_noreg_novel": False}.items():
        for i, (found, recorded) in enumerate(zip(_decoded(data, complete), data[key], strict=True)):
            yield compare.exact(f"{key}[{i}].labels", found.labels, recorded["labels"])
            yield compare.output(f"{key}[{i}].bboxes", found.boxes, recorded["bboxes"])
            yield compare.output(f"{key}[{i}].scores", found.scores, recorded["scores"])
    for i, recorded in enumerate(data["circle_nms"]):
        dets = recorded["dets"].numpy()
        kept = circle_nms(
            dets[:, :2], dets[:, 2], recorded["thresh"], squared_distance=True, max_kept=recorded["post_max_size"]
        )
        yield compare.exact(f"circle_nms[{i}].keep", kept, recorded["keep"])


def _decoded(data: dict[str, Any], complete: bool) -> list[Detections]:
    maps = {"rot": torch.cat([data["rot_sine"], data["rot_cosine"]], dim=1), "height": data["hei"], "dim": data["dim"]}
    if complete:
        maps |= {"vel": data["vel"], "reg": data["reg"]}
    return decode_task(
        data["heat"],
        maps,
        coder_grid(data["cfg"]),
        max_detections=data["cfg"]["max_num"],
        score_threshold=data["cfg"]["score_threshold"],
        log_dim=False,
    )

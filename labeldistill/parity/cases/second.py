"""BEV backbone, neck and head of the teacher, against mmdetection3d's SECOND, SECONDFPN and CenterHead."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from labeldistill.models.centre_head.head import CentreHead, HeadOutput
from labeldistill.models.second import Second
from labeldistill.models.second_fpn import SecondFpn
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison

FILE = "08c_second_fpn_head.pt"
FIRST_SEED = 900  # of the weights of the recorded sum, one a map


class _DenseHalf(nn.Module):
    """What follows the sparse encoder, under the teacher's names."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        backbone, neck, head = config["pts_backbone"], config["pts_neck"], config["pts_bbox_head"]
        self.pts_backbone = Second(
            backbone["in_channels"], backbone["out_channels"], backbone["layer_nums"], backbone["layer_strides"]
        )
        self.pts_neck = SecondFpn(
            neck["in_channels"], neck["out_channels"], neck["upsample_strides"],
            use_conv_for_no_stride=neck["use_conv_for_no_stride"],
        )  # fmt: skip
        tasks = [task["class_names"] for task in head["tasks"]]
        self.pts_bbox_head = CentreHead(
            head["in_channels"], head["share_conv_channel"], head["separate_head"]["head_conv"], tasks
        )

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor, HeadOutput]:
        scales = self.pts_backbone(x)
        neck = self.pts_neck(scales)
        return scales, neck, self.pts_bbox_head(neck)


def _weighted_sum(predictions: HeadOutput) -> Tensor:
    maps = [value for task in predictions for value in task.values()]
    terms = []
    for number, value in enumerate(maps):
        weights = torch.randn(value.shape, generator=torch.Generator().manual_seed(FIRST_SEED + number))
        terms.append((value * weights).sum())
    return torch.stack(terms).sum()


@case(FILE)
def second_fpn_head(folder: GoldenFolder) -> Iterator[Comparison]:
    """Both scales, neck, predictions and the gradient of the input in both modes."""
    recorded = folder.load(FILE)
    for mode in ("train", "eval"):
        model = _DenseHalf(recorded["cfg"])
        model.load_state_dict(recorded["state_dict"])
        x = recorded["x_fp32"].clone().requires_grad_()
        scales, neck, predictions = model.train(mode == "train")(x)
        expected = recorded[mode]
        for level, (ours, theirs) in enumerate(zip(scales, expected["second"], strict=True)):
            yield compare.output(f"{mode} scale {level}", ours, theirs)
        yield compare.output(f"{mode} neck", neck, expected["neck"][0])
        for task, (maps, theirs) in enumerate(zip(predictions, expected["preds"], strict=True)):
            for name, value in theirs.items():
                yield compare.output(f"{mode} task {task} {name}", maps[name], value)
        total = _weighted_sum(predictions)
        (gradient,) = torch.autograd.grad(total, x)
        yield compare.output(f"{mode} weighted sum", total, expected["weighted_sum"])
        yield compare.gradient(f"{mode} gradient of the input", gradient[:, ::4], expected["grad_x_slice"])

"""Recorded label encoder (released: layers/backbones/label_backbone.py)."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.label_map import LabelMaps
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.module_run import compare_module_run
from labeldistill.parity.compare import Comparison


def encoder_of(cfg: dict[str, Any]) -> LabelEncoder:
    """The encoder that a recorded `cfg` / `labelenc_conf` describes."""
    size = cfg["feature_size"]
    return LabelEncoder(
        hidden_channels=cfg["hidden_features"],
        out_channels=cfg["out_features"],
        cells_xy=(size, size),
        box_features=cfg["box_features"],
        strides=cfg["stride"],
        classes=cfg["label_features"],
    )


@case("01_label_backbone.pt")
def label_backbone(golden: GoldenFolder) -> Iterator[Comparison]:
    """Forward and backward in both modes, on the same weights."""
    record = golden.load("01_label_backbone.pt")
    for mode in ("eval", "train"):
        encoder = encoder_of(record["cfg"])
        encoder.load_state_dict(record["state_dict"], strict=True)
        box, label = (record[name].clone().requires_grad_() for name in ("box", "label"))
        maps = LabelMaps(record["bev_mask"][:, 0], box, label)

        def run(encoder: LabelEncoder = encoder, maps: LabelMaps = maps) -> list[Tensor]:
            return encoder(maps)  # type: ignore[no-any-return]

        yield from compare_module_run(mode, encoder, run, record[mode])
        yield compare.gradient(f"{mode} gradient of box", box.grad, record[mode]["grad_box"])
        yield compare.gradient(f"{mode} gradient of label", label.grad, record[mode]["grad_label"])

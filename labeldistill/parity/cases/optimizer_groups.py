"""Recorded: the learning rate and weight decay that the release gives every parameter of its full-size models."""

from collections.abc import Iterator

from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison
from labeldistill.training.optimizer import parameter_rules

FROZEN_STEM = ("backbone.img_backbone.conv1.", "backbone.img_backbone.bn1.")
"""Not trained at `frozen_stages` 0, so the substring rule passes them over."""


def _compared(golden: GoldenFolder, name: str) -> Iterator[Comparison]:
    recorded = golden.load(name)
    config = recorded["optimizer_config"]
    rules = parameter_rules(
        [(parameter, not parameter.startswith(FROZEN_STEM)) for parameter, _, _ in recorded["groups"]],
        lr=config["lr"],
        weight_decay=config["weight_decay"],
        backbone_lr_multiplier=config["paramwise_cfg"]["custom_keys"]["backbone"]["lr_mult"],
        backbone_by_substring=True,
    )
    yield compare.exact("optimiser", "AdamW", recorded["optimizer"])
    yield compare.exact("learning rates", [rule.lr for rule in rules], [lr for _, lr, _ in recorded["groups"]])
    yield compare.exact("weight decays", [r.weight_decay for r in rules], [decay for _, _, decay in recorded["groups"]])


@case("10b_optimizer_groups_labeldistill_r50_2key.json")
def three_frames(golden: GoldenFolder) -> Iterator[Comparison]:
    """Every parameter of the 3-frame model."""
    yield from _compared(golden, "10b_optimizer_groups_labeldistill_r50_2key.json")


@case("10b_optimizer_groups_labeldistill_r50_4key.json")
def five_frames(golden: GoldenFolder) -> Iterator[Comparison]:
    """Every parameter of the 5-frame model."""
    yield from _compared(golden, "10b_optimizer_groups_labeldistill_r50_4key.json")

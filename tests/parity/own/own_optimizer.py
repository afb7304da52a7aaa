"""10b: which learning rate each parameter gets, by hand."""

from typing import Any

LR, MULTIPLIER, WEIGHT_DECAY = 4e-4, 0.5, 0.01
GROUPS = {
    "backbone.img_backbone.conv1.weight": LR,  # frozen: listed, never multiplied
    "backbone.img_backbone.bn1.bias": LR,
    "backbone.img_backbone.layer1.0.conv1.weight": 2e-4,
    "backbone.img_neck.deblocks.0.0.weight": 2e-4,
    "backbone.depth_net.bn.bias": 2e-4,
    "head.trunk.layer1.0.bn1.weight": LR,
    "head.task_heads.0.heatmap.1.bias": LR,
    "label_adaptor.blocks.0.0.weight": LR,
    "centerpoint.pts_backbone.blocks.0.0.weight": 2e-4,  # by the substring
    "centerpoint.pts_neck.deblocks.0.0.weight": LR,
    "label_encoder.mlp2.fc1.weight": LR,
}


def optimizer_groups() -> dict[str, Any]:
    """Weight decay on everything, norms and biases too."""
    return {
        "optimizer": "AdamW",
        "optimizer_config": {
            "type": "AdamW",
            "lr": LR,
            "weight_decay": WEIGHT_DECAY,
            "paramwise_cfg": {"custom_keys": {"backbone": {"lr_mult": MULTIPLIER}}},
        },
        "groups": [[name, rate, WEIGHT_DECAY] for name, rate in GROUPS.items()],
    }

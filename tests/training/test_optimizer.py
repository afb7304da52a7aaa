from switch_stages import named_groups
from torch import nn

from labeldistill.training.optimizer import build_adamw, norms_and_biases, parameter_rules

NAMES = [
    ("backbone.img_backbone.conv1.weight", False),
    ("backbone.img_backbone.layer1.weight", True),
    ("backbone.img_neck.weight", True),
    ("backbone.depth_net.weight", True),
    ("head.trunk.weight", True),
    ("centerpoint.pts_backbone.weight", True),
    ("centerpoint.pts_neck.weight", True),
]


def lrs(*, released: bool) -> dict[str, float]:
    rules = parameter_rules(
        NAMES, lr=4e-4, weight_decay=1e-2, backbone_lr_multiplier=0.5, backbone_by_substring=released
    )
    return {rule.name: rule.lr for rule in rules}


def test_released_rule_halves_every_trained_name_with_backbone_in_it() -> None:
    assert list(lrs(released=True).values()) == [4e-4, 2e-4, 2e-4, 2e-4, 4e-4, 2e-4, 4e-4]


def test_corrected_rule_halves_the_image_backbone_alone() -> None:
    assert list(lrs(released=False).values()) == [2e-4, 2e-4, 4e-4, 4e-4, 4e-4, 4e-4, 4e-4]


def model() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm([4, 5, 5]), nn.Linear(5, 2))
    net[3].requires_grad_(False)
    return net


def test_norms_and_biases_include_wide_layer_norms() -> None:
    assert norms_and_biases(model()) == {"0.bias", "1.weight", "1.bias", "2.weight", "2.bias", "3.bias"}


def test_adamw_holds_trained_parameters_in_few_groups() -> None:
    net = model()
    names = [(name, p.requires_grad) for name, p in net.named_parameters()]
    rules = parameter_rules(
        names,
        lr=1e-3,
        weight_decay=0.1,
        backbone_lr_multiplier=1,
        backbone_by_substring=True,
        undecayed=norms_and_biases(net),
    )
    optimizer = build_adamw(net, rules, {"0.weight", "0.bias", "1.weight", "3.weight"})
    assert len(optimizer.param_groups) == 2
    assert dict((n, d) for n, _, d in named_groups(optimizer, net)) == {
        "0.weight": 0.1,
        "0.bias": 0.0,
        "1.weight": 0.0,
    }
    assert optimizer.defaults["betas"] == (0.9, 0.999)
    assert optimizer.defaults["eps"] == 1e-8

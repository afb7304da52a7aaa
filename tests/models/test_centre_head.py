"""The centre head and the student's BEV half: names, initial values, precision, outputs."""

import math
from copy import deepcopy

import pytest
import torch

from labeldistill.geometry.classes import TASKS
from labeldistill.models.centre_head.head import BRANCHES, CentreHead
from labeldistill.models.student_head import StudentHead


def test_parameter_names_are_the_released_ones():
    names = set(CentreHead(8, shared_channels=6, branch_channels=4).state_dict())
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {"shared_conv.conv.weight"} | {f"shared_conv.bn.{n}" for n in norm}
    for task in range(6):
        for branch in ("reg", "height", "dim", "rot", "vel", "heatmap"):
            at = f"task_heads.{task}.{branch}"
            expected |= {f"{at}.0.conv.weight", f"{at}.1.weight", f"{at}.1.bias"} | {f"{at}.0.bn.{n}" for n in norm}
    assert names == expected


def test_one_map_a_branch_and_one_channel_a_class():
    predictions = CentreHead(8, 6, 4)(torch.randn(2, 8, 16, 24))
    assert len(predictions) == 6
    for maps, task in zip(predictions, TASKS, strict=True):
        assert {n: m.shape for n, m in maps.items()} == {
            n: (2, c, 16, 24) for n, c in {**BRANCHES, "heatmap": len(task)}.items()
        }


def test_initial_values_follow_the_release():
    """Kaiming (fan-out) before a norm, the default with its bias in the last layer unless a heatmap bias is asked."""
    torch.manual_seed(0)
    default = CentreHead(64, heatmap_bias=None)
    reached = default.shared_conv.conv.weight.std().item()
    assert math.isclose(reached, math.sqrt(2 / (64 * 9)), rel_tol=0.02)
    last = [head.get_submodule(name)[1] for head in default.task_heads for name in (*BRANCHES, "heatmap")]
    bound = 1 / math.sqrt(64 * 9)
    assert all(layer.weight.abs().max() <= bound and layer.bias.abs().max() <= bound for layer in last)
    biased = CentreHead(64, heatmap_bias=-2.19)
    for head in biased.task_heads:
        assert torch.equal(head.heatmap[1].bias, torch.full_like(head.heatmap[1].bias, -2.19))
        assert head.reg[1].bias.abs().max() <= bound


def student_head() -> StudentHead:
    torch.manual_seed(1)
    return StudentHead(6, trunk_depth=18, trunk_base_channels=8, neck_channels=(4, 4, 4, 4), shared_channels=8)


def test_student_head_returns_the_input_and_the_first_stage_as_features():
    head, x = student_head(), torch.randn(2, 6, 32, 16)
    predictions, features = head(x)
    assert torch.equal(features[0], x)
    assert features[1].shape == (2, 8, 16, 8)
    assert predictions[0]["reg"].shape == (2, 2, 32, 16)
    assert {name.split(".")[0] for name in head.state_dict()} == {"shared_conv", "task_heads", "trunk", "neck"}


def test_head_stays_in_float32_under_mixed_precision():
    head, x = student_head().eval(), torch.randn(2, 6, 16, 16).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed, features = head(x)
    plain, _ = head(x.float())
    assert features[1].dtype == torch.float32
    assert torch.equal(mixed[3]["dim"], plain[3]["dim"])


def test_features_carry_gradients_to_the_input():
    head, x = student_head(), torch.randn(2, 6, 16, 16, requires_grad=True)
    head(x)[1][1].square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("mixed", [False, True])
def test_joined_branches_are_the_branches_one_by_one(training: bool, mixed: bool) -> None:
    """Outputs, gradients and running statistics; `mixed`: norms that can't be joined, as those over all processes."""
    torch.manual_seed(0)
    head = CentreHead(6, 5, 4, half=True).double().train(training)  # otherwise it computes in single precision
    for name, buffer in head.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    if mixed:
        head.task_heads[1].dim[0].bn.momentum = 0.3
    alone = deepcopy(head)
    x = torch.randn(2, 6, 7, 9, dtype=torch.float64)
    joined = [value for maps in head(x) for value in maps.values()]
    shared = alone.shared_conv(x)
    separate = [task.get_submodule(name)(shared) for task in alone.task_heads for name in task.branches]
    weights = [torch.randn_like(value) for value in separate]
    for values in (joined, separate):
        torch.stack([(value * w).sum() for value, w in zip(values, weights, strict=True)]).sum().backward()
    torch.testing.assert_close(joined, separate)
    torch.testing.assert_close([p.grad for p in head.parameters()], [p.grad for p in alone.parameters()])
    torch.testing.assert_close(head.state_dict(), alone.state_dict())
    assert int(head.task_heads[0].reg[0].bn.num_batches_tracked) == int(training)

"""The branches of all tasks in two convolutions: one for the layers over the shared map, one grouped for the last.

Modules, parameters and their names stay those of the separate branches; their weights are joined at each pass.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUP_OUTPUTS = 8
"""Outputs of a group are filled up with zeros to a multiple of this, which convolutions are much faster with."""


def run_branches(branches: Sequence[Any], x: Tensor) -> list[Tensor]:
    """Apply branches of equal width to one map.

    Args:
        branches: pairs of a ConvModule (3 x 3 without bias, BatchNorm, ReLU) and a 3 x 3 convolution with bias, as in
            `SeparateHead`.
        x: [B, in_channels, H, W], the same for all.

    Returns:
        The output of each branch, [B, its channels, H, W].
    """
    firsts, lasts = [first for first, _ in branches], [last for _, last in branches]
    hidden = F.conv2d(x, torch.cat([first.conv.weight for first in firsts]), padding=1)
    hidden = F.relu(_normalised(hidden, [first.bn for first in firsts]), inplace=True)
    width = -(-max(last.out_channels for last in lasts) // GROUP_OUTPUTS) * GROUP_OUTPUTS
    missing = [width - last.out_channels for last in lasts]
    empty = lasts[0].weight.new_zeros(width, *lasts[0].weight.shape[1:])
    weight = torch.cat([part for last, n in zip(lasts, missing, strict=True) for part in (last.weight, empty[:n])])
    bias = torch.cat([part for last, n in zip(lasts, missing, strict=True) for part in (last.bias, empty[:n, 0, 0, 0])])
    out = F.conv2d(hidden, weight, bias, padding=1, groups=len(lasts))
    sizes = [size for last, n in zip(lasts, missing, strict=True) for size in (last.out_channels, n)]
    return list(torch.split(out, sizes, dim=1)[::2])


def _normalised(x: Tensor, norms: Sequence[nn.BatchNorm2d]) -> Tensor:
    """BatchNorm of the joined channels [B, sum of channels, H, W], each part by its own module's state.

    Only plain ones are joined; those over all processes exchange their statistics one after the other.
    """
    first, sizes = norms[0], [norm.num_features for norm in norms]
    kinds = {(type(norm), norm.momentum, norm.eps, norm.training) for norm in norms}
    if kinds != {(nn.BatchNorm2d, first.momentum, first.eps, first.training)} or first.momentum is None:
        parts = torch.split(x, sizes, dim=1)
        return torch.cat([norm(part) for norm, part in zip(norms, parts, strict=True)], dim=1)
    states: list[list[Any]] = [[norm.running_mean for norm in norms], [norm.running_var for norm in norms]]
    mean, variance = (torch.cat(state) for state in states)
    weight, bias = (torch.cat([getattr(norm, name) for norm in norms]) for name in ("weight", "bias"))
    out = F.batch_norm(x, mean, variance, weight, bias, first.training, first.momentum, first.eps)
    if first.training:
        counts: list[Any] = [norm.num_batches_tracked for norm in norms]
        with torch.no_grad():
            torch._foreach_copy_(states[0] + states[1], [*torch.split(mean, sizes), *torch.split(variance, sizes)])
            torch._foreach_add_(counts, 1)
    return out

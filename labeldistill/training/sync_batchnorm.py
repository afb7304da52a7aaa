"""BatchNorm over the samples of all processes, by torch on GPUs and by gloo on CPUs."""

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from labeldistill.ops.distributed import world_size

Module = TypeVar("Module", bound=nn.Module)


def _over_all(*values: Tensor) -> list[Tensor]:
    """Sums over the processes of values [C] or [] in float64, in one message."""
    packed = torch.cat([value.double().reshape(-1) for value in values])
    dist.all_reduce(packed)
    return [part.view_as(v) for part, v in zip(torch.split(packed, [v.numel() for v in values]), values, strict=True)]


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) over every process; sums in float64, as in torch's CPU kernel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        axes = [0, *range(2, x.dim())]
        shape = [1, -1] + [1] * (x.dim() - 2)
        count = torch.tensor(float(x.numel() // x.shape[1]), dtype=torch.float64)
        total, count = _over_all(x.sum(axes, dtype=torch.float64), count)
        mean = total / count
        centred = x - mean.to(x.dtype).view(shape)
        (squares,) = _over_all((centred * centred).sum(axes, dtype=torch.float64))
        variance = squares / count
        scale = torch.rsqrt(variance + eps).to(x.dtype).view(shape)
        normalised = centred * scale
        ctx.save_for_backward(normalised, scale)
        ctx.axes, ctx.count = axes, count
        ctx.mark_non_differentiable(mean, variance, count)
        return normalised, mean, variance, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *unused: Any) -> tuple[Tensor, None]:
        normalised, scale = ctx.saved_tensors
        plain = gradient.sum(ctx.axes, dtype=torch.float64)
        along = (gradient * normalised).sum(ctx.axes, dtype=torch.float64)
        plain, along = _over_all(plain, along)
        means = [(value / ctx.count).to(gradient.dtype).view_as(scale) for value in (plain, along)]
        return scale * (gradient - means[0] - normalised * means[1]), None


class _GlooBatchNorm(_BatchNorm):
    """BatchNorm with statistics over all processes; torch's SyncBatchNorm does not accept CPU tensors."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected [N, C, ...], got {input.dim()} axes")

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [N, C, ...]; running statistics as torch's BatchNorm keeps them (unbiased variance)."""
        if not self.training or world_size() == 1:
            return super().forward(x)
        normalised, mean, variance, count = _Normalise.apply(x, self.eps)  # type: ignore[no-untyped-call]
        self._track(mean.to(x.dtype), (variance * (count / (count - 1))).to(x.dtype))
        shape = [1, -1] + [1] * (x.dim() - 2)
        out: Tensor = normalised
        return out if self.weight is None else out * self.weight.view(shape) + self.bias.view(shape)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked or 1)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


def synchronised(model: Module, device_type: str) -> Module:
    """Replace every BatchNorm of `model` by one over all processes, keeping names and states."""
    if device_type == "cuda":
        converted: Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, _GlooBatchNorm):
            module.__class__ = _GlooBatchNorm
    return model

"""BatchNorm over the samples of all processes, on GPUs through torch and on CPUs through gloo."""

from typing import TypeVar

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as differentiable
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from labeldistill.ops.distributed import world_size

Module = TypeVar("Module", bound=nn.Module)


def _summed(value: Tensor) -> Tensor:
    total: Tensor = differentiable.all_reduce(value)  # type: ignore[no-untyped-call]
    return total


class _GlooBatchNorm(_BatchNorm):
    """Statistics over every process; torch's SyncBatchNorm refuses CPU tensors."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected [N, C, ...], got {input.dim()} axes")

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [N, C, ...]; running statistics as torch's BatchNorm keeps them (unbiased variance)."""
        if not self.training or world_size() == 1:
            return super().forward(x)
        axes = [0, *range(2, x.dim())]
        shape = [1, -1] + [1] * (x.dim() - 2)
        count = torch.tensor(float(x.numel() // x.shape[1]))
        dist.all_reduce(count)
        mean = _summed(x.sum(axes)) / count
        centred = x - mean.view(shape)
        variance = _summed((centred * centred).sum(axes)) / count
        self._track(mean.detach(), variance.detach() * (count / (count - 1)))
        scale = torch.rsqrt(variance + self.eps)
        normalised = centred * scale.view(shape)
        return normalised if self.weight is None else normalised * self.weight.view(shape) + self.bias.view(shape)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked or 1)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


def synchronised(model: Module, device_type: str) -> Module:
    """Turn every BatchNorm of `model` into one over all processes; names and states stay."""
    if device_type == "cuda":
        converted: Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, _GlooBatchNorm):
            module.__class__ = _GlooBatchNorm
    return model

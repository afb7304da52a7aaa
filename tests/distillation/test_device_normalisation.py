"""Depth and feature losses on two gloo processes: each by its own count as in the release, or by the mean of both."""

from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from torch import Tensor

from labeldistill.distillation.depth_loss import depth_loss
from labeldistill.distillation.feature_losses import feature_distance
from labeldistill.ops.distributed import normaliser

DEPTH_M = (1.0, 5.0, 1.0)


def _depth(samples: slice) -> tuple[Tensor, Tensor]:
    """Probabilities and depth maps of two samples; the first has one cell with a point, the second three."""
    probabilities = torch.rand(2, 4, 1, 3, generator=torch.Generator().manual_seed(0)).softmax(1)
    depth = torch.tensor([[2.5, 0.0, 0.0], [1.5, 3.5, 4.5]]).view(2, 1, 1, 3)
    return probabilities[samples], depth.repeat_interleave(2, 2).repeat_interleave(2, 3)[samples]


def _features(samples: slice) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Student, teacher and mask of two samples with masks of other sizes."""
    generator = torch.Generator().manual_seed(1)
    ours, theirs = (torch.randn(2, 3, 2, 2, generator=generator) for _ in range(2))
    mask = torch.tensor([[[1.0, 0], [0, 0]], [[1.0, 1], [1, 0.5]]])
    return [ours[samples]], [theirs[samples]], [mask[samples]]


def _losses(samples: slice, *, per_device: bool) -> Tensor:
    depth = depth_loss(*_depth(samples), 2, DEPTH_M, per_device=per_device)
    return torch.stack([depth, feature_distance(*_features(samples), per_device=per_device)])


def _process(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    found = [_losses(slice(rank, rank + 1), per_device=value) for value in (True, False)]
    torch.save(torch.stack(found), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_each_device_by_its_own_count_or_all_by_their_mean(tmp_path: Path) -> None:
    mp.spawn(_process, args=(str(tmp_path),), nprocs=2)
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    alone = [_losses(slice(rank, rank + 1), per_device=True) for rank in range(2)]
    for rank in range(2):
        torch.testing.assert_close(ranks[rank][0], alone[rank])
    mean = (ranks[0] + ranks[1]) / 2
    whole = _losses(slice(0, 2), per_device=False)
    torch.testing.assert_close(mean[1], whole)
    assert not torch.allclose(mean[0], whole, rtol=1e-2)


@pytest.mark.parametrize("per_device", [True, False])
def test_one_process_has_one_normaliser(per_device: bool) -> None:
    assert normaliser(torch.tensor(7.0), least=1.0, per_device=per_device) == 7
    assert normaliser(torch.tensor(0.0), least=1.0, per_device=per_device) == 1

"""Each operator on a device against its definition in a few dense float64 operations on the CPU."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor
from torch.nn import functional as F

from labeldistill.ops.bev_pool import bev_pool
from labeldistill.ops.deform_conv import deform_conv2d
from labeldistill.ops.rulebook import sort_sites
from labeldistill.ops.sparse_backends import BACKENDS
from labeldistill.ops.sparse_rows import scatter_rows
from labeldistill.ops.voxelize import voxelize

FLOAT32, HALF = 1e-4, 2e-2
"""Largest difference, as a share of the oracle's largest value, in float32 and under autocast."""


@dataclass(frozen=True)
class OpCase:
    """An operator, its inputs on the CPU, and what it is by definition.

    Attributes:
        name: of the operator.
        inputs: float32; those that are floating point get a gradient.
        run: from inputs to the result; called on any device.
        oracle: the same from float64 inputs on the CPU, by other means.
    """

    name: str
    inputs: tuple[Tensor, ...]
    run: Callable[..., Tensor]
    oracle: Callable[..., Tensor]


def op_cases() -> Iterator[OpCase]:
    """Every operator of `ops` that runs on tensors."""
    random = torch.Generator().manual_seed(0)
    yield from (_pooling(random, backend) for backend in ("sparse", "matrix"))
    yield _deformable(random)
    yield from (_sparse(random, name) for name in BACKENDS)
    yield _scatter(random)
    yield _voxels(random)


def op_error(case: OpCase, device: torch.device, half: torch.dtype | None) -> float:
    """Largest difference of result and gradients from the oracle's, each as a share of the oracle's largest value.

    Args:
        case: the operator.
        device: where it runs.
        half: type of autocast; None: float32.
    """
    want = _with_gradients(case.oracle, [_typed(x, torch.float64) for x in case.inputs])
    with torch.autocast(device.type, dtype=half or torch.bfloat16, enabled=half is not None):
        got = _with_gradients(case.run, [x.to(device) for x in case.inputs])
    errors = [_share(a.double().cpu(), b) for a, b in zip(got, want, strict=True)]
    return max(errors, key=lambda error: inf if error != error else error)  # NaN is the worst


def _share(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        return inf
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-12))


def _typed(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) if x.is_floating_point() else x


def _with_gradients(run: Callable[..., Tensor], inputs: list[Tensor]) -> list[Tensor]:
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    result = run(*leaves)
    if not result.requires_grad:
        return [result]
    weight = torch.linspace(-1, 1, result.numel(), dtype=torch.float64).view(result.shape).to(result)
    wanted = [x for x in leaves if x.requires_grad]
    return [result.detach(), *torch.autograd.grad((result * weight).sum(), wanted)]


def _pooling(random: torch.Generator, backend: str) -> OpCase:
    depth = torch.rand(4, 6, 5, 7, generator=random)
    context = torch.randn(4, 8, 5, 7, generator=random)
    cells = torch.randint(-1, 30, (2, 2, 6, 5, 7), generator=random, dtype=torch.int32)

    def oracle(depth: Tensor, context: Tensor, cells: Tensor) -> Tensor:
        lifted = (depth[:, :, None] * context[:, None]).view(2, 2, 6, 8, 5, 7).permute(0, 1, 2, 4, 5, 3)
        planes = []
        for one, index in zip(lifted, cells, strict=True):
            rows = torch.where(index < 0, 30, index).reshape(-1).long()
            planes.append(torch.zeros(31, 8, dtype=one.dtype).index_add(0, rows, one.reshape(-1, 8))[:30])
        return torch.stack(planes).view(2, 5, 6, 8).permute(0, 3, 1, 2)

    run = lambda d, x, c: bev_pool(d, x, c, (5, 6), backend)  # type: ignore[arg-type]  # noqa: E731
    return OpCase(f"BEV pooling ({backend})", (depth, context, cells), run, oracle)


def _deformable(random: torch.Generator) -> OpCase:
    """At whole offsets, equal for all cells, each tap reads a shifted map."""
    x, weight = torch.randn(2, 4, 9, 8, generator=random), torch.randn(6, 2, 3, 3, generator=random)
    offset = torch.zeros(2, 18, 9, 8)

    def oracle(x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight, padding=1, groups=2)

    run = lambda x, w: deform_conv2d(x, offset.to(x.device), w, padding=1, groups=2)  # noqa: E731
    return OpCase("deformable convolution", (x, weight), run, oracle)


def _sparse(random: torch.Generator, backend: str) -> OpCase:
    cells = torch.stack(torch.meshgrid(*(torch.arange(n) for n in (2, 5, 7, 6)), indexing="ij"), -1).view(-1, 4)
    chosen = cells[torch.randperm(len(cells), generator=random)[:150]]
    sites = sort_sites(chosen, (5, 7, 6), 2)[0]
    features, weight = torch.randn(150, 4, generator=random), torch.randn(3, 3, 3, 4, 5, generator=random)

    def run(features: Tensor, weight: Tensor) -> Tensor:
        own = sort_sites(chosen.to(features.device), (5, 7, 6), 2)[0]
        chosen_backend = BACKENDS[backend]
        return chosen_backend.convolve(features, weight, chosen_backend.submanifold(own, (3, 3, 3)))

    def oracle(features: Tensor, weight: Tensor) -> Tensor:
        place = tuple(sites.coordinates.T)
        dense = features.new_zeros(2, 5, 7, 6, 4).index_put(place, features).movedim(-1, 1)
        return F.conv3d(dense, weight.permute(4, 3, 0, 1, 2), padding=1).movedim(1, -1)[place]

    return OpCase(f"sparse convolution ({backend})", (features, weight), run, oracle)


def _scatter(random: torch.Generator) -> OpCase:
    rows, weight = torch.randn(40, 6, generator=random), torch.rand(40, 3, generator=random)
    index = torch.randint(-1, 12, (40, 3), generator=random, dtype=torch.int32)

    def oracle(rows: Tensor, weight: Tensor, index: Tensor) -> Tensor:
        target = torch.where(index < 0, 12, index).long().reshape(-1)
        return rows.new_zeros(13, 6).index_add(0, target, (weight[..., None] * rows[:, None]).reshape(-1, 6))[:12]

    return OpCase("scattered rows", (rows, weight, index), lambda r, w, i: scatter_rows(r, i, w, 12), oracle)


def _voxels(random: torch.Generator) -> OpCase:
    points = torch.rand(2, 300, 4, generator=random).double().float() * 12 - 1
    low, size, cells = (0.0, 0.0, 0.0), (1.0, 1.0, 2.0), (10, 10, 5)

    def run(points: Tensor) -> Tensor:
        found = voxelize(points.detach(), low, size, cells, 3, 100)
        return torch.cat([found.points.sum(1), found.coordinates.to(found.points.dtype)], 1)

    def oracle(points: Tensor) -> Tensor:
        """One point after the other."""
        rows = []
        for sample, cloud in enumerate(points.detach().tolist()):
            kept: dict[tuple[int, ...], list[list[float]]] = {}
            for point in cloud:
                cell = tuple(int((v - a) // s) for v, a, s in zip(point, low, size, strict=False))
                if all(0 <= c < n for c, n in zip(cell, cells, strict=True)):
                    if cell not in kept and len(kept) == 100:
                        continue
                    members = kept.setdefault(cell, [])
                    members += [point] if len(members) < 3 else []
            rows += [[*map(sum, zip(*m, strict=True)), sample, *reversed(c)] for c, m in kept.items()]
        return torch.tensor(rows, dtype=torch.float64)

    return OpCase("voxels", (points,), run, oracle)

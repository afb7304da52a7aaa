"""A tiny study's models with random bits for weights, stored the way the released code stores them."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from labeldistill.weights.expected import expected
from labeldistill.weights.key_map import COUNTER, Kind, to_theirs

TINY = "smoke"
Shapes = Mapping[str, tuple[int, ...]]


def random_state(shapes: Shapes, seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Random bits, NaN and infinities among them, so that equality means equality of bits."""
    generator = torch.Generator().manual_seed(seed)
    bits = torch.int32 if dtype is torch.float32 else torch.int16
    state = {}
    for name, shape in shapes.items():
        if name.endswith((COUNTER, "voxel_num")):
            state[name] = torch.randint(0, 1000, shape, generator=generator)
        else:
            state[name] = torch.empty(shape, dtype=bits).random_(generator=generator).view(dtype)
    return state


def same_bits(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Names in order, types, shapes and bits."""
    if list(one) != list(other):
        return False
    pairs = [(value, other[name]) for name, value in one.items()]
    return all(a.dtype == b.dtype and a.shape == b.shape and torch.equal(_bits(a), _bits(b)) for a, b in pairs)


def _bits(value: Tensor) -> Tensor:
    return value.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[value.element_size()])


def released_shapes(kind: Kind, *, unused: bool = True) -> dict[str, tuple[int, ...]]:
    """What a checkpoint of `kind` of the tiny study holds, by the checkpoint's names."""
    found = expected(kind, TINY)[0].shapes
    return {to_theirs(kind, n) or n: s for n, s in found.items() if unused or not n.startswith("unused.")}


Wrap = Callable[[Mapping[str, Tensor]], object]
LIGHTNING: Wrap = lambda state: {"state_dict": {f"model.{n}": v for n, v in state.items()}, "epoch": 11}  # noqa: E731
MMCV: Wrap = lambda state: {"meta": {"epoch": 20}, "state_dict": dict(state)}  # noqa: E731
BARE: Wrap = dict
WRAPS: dict[Kind, Wrap] = {
    Kind.labeldistill: LIGHTNING,
    Kind.label_encoder: LIGHTNING,
    Kind.centerpoint: LIGHTNING,
    Kind.mmdet3d_centerpoint: MMCV,
    Kind.bevdepth: LIGHTNING,
    Kind.torchvision_resnet: BARE,
}

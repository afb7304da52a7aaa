"""What a piece of work would cost a GPU, counted while it runs on a CPU: kernel launches and waits of the host."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = {
    "_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "bincount", "unique_consecutive",
    "unique_dim", "_unique", "_unique2", "linalg_inv",
}  # fmt: skip
"""Operators whose result, or whose size of a result, the host has to know."""
NO_WORK = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach", "alias", "set_"}


class StepCounts(TorchDispatchMode):
    """Counts every operator that isn't a view or an allocation as one launch, in forward, backward and optimiser.

    An operator may be several kernels on a GPU, or share one with its neighbours; copies of numbers from Python
    (`torch.tensor`) count as waits, since a GPU has them sent from pageable memory. A mask as an index waits for the
    number of its cells.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name, options = func.overloadpacket.__name__, dict(kwargs or {})
        if waits(name, args, options):
            self.waits[name] += 1
        if name not in NO_WORK and name != "lift_fresh" and not is_view(func):
            self.launches[name] += 1
        return func(*args, **options)


def is_view(func: Any) -> bool:
    """Whether an operator only looks at its input in another way."""
    returned = [value.alias_info for value in func._schema.returns]
    return bool(returned) and all(alias is not None and not alias.is_write for alias in returned)


def waits(name: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Whether the host would wait for the device here."""
    if name in WAITS or name == "lift_fresh":
        return True
    if name == "repeat_interleave":
        return options.get("output_size") is None
    if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
        return any(isinstance(i, Tensor) and i.dtype in (torch.bool, torch.uint8) for i in args[1])
    if name in ("_linalg_check_errors", "_linalg_solve_ex", "linalg_inv_ex"):
        return name == "_linalg_check_errors" or bool(options.get("check_errors"))
    return False

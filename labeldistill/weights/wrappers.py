"""Wrappers that training code adds to names of a model: DataParallel, DDP, torch.compile, Lightning."""

from collections.abc import Iterable
from dataclasses import dataclass

OUTER = ("model.", "module.", "_orig_mod.")
"""First parts of all names of a wrapped model: Lightning's experiment, (Distributed)DataParallel, torch.compile."""
INNER = ("_orig_mod", "module")
"""Parts inside a name if only a part of the model was compiled or wrapped."""


@dataclass(frozen=True)
class Unwrapped:
    """The result of removing wrappers.

    Attributes:
        prefix: removed prefix of every name.
        names: name without wrappers -> name after the prefix, in the file's order.
    """

    prefix: str
    names: dict[str, str]

    @property
    def changed(self) -> dict[str, str]:
        """The names that had a wrapper inside."""
        return {bare: name for bare, name in self.names.items() if bare != name}


def unwrapped(names: Iterable[str]) -> Unwrapped:
    """Remove wrappers before all names, and those inside single names if the names remain distinct."""
    left, prefix = list(names), ""
    while left and (found := next((p for p in OUTER if all(name.startswith(p) for name in left)), None)):
        prefix += found
        left = [name.removeprefix(found) for name in left]
    bare = [".".join(part for part in name.split(".") if part not in INNER) for name in left]
    if len(set(bare)) != len(bare) or not all(bare):
        bare = left
    return Unwrapped(prefix, dict(zip(bare, left, strict=True)))

"""Recording every operator call of a training: its module, its phase and a checksum of its results."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from labeldistill.training.step import Phase

# Their results are uninitialised memory.
_UNWRITTEN = ("aten.empty", "aten.new_empty", "aten.resize", "aten._unsafe_view")


@dataclass(frozen=True)
class Call:
    """One operator call.

    Attributes:
        step: optimiser step, from 0.
        phase: forward, backward or optimizer.
        module: the module that ran, or whose backward pass ran; empty for the model's own code, losses and optimiser.
        operator: torch's name.
        checksum: checksum of its results.
    """

    step: int
    phase: Phase
    module: str
    operator: str
    checksum: int

    @property
    def place(self) -> tuple[object, ...]:
        """Everything but the result."""
        return self.step, self.phase, self.module, self.operator

    def __str__(self) -> str:
        where = f"module {self.module}" if self.module else "the model's own code"
        if self.phase == "optimizer":
            where = "the optimiser"
        elif self.phase == "backward":
            where = f"backward pass of {where}"
        return f"operator {self.operator}, {where}"


def checksum(value: Tensor) -> int:
    """A number that two tensors share almost certainly only if their bits are the same."""
    flat = value.detach().contiguous().cpu()
    return zlib.crc32(flat.flatten().view(torch.uint8).numpy().tobytes()) if flat.numel() else 0


class OperatorRecorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records a checksum of every operator's result, and the module that it belongs to."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []
        self.step, self.module = 0, ""
        self.current: Phase = "forward"
        self._stack: list[str] = []
        self._known: set[Node] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = str(func)
        if not name.startswith(_UNWRITTEN) and not _is_view(func):
            sums = tuple(checksum(leaf) for leaf in tree_leaves(out) if isinstance(leaf, Tensor))
            if sums:
                self.calls.append(Call(self.step, self.current, self.module, name, hash(sums)))
        return out

    @contextmanager
    def phase(self, step: int, phase: Phase) -> Iterator[None]:
        """Record one phase of a step."""
        self.step, self.current, self.module = step, phase, ""
        with self:
            yield
        if phase == "backward":
            self._known.clear()

    def entered(self, name: str, inputs: object) -> None:
        """A module begins: what computed its inputs belongs to the module around it."""
        self._claim(inputs, self.module)
        self._stack.append(name)
        self.module = name

    def left(self, outputs: object) -> None:
        """A module ends: what computed its outputs and is not yet claimed belongs to it."""
        self._claim(outputs, self._stack.pop())
        self.module = self._stack[-1] if self._stack else ""

    def _claim(self, values: object, module: str) -> None:
        """Mark the autograd nodes behind `values` so that they report their module's backward pass."""
        nodes = [leaf.grad_fn for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
        while nodes:
            node = nodes.pop()
            if node is None or node in self._known:
                continue
            self._known.add(node)
            node.register_prehook(lambda *unused: self._backward_of(module))
            nodes.extend(following for following, _ in node.next_functions)

    def _backward_of(self, module: str) -> None:
        self.module = module


def _is_view(func: Any) -> bool:
    """Whether an operator returns a view of its input, which may be uninitialised memory."""
    aliases = [returned.alias_info for returned in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)


@contextmanager
def named_modules(model: nn.Module, recorder: OperatorRecorder) -> Iterator[None]:
    """A context in which the recorder knows which module runs."""

    def before(name: str) -> Callable[..., None]:
        return lambda module, inputs: recorder.entered(name, inputs)

    def after(module: nn.Module, inputs: object, outputs: object) -> None:
        recorder.left(outputs)

    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if name:
                hooks.callback(module.register_forward_pre_hook(before(name)).remove)
                hooks.callback(module.register_forward_hook(after).remove)
        yield

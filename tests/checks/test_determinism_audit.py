"""The determinism audit finds nothing in a sound run and names a planted fault."""

import ctypes
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from toy_training import toy_job

from labeldistill.checks.determinism_audit import audit
from labeldistill.checks.recorder import checksum


class Restless(nn.Module):
    """Adds noise that no seed governs."""

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.from_numpy(np.frombuffer(os.urandom(8), np.uint8).copy()).float()
        return x * (1 + 1e-6 * noise.view(1, 8, 1, 1))


class UnwrittenMemory(nn.Module):
    """Looks at memory that nobody has written yet, fills it, and is deterministic all the same."""

    def forward(self, x: Tensor) -> Tensor:
        made = torch.empty_like(x)
        size = made.numel() * made.element_size()
        ctypes.memmove(made.data_ptr(), os.urandom(size), size)  # an allocator hands out whatever was there before
        for part, own in zip(torch.split(made, 1), torch.split(x, 1), strict=True):
            part.copy_(own.detach())
        return x + 0 * made


class _NoisyGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.mul(1 + 1e-6 * os.urandom(1)[0])


class RestlessBackward(nn.Module):
    """The same forward pass every time, a backward pass that no seed governs."""

    def forward(self, x: Tensor) -> Tensor:
        return _NoisyGradient.apply(x)  # type: ignore[no-any-return]


class Whimsical(nn.Module):
    """Runs another operator every other time that it is made."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        Whimsical.made += 1
        self.odd = Whimsical.made % 2

    def forward(self, x: Tensor) -> Tensor:
        return x.mul(1.0) if self.odd else x.add(0.0)


def job(**options: Any) -> Any:
    return toy_job(Path("unused"), **options)


def test_a_sound_run_is_bit_identical() -> None:
    found = audit(lambda: job(batch=4, batch_per_device=2), steps=2)
    assert found.identical
    assert found.first is None
    assert found.calls > 150
    assert "bit-identical" in found.sentence()
    assert all(ours == theirs for ours, theirs in found.losses)


def test_memory_that_nobody_has_written_yet_is_no_finding() -> None:
    def sound() -> Any:
        made = job()
        made.model.img_backbone.insert(1, UnwrittenMemory())
        return made

    assert audit(sound, steps=1).identical


def test_names_the_module_that_is_not_deterministic() -> None:
    def restless() -> Any:
        faulty = job()
        faulty.model.img_backbone.insert(1, Restless())
        return faulty

    found = audit(restless, steps=2)
    assert not found.identical
    assert found.first is not None
    assert (found.first.step, found.first.phase, found.first.module) == (0, "forward", "img_backbone.1")
    assert "img_backbone.0" not in found.modules[: found.modules.index("head")]
    assert "step 1" in found.sentence()
    assert "img_backbone.1" in found.sentence()


def test_names_the_module_whose_backward_pass_is_not_deterministic() -> None:
    def restless() -> Any:
        faulty = job()
        faulty.model.img_backbone.insert(1, RestlessBackward())
        return faulty

    found = audit(restless, steps=1)
    assert found.first is not None
    assert (found.first.phase, found.first.module) == ("backward", "img_backbone.1")
    assert "aten.mul" in found.first.operator
    assert "backward pass of module img_backbone.1" in found.sentence()
    rows = {row.module: row for row in found.by_module}
    assert (rows["img_backbone.1"].forward_differ, rows["img_backbone.1"].backward_differ) == (0, 1)
    assert rows["img_backbone.0"].backward_differ > 0  # it stands before the fault, so its gradient comes after it
    assert rows["img_backbone.0"].state_differs
    assert rows["head"].identical
    assert rows["head"].backward > 0
    assert found.modules[0] == "img_backbone.1"


def test_names_both_operators_where_the_trainings_part_ways() -> None:
    def whimsical() -> Any:
        faulty = job()
        faulty.model.img_backbone.append(Whimsical())
        return faulty

    found = audit(whimsical, steps=1)
    assert not found.identical
    assert "aten.mul" in found.sentence()
    assert "the other training ran operator aten.add" in found.sentence()
    assert "module img_backbone.3" in found.sentence()


def test_a_checksum_sees_one_bit() -> None:
    x = torch.ones(100)
    y = x.clone()
    y[37] = torch.nextafter(y[37], torch.tensor(2.0))
    assert checksum(x) != checksum(y)
    assert checksum(x) == checksum(x.clone())
    assert checksum(torch.tensor(1, dtype=torch.int64)) != checksum(torch.tensor(2, dtype=torch.int64))

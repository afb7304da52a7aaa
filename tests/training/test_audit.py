"""The determinism audit finds nothing in a sound run and names a planted fault."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from toy_training import toy_job

from labeldistill.training.audit import audit, checksum


class Restless(nn.Module):
    """Adds noise that no seed governs."""

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.from_numpy(np.frombuffer(os.urandom(8), np.uint8).copy()).float()
        return x * (1 + 1e-6 * noise.view(1, 8, 1, 1))


def job(**options: Any) -> Any:
    return toy_job(Path("unused"), **options)


def test_a_sound_run_is_bit_identical() -> None:
    found = audit(lambda: job(batch=4, batch_per_device=2), steps=2)
    assert found.identical
    assert found.first is None
    assert found.calls > 200
    assert "bit-identical" in found.sentence()
    assert all(ours == theirs for ours, theirs in found.losses)


def test_names_the_module_that_is_not_deterministic() -> None:
    def restless() -> Any:
        faulty = job()
        faulty.model.img_backbone.insert(1, Restless())
        return faulty

    found = audit(restless, steps=2)
    assert not found.identical
    assert found.first is not None
    assert (found.first.step, found.first.module) == (0, "img_backbone.1")
    assert "img_backbone.0" not in found.modules[: found.modules.index("head")]
    assert "step 1" in found.sentence()
    assert "img_backbone.1" in found.sentence()


def test_a_checksum_sees_one_bit() -> None:
    x = torch.ones(100)
    y = x.clone()
    y[37] = torch.nextafter(y[37], torch.tensor(2.0))
    assert checksum(x) != checksum(y)
    assert checksum(x) == checksum(x.clone())
    assert checksum(torch.tensor(1, dtype=torch.int64)) != checksum(torch.tensor(2, dtype=torch.int64))

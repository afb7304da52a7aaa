"""The watchdog ends runs in which a fault was planted, says which, and leaves sound ones alone."""

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_training import ToyItems, toy_job

from labeldistill.training import watchdog
from labeldistill.training.fit import fit
from labeldistill.training.loss_table import LossTable
from labeldistill.training.stopping import Diverged
from labeldistill.training.watchdog import LEARNS_BY, WINDOW, Watchdog


def watched(folder: Path, losses: list[float], norms: list[float] | None = None, **options: Any) -> None:
    dog, table = Watchdog(folder, scaled=options.pop("scaled", False)), LossTable()
    for step, loss in enumerate(losses, 1):
        table.add([step, 0, 1e-3, loss, norms[step - 1] if norms else 1.0])
        dog.look(table)


def falling(steps: int, start: float = 100.0) -> list[float]:
    return [start / math.sqrt(step) * (1 + 0.5 * math.sin(step)) for step in range(1, steps + 1)]


def test_a_sound_run_is_left_alone(tmp_path: Path) -> None:
    watched(tmp_path / "seed-0" / "key", falling(LEARNS_BY + 50))


def test_an_exploding_loss(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="the loss explodes"):
        watched(tmp_path, falling(100) + [1e6] * (2 * WINDOW))


def test_one_jump_is_no_explosion(tmp_path: Path) -> None:
    watched(tmp_path, falling(100) + [1e6] * (WINDOW // 4) + falling(100))


def test_an_exploding_gradient_norm(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="gradient norm explodes"):
        watched(tmp_path, falling(200), [1.0] * 100 + [1e6] * 100)


def test_a_gradient_that_is_no_number_unless_fp16_scales_it(tmp_path: Path) -> None:
    norms = [1.0] * 10 + [math.inf] + [1.0] * 10
    with pytest.raises(Diverged, match="gradient norm is inf at step 11"):
        watched(tmp_path, falling(21), norms)
    watched(tmp_path, falling(21), norms, scaled=True)


def test_nothing_learnt(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="nothing was learnt"):
        watched(tmp_path, [5.0 + (step % 3) for step in range(LEARNS_BY)])


def test_far_above_the_seeds_that_finished(tmp_path: Path) -> None:
    for seed in (0, 1):
        folder = tmp_path / f"seed-{seed}" / "key"
        folder.mkdir(parents=True)
        rows = [f"{step},{loss}" for step, loss in enumerate(falling(LEARNS_BY), 1)]
        (folder / "losses.csv").write_text("\n".join(["step,total", *rows]))
    with pytest.raises(Diverged, match="in 2 finished runs"):
        watched(tmp_path / "seed-2" / "key", falling(LEARNS_BY, start=1000.0))
    watched(tmp_path / "seed-2" / "key", falling(LEARNS_BY, start=120.0))


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    state = {"a": torch.ones(3), "b": torch.tensor([1.0, math.nan])}
    with pytest.raises(Diverged, match=r"after step 7: b first"):
        Watchdog(tmp_path, scaled=False).weights(state, 7)


class _Hanging(ToyItems):
    def item(self, epoch: int, index: int, draw: int | None = None) -> Any:
        if epoch:
            time.sleep(60)
        return super().item(epoch, index, draw)


def test_a_stuck_loader_ends_the_run_with_its_weights_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = Watchdog.__init__
    monkeypatch.setattr(
        Watchdog, "__init__", lambda self, folder, *, scaled: sound(self, folder, scaled=scaled, stuck_s=3)
    )
    outcome = fit(replace(toy_job(tmp_path / "run"), items=_Hanging(3)))
    assert outcome is not None
    assert outcome.status == "diverged"
    assert "loader is stuck" in str(outcome.reason)
    assert outcome.steps_done >= 1
    assert (tmp_path / "run" / "weights-ema.safetensors").is_file()
    assert watchdog.STUCK_S >= 1800

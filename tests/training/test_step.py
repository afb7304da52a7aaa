"""Audits and short runs take the very steps of training: the same losses, weights and averages, bit for bit."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_training import ToyBatch, toy_job

from labeldistill.checks.short_run import short_run
from labeldistill.ops.distributed import shared_counts
from labeldistill.training.fit import fit
from labeldistill.training.schedule import run_length
from labeldistill.training.step import Phase, TrainingStep
from labeldistill.training.weights_file import read_weights, weights_path

OPTIONS = {"steps": 6, "batch_per_device": 2, "gradient_clip_norm": 0.1, "ema_decay": 0.9, "warmup_steps": 3}
"""Two micro-batches a step, a limit that every gradient exceeds, a rate that rises."""


class Diary:
    def __init__(self) -> None:
        self.phases: list[tuple[int, Phase]] = []

    def phase(self, step: int, phase: Phase) -> AbstractContextManager[object]:
        self.phases.append((step, phase))
        return nullcontext()


def test_a_short_run_is_the_beginning_of_a_training(tmp_path: Path) -> None:
    outcome = fit(toy_job(tmp_path, **OPTIONS))
    assert outcome is not None
    rows = (tmp_path / "losses.csv").read_text().splitlines()
    total = rows[0].split(",").index("total")
    job, diary = toy_job(tmp_path, **OPTIONS), Diary()
    totals = short_run(job, 6, diary)
    assert totals == pytest.approx([float(row.split(",")[total]) for row in rows[1:]], rel=1e-8)  # as many as it prints
    trained, _ = read_weights(weights_path(tmp_path, "raw"))
    assert all(torch.equal(job.model.state_dict()[name], value) for name, value in trained.items())
    assert diary.phases[:5] == [(0, "forward"), (0, "backward"), (0, "forward"), (0, "backward"), (0, "optimizer")]


def test_a_step_clips_and_averages() -> None:
    job = toy_job(Path(), **OPTIONS)
    step = TrainingStep(job, run_length(job.training, len(job.items), 1), "32-true")
    before = {name: value.clone() for name, value in job.model.state_dict().items()}
    found = step(5, [job.items.collate([job.items.item(0, i), job.items.item(0, i + 1)]) for i in (0, 2)])
    gradients = [p.grad for group in step.optimizer.param_groups for p in group["params"]]
    assert float(torch.nn.utils.get_total_norm(gradients)) == pytest.approx(0.1, rel=1e-4)
    assert float(found.gradient_norm) > 0.1
    assert float(found.values[0]) == pytest.approx(float(found.values[1:].sum()), rel=1e-6)
    assert step.ema is not None
    after = job.model.state_dict()["head.weight"]
    assert not torch.equal(after, before["head.weight"])
    expected = 0.9 * before["head.weight"] + 0.1 * after
    torch.testing.assert_close(step.ema.state["head.weight"], expected)


def test_a_step_that_was_saved_goes_on_with_the_same_bits() -> None:
    items = toy_job(Path()).items
    whole, halves = toy_job(Path(), **OPTIONS), toy_job(Path(), **OPTIONS)
    length = run_length(whole.training, len(whole.items), 1)

    def micro_batches(number: int) -> list[object]:
        return [items.collate([items.item(0, number), items.item(0, i)]) for i in (8, 9)]

    step = TrainingStep(whole, length, "32-true")
    for number in range(4):
        step(number, micro_batches(number))
    first = TrainingStep(halves, length, "32-true")
    for number in range(2):
        first(number, micro_batches(number))
    later = toy_job(Path(), **OPTIONS)
    second = TrainingStep(later, length, "32-true")
    second.load_state_dict(first.state_dict())
    for number in (2, 3):
        second(number, micro_batches(number))
    ours, theirs = whole.model.state_dict(), later.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert step.ema is not None
    assert second.ema is not None
    assert all(torch.equal(value, second.ema.state[name]) for name, value in step.ema.state.items())


class _Counting(torch.nn.Module):
    """Its loss is the step's count over its own: 1 where each micro-batch is divided by its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def positives(self, batch: Any) -> torch.Tensor:
        return batch.y.new_tensor(float(batch.step_marker))

    def losses(self, batch: Any) -> dict[str, torch.Tensor]:
        own = self.positives(batch)
        return {"detection": self.weight * shared_counts(own) / own}


@pytest.mark.parametrize(("value", "loss"), [("released", (2 / 1 + 2 / 3) / 2), ("corrected", 1.0)])
def test_micro_batches_share_their_positives_as_the_released_devices_do(value: str, loss: float) -> None:
    job = toy_job(Path(), **OPTIONS, switches={"device_normalisation": value})
    job = replace(job, model=_Counting(), frozen=())
    step = TrainingStep(job, run_length(job.training, len(job.items), 1), "32-true")
    marked = [ToyBatch(torch.zeros(1), torch.zeros(1), marker) for marker in (1, 3)]
    assert float(step(0, iter(marked)).values[0]) == pytest.approx(loss)

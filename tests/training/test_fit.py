"""What a run writes, and how it ends when something is wrong. In this process, for speed."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from event_files import read_events
from torch import Tensor
from toy_training import ToyBatch, ToyModel, toy_job

from labeldistill.errors import InputError
from labeldistill.training.event_log import EventLog
from labeldistill.training.fit import fit
from labeldistill.training.job import Outcome
from labeldistill.training.weights_file import read_weights, weights_path


def trained(folder: Path, **options: Any) -> Outcome:
    outcome = fit(toy_job(folder, **options))
    assert outcome is not None
    return outcome


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("fit") / "run"
    return folder, trained(folder)


def test_weights_hold_the_trained_part_and_name_their_run(run: tuple[Path, Outcome]) -> None:
    folder, outcome = run
    raw, about = read_weights(weights_path(folder, "raw"), run_key="toykey")
    ema, also_about = read_weights(weights_path(folder, "ema"))
    assert set(raw) == set(ema) == {n for n in toy_job(folder).model.state_dict() if not n.startswith("centerpoint")}
    assert (about["weights"], also_about["weights"]) == ("raw", "ema")
    assert (about["stage"], about["seed"], about["status"], about["step"]) == ("student", 3, "finished", 24)
    assert not torch.equal(raw["head.weight"], ema["head.weight"])
    with pytest.raises(InputError, match="belong to run toykey, not to other"):
        read_weights(weights_path(folder, "ema"), run_key="other")
    assert outcome.weights["raw"]["sha256"] != outcome.weights["ema"]["sha256"]


def test_losses_have_a_row_a_step(run: tuple[Path, Outcome]) -> None:
    with (run[0] / "losses.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["step", "epoch", "lr", "total", "fit", "imitate", "grad_norm"]
    assert [int(row["step"]) for row in rows] == list(range(1, 25))
    assert [int(row["epoch"]) for row in rows] == [e for e in range(4) for _ in range(6)]
    assert [float(row["lr"]) for row in rows[::6]] == pytest.approx([3e-3, 3e-3, 3e-4, 3e-5])
    for row in rows:
        assert float(row["total"]) == pytest.approx(float(row["fit"]) + float(row["imitate"]), rel=1e-6)


def test_a_teacher_in_train_mode_drifts_in_its_buffers_alone(run: tuple[Path, Outcome]) -> None:
    drift = run[1].frozen["centerpoint"]
    assert drift["before"]["weights"] == drift["after"]["weights"]
    assert drift["before"]["buffers"] != drift["after"]["buffers"]
    assert drift["unchanged"] is False


def test_the_event_log_tells_the_story(run: tuple[Path, Outcome]) -> None:
    events = read_events(run[0] / "events.jsonl")
    assert [e["event"] for e in events if e["event"] != "progress"] == ["started", "finished"]
    assert {e["run_key"] for e in events} == {"toykey"}
    beats = [e for e in events if e["event"] == "progress"]
    assert beats
    assert all({"step", "steps", "epoch", "eta_s", "loss"} <= set(beat) for beat in beats)


def test_the_event_log_is_bounded_and_survives_a_cut_line(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", "key")
    assert [log.beat_due() for _ in range(100)].count(True) == 1
    log.write("started", step=0)
    with log.path.open("a") as stream:
        stream.write('{"event": "prog')
    assert [e["event"] for e in read_events(log.path)] == ["started"]
    EventLog(tmp_path / "nowhere" / "events.jsonl", "key").write("started")  # must not end a run


def test_tensorboard_curves_are_written(run: tuple[Path, Outcome]) -> None:
    (file,) = (run[0] / "tensorboard").iterdir()
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    tags = {value.tag for event in EventFileLoader(str(file)).Load() for value in event.summary.value}
    assert {"total", "fit", "imitate", "lr", "grad_norm"} <= tags


def test_accumulation_and_ema_without_decay(tmp_path: Path) -> None:
    outcome = trained(tmp_path, steps=3, batch_per_device=2, ema_decay=None, dropout=0.0)
    assert (outcome.length.accumulation, outcome.steps_done) == (2, 3)
    raw, _ = read_weights(weights_path(tmp_path, "raw"))
    ema, _ = read_weights(weights_path(tmp_path, "ema"))
    assert all(torch.equal(raw[name], ema[name]) for name in raw)
    assert outcome.optimisation["ema"] is None


SWITCHES: list[tuple[dict[str, str], Callable[[Outcome], bool]]] = [
    ({"lr_groups": "corrected"}, lambda o: {g["lr"] for g in o.optimisation["groups"]} == {3e-3}),
    ({"lr_groups": "released"}, lambda o: {g["lr"] for g in o.optimisation["groups"]} == {3e-3, 1.5e-3}),
    ({"norm_weight_decay": "corrected"}, lambda o: 0.0 in {g["weight_decay"] for g in o.optimisation["groups"]}),
    ({"ema_warmup": "corrected"}, lambda o: o.optimisation["ema"]["last_decay"] < 0.01),
    ({"ema_warmup": "released"}, lambda o: o.optimisation["ema"]["last_decay"] == 0.9),
    ({"ema_buffers": "corrected"}, lambda o: o.optimisation["ema"]["covers"] == "the trained part"),
    ({"ema_buffers": "released"}, lambda o: "teachers" in o.optimisation["ema"]["covers"]),
]


@pytest.mark.parametrize(("switches", "holds"), SWITCHES, ids=[str(s) for s, _ in SWITCHES])
def test_switches_reach_the_run(tmp_path: Path, switches: dict[str, str], holds: Callable[[Outcome], bool]) -> None:
    # the toy's img_backbone is not under `backbone.`, so only the substring rule touches it
    assert holds(trained(tmp_path, steps=2, backbone_lr_multiplier=0.5, switches=switches))


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(tmp_path: Path) -> None:
    outcome = trained(tmp_path, nan_at=4)
    assert outcome.status == "diverged"
    assert outcome.reason == "the loss is nan at step 4 (terms: imitate)"
    assert outcome.steps_done == 4
    assert outcome.losses["last"]["total"] is None
    assert read_weights(weights_path(tmp_path, "raw"))[1]["status"] == "diverged"
    assert read_events(tmp_path / "events.jsonl")[-1]["event"] == "diverged"


def test_late_divergence_is_noticed_too(tmp_path: Path) -> None:
    assert trained(tmp_path, nan_at=9, finite_gate_steps=5).status == "diverged"


def test_an_error_in_the_data_is_told_and_written_down(tmp_path: Path) -> None:
    job = toy_job(tmp_path)

    def broken(epoch: int, index: int, draw: int | None = None) -> Any:
        raise InputError("truncated", file="samples/CAM_FRONT/x.jpg")

    job.items.item = broken  # type: ignore[method-assign]
    with pytest.raises(InputError, match=r"x\.jpg: truncated"):
        fit(job)
    last = read_events(tmp_path / "events.jsonl")[-1]
    assert (last["event"], last["reason"]) == ("failed", "samples/CAM_FRONT/x.jpg: truncated")
    assert not list(tmp_path.glob("weights-*"))


def test_unknown_and_missing_devices_are_refused(tmp_path: Path) -> None:
    from labeldistill.training.devices import resolve_device

    with pytest.raises(InputError, match="not one of auto, cpu, cuda"):
        resolve_device("gpu")
    with pytest.raises(InputError, match="at least one device"):
        resolve_device("cpu", 0)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match=r"1 GPU\(s\) asked for, torch sees 0"):
            resolve_device("cuda")


def test_a_read_only_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be locked"):
        fit(toy_job(tmp_path / "file" / "run"))


def test_a_damaged_or_foreign_weights_file(tmp_path: Path, run: tuple[Path, Outcome]) -> None:
    file = tmp_path / "weights-raw.safetensors"
    with pytest.raises(InputError, match="no such file"):
        read_weights(file)
    file.write_bytes(weights_path(run[0], "raw").read_bytes()[:300])
    with pytest.raises(InputError, match="not a readable weights file"):
        read_weights(file)
    from safetensors.torch import save_file

    save_file({"w": torch.ones(1)}, file)
    with pytest.raises(InputError, match="run_key: metadata lacks the key"):
        read_weights(file)


def test_losses_and_weights_do_not_depend_on_where_checkpoints_fall(tmp_path: Path, run: tuple[Path, Outcome]) -> None:
    trained(tmp_path, checkpoint_every_steps=1)
    for name in ("losses.csv", "weights-ema.safetensors"):
        assert (tmp_path / name).read_bytes() == (run[0] / name).read_bytes()
    assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[0])["step"] == 0


def test_a_checkpoint_that_can_not_be_read_ends_the_run_and_the_event_log_says_so(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint/state.pt").write_bytes(b"PK, cut short")
    with pytest.raises(InputError, match=r"state.pt: can't be read .*; delete it to start again"):
        fit(toy_job(tmp_path))
    (event,) = read_events(tmp_path / "events.jsonl")
    assert event["event"] == "failed"
    assert "state.pt" in event["reason"]


def test_the_lock_is_kept_fresh_while_training(tmp_path: Path) -> None:
    """Where the file system knows no locks, one that was not touched for long is another host's to take."""
    job = toy_job(tmp_path)
    collate, seen = job.items.collate, []

    def looking(items: Any) -> Any:
        lock = tmp_path / ".lock"
        seen.append(lock.stat().st_mtime)
        os.utime(lock, (0, 0))
        return collate(items)

    object.__setattr__(job.items, "collate", looking)
    fit(job)
    assert max(seen[1:]) > 0  # touched again between two batches


def test_weights_that_are_no_numbers_at_the_end_are_a_divergence_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statistics of BatchNorm can become infinite while every loss is finite: in training they are not used."""
    losses = ToyModel.losses

    def spoiling(self: ToyModel, batch: ToyBatch) -> dict[str, Tensor]:
        if self.calls == 5:
            self.img_backbone[1].running_var.fill_(float("inf"))
        return losses(self, batch)

    monkeypatch.setattr(ToyModel, "losses", spoiling)
    outcome = trained(tmp_path, checkpoint_every_steps=1000)  # no checkpoint, at which the watchdog would see it
    assert outcome.status == "diverged"
    assert outcome.reason == (
        "the raw weights are NaN or infinite after the last step: img_backbone.1.running_var first"
    )
    assert all(value is not None for value in outcome.losses["last"].values())

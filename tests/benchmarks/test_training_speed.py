"""What event log, loss table, curves, checkpoints and the record of a run take beside its training steps.

    pytest tests/benchmarks -k training --benchmark-only

One run, every part timed where it is called, so that the share is of the same steps on the same machine. The student is
the cheapest there is (`smoke`, baseline): on anything larger the share of all but the checkpoint is smaller still.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from labeldistill.config.data import SynthSettings
from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.data.infos import build_infos
from labeldistill.records import training_run
from labeldistill.synthetic.write import write_world
from labeldistill.training.job import Execution, LocatedRun
from labeldistill.training.session import Session

STEPS, CHECKPOINT_EVERY = 120, 30
WORLD = SynthSettings(scenes={"train": 4, "val": 1, "tuning": 1}, key_frames_per_scene=3, sweeps_per_key_frame=2)
PARTS = {
    "step": (Session, "end_step"),  # whole, less the two below: EMA, losses read back
    "watch": (Session, "_watch"),
    "checkpoint": (Session, "save"),
    "record made": (training_run, "build_record"),
    "record written": (training_run, "write_record"),
}


@contextmanager
def timed(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[float]]]:
    """Seconds of each call of each part."""
    found: dict[str, list[float]] = {name: [] for name in PARTS}

    def around(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            start = perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                found[name].append(perf_counter() - start)

        return call

    with monkeypatch.context() as patch:
        for name, (owner, attribute) in PARTS.items():
            patch.setattr(owner, attribute, around(name, getattr(owner, attribute)))
        yield found


@pytest.mark.benchmark(group="training: bookkeeping beside the steps")
def test_training_bookkeeping(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    benchmark: Any,
) -> None:
    study = load_study("smoke")
    data = study.data.model_copy(update={"dataroot": str(tmp_path / "world"), "synth": None})
    write_world(WORLD, tmp_path / "world")
    infos = build_infos(data, tmp_path / "world", tmp_path / "infos")
    run = run_settings(study, "student", "baseline", 0)
    usual = run.training.checkpoint_every_steps
    training = run.training.model_copy(update={"steps": STEPS, "checkpoint_every_steps": CHECKPOINT_EVERY})
    run = run.model_copy(update={"data": data, "training": training})

    def train() -> None:
        located = LocatedRun(run, "k", tmp_path / "run", infos)
        training_run.train_with_record(located, Execution(device="cpu"), study="t", variant="baseline")

    with timed(monkeypatch) as seconds:
        benchmark.pedantic(train, rounds=1)
    assert len(seconds["step"]) == STEPS
    assert len(seconds["checkpoint"]) == STEPS // CHECKPOINT_EVERY - 1  # the last step writes the weights instead
    whole = benchmark.stats.stats.total
    record = sum(seconds["record made"]) + sum(seconds["record written"])
    step = (whole - sum(seconds["checkpoint"]) - record) / STEPS
    parts = {
        "event log, curves": sum(seconds["watch"]) / STEPS / step,
        f"checkpoint, every {usual} steps": sum(seconds["checkpoint"]) / len(seconds["checkpoint"]) / usual / step,
        f"record, once in {usual} steps": record / usual / step,
    }
    benchmark.extra_info |= {**parts, "step_s": step}
    with capsys.disabled():
        told = ", ".join(f"{name}: {100 * share:.2f} %" for name, share in parts.items())
        print(f"\nof a step of {1000 * step:.0f} ms: {told}; together {100 * sum(parts.values()):.2f} %")

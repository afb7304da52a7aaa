"""Is this machine right for it? Operators, the same step twice, CPU against device, 50 steps, memory and speed."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from statistics import median

import torch

from labeldistill.checks.clock import Clock
from labeldistill.checks.determinism_audit import audit
from labeldistill.checks.dry_run import DryRun, Places, prepare, small
from labeldistill.checks.op_oracles import FLOAT32, HALF, OpCase, op_cases, op_error
from labeldistill.checks.short_run import short_run
from labeldistill.config.runs import run_settings
from labeldistill.config.study import StudySettings
from labeldistill.training.devices import Accelerator, describe, resolve_device
from labeldistill.training.usage import peak_memory, reset_peak_memory

LOSS_FLOAT32, LOSS_HALF = 1e-3, 5e-2
"""Largest relative difference of the first step's loss between CPU and device, in float32 and with half precision."""


@dataclass(frozen=True)
class Check:
    """One line.

    Attributes:
        name: what was checked.
        passed: None if it was not run.
        text: the finding in words.
        values: measured numbers by name.
    """

    name: str
    passed: bool | None
    text: str
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sizes:
    """How much is done; the defaults are those of a GPU.

    Attributes:
        batch: key frames per step. steps: steps whose losses have to be finite. timed: steps that are timed.
        full_size: the study's images and grid; otherwise small ones with the same networks.
        seconds: no check is begun after this.
    """

    batch: int = 4
    steps: int = 50
    timed: int = 6
    full_size: bool = True
    seconds: float = 480.0


def selfcheck(study: StudySettings, device: str, sizes: Sizes) -> Iterator[Check]:
    """Check a machine, one finding after the other; what no time is left for is said to be not run.

    Args:
        study: whose variants take a step, with random weights on random key frames.
        device: auto, cpu or cuda.
        sizes: how much is done.

    Raises:
        InputError: no such device.
    """
    accelerator = resolve_device(device)
    end = time.monotonic() + sizes.seconds
    for name, check in _checks(study, accelerator, sizes):
        if time.monotonic() > end:
            yield Check(name, None, "NOT RUN: no time left")
            continue
        try:
            yield check()
        except torch.cuda.OutOfMemoryError as error:
            yield Check(name, False, f"out of memory: {str(error).splitlines()[0]}")
        except RuntimeError as error:  # a kernel that this device or build lacks
            yield Check(name, False, f"{type(error).__name__}: {str(error).splitlines()[0]}")


def _checks(study: StudySettings, device: Accelerator, sizes: Sizes) -> Iterator[tuple[str, Callable[[], Check]]]:
    half = torch.float16 if device == "cuda" else torch.bfloat16
    for case in op_cases():
        for kind, limit in ((None, FLOAT32), (half, HALF)):
            name = f"{case.name}, {'float32' if kind is None else f'autocast {str(kind)[6:]}'}"
            yield name, lambda n=name, c=case, k=kind, m=limit: _op(n, c, device, k, m)  # type: ignore[misc]
    largest = list(study.variants)[-1]
    same = f"the same steps twice, {largest}"
    yield same, lambda: _twice(same, study, largest, device, sizes)
    for variant in study.variants:
        name = f"CPU against {device}, {variant}"
        yield name, lambda n=name, v=variant: _against_cpu(n, study, v, device, sizes)  # type: ignore[misc]
    finite = f"{sizes.steps} steps stay finite, {largest}"
    yield finite, lambda: _finite(finite, study, largest, device, sizes)
    for variant in study.variants:
        name = f"speed and memory, {variant}"
        yield name, lambda n=name, v=variant: _speed(n, study, v, device, sizes)  # type: ignore[misc]


def _op(name: str, case: OpCase, device: Accelerator, half: torch.dtype | None, limit: float) -> Check:
    error = op_error(case, torch.device(device), half)
    return Check(name, error <= limit, f"off by {error:.1e} of the largest value, at most {limit:g}", {"error": error})


def _ready(study: StudySettings, variant: str, device: str, sizes: Sizes) -> DryRun:
    run = run_settings(study, "student", variant, study.seeds[0])
    return prepare(run if sizes.full_size else small(run), Places(), batch=sizes.batch, device=device)


def _twice(name: str, study: StudySettings, variant: str, device: Accelerator, sizes: Sizes) -> Check:
    found = audit(lambda: _ready(study, variant, device, sizes).job, 2)
    return Check(name, found.identical, found.sentence(), {"calls": found.calls})


def _against_cpu(name: str, study: StudySettings, variant: str, device: Accelerator, sizes: Sizes) -> Check:
    if device == "cpu":
        return Check(name, None, "NOT RUN: there is no other device")
    ours, theirs = (short_run(_ready(study, variant, each, sizes).job, 1)[0] for each in (device, "cpu"))
    mixed = run_settings(study, "student", variant, study.seeds[0]).training.precision.endswith("mixed")
    error, limit = abs(ours - theirs) / max(abs(theirs), 1e-12), LOSS_HALF if mixed else LOSS_FLOAT32
    text = f"loss {ours:.5g} against {theirs:.5g} on the CPU: {error:.1e}, at most {limit:g}"
    return Check(name, error <= limit, text, {"loss": ours, "cpu_loss": theirs, "error": error})


def _finite(name: str, study: StudySettings, variant: str, device: Accelerator, sizes: Sizes) -> Check:
    ready = _ready(study, variant, device, sizes)
    training = ready.job.training.model_copy(update={"steps": sizes.steps, "epochs": None})
    losses = short_run(replace(ready.job, training=training), sizes.steps)
    bad = [step for step, loss in enumerate(losses) if not isfinite(loss)]
    text = f"step {bad[0]} has a loss of {losses[bad[0]]}" if bad else f"from {losses[0]:.4g} to {losses[-1]:.4g}"
    return Check(name, not bad and len(losses) == sizes.steps, text, {"first": losses[0], "last": losses[-1]})


def _speed(name: str, study: StudySettings, variant: str, device: Accelerator, sizes: Sizes) -> Check:
    reset_peak_memory(device)
    ready, clock = _ready(study, variant, device, sizes), Clock(device)
    short_run(ready.job, max(2, sizes.timed), clock)
    found = {f"{part}_ms": 1e3 * median(seconds[1:]) for part, seconds in clock.parts.items()}  # the first warms up
    found |= {"samples_per_s": 1e3 * sizes.batch / sum(found.values()), "peak_memory_mb": peak_memory(device) / 2**20}
    parts = ", ".join(f"{key[:-3]} {value:.0f} ms" for key, value in found.items() if key.endswith("_ms"))
    text = f"{found['samples_per_s']:.2f} samples/s without the loader, {found['peak_memory_mb']:.0f} MB; {parts}"
    return Check(name, True, text, found)


def speeds(study: StudySettings, device: str, sizes: Sizes) -> Iterator[Check]:
    """Speed and memory of every variant alone."""
    accelerator = resolve_device(device)
    for variant in study.variants:
        yield _speed(f"speed and memory, {variant}", study, variant, accelerator, sizes)


def host_syncs(study: StudySettings, variant: str, sizes: Sizes) -> dict[str, int]:
    """Places where one step waits for the GPU, with how often each does: file and line -> number."""
    ready, found = _ready(study, variant, "cuda", sizes), dict[str, int]()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            short_run(ready.job, 1)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    for each in said:
        place = f"{each.filename}:{each.lineno}"
        found[place] = found.get(place, 0) + ("synchronizing" in str(each.message))
    return {place: number for place, number in found.items() if number}


def machine(device: str) -> dict[str, object]:
    """The device's name, and the versions that results on it depend on."""
    accelerator = resolve_device(device)
    about: dict[str, object] = {**describe(accelerator), "torch": torch.__version__, "cuda": torch.version.cuda}
    if accelerator == "cuda":
        about["memory_gb"] = torch.cuda.get_device_properties(0).total_memory / 1e9
        about["capability"] = ".".join(map(str, torch.cuda.get_device_capability()))
    return about

"""Gate 1: the machine. Versions, GPU, memory, shared memory, disk, the speed of its file system, the clock."""

import importlib.metadata
import os
import re
import shutil
import time
from pathlib import Path

import psutil
import torch

from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks
from labeldistill.records.environment import LOCK, PACKAGES, environment

NAME = "environment"
PROBE_BYTES = 32 * 2**20
SLOW_BYTES_S = 20e6
GPU_BYTES = 16 * 2**30
"""Below this a full-size student with three frames doesn't fit."""
HOST_BYTES = 2 * 2**30
CLOCK_S = 2.0
OLDEST_YEAR = 2025
"""No clock is right that says an earlier one: the code is from then."""


def look(context: Context) -> Gate:
    """Look at the machine that this runs on."""
    looks = Looks(NAME)
    _versions(looks)
    _gpu(context, looks)
    _memory(context, looks)
    folder = _existing(context.plan.results)
    _disk(context, looks, folder)
    _file_system(looks, folder)
    return looks.gate()


def locked(lock: Path = LOCK) -> dict[str, str]:
    """Package -> version of the lock file; empty where there is none."""
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    found = (re.match(r"([A-Za-z0-9_.-]+)==([^\s;]+)", line) for line in lines)
    return {match[1].lower(): match[2] for match in found if match}


def _versions(looks: Looks) -> None:
    wanted, other, missing = locked(), [], []
    for package in PACKAGES:
        try:
            version = importlib.metadata.version(package).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
            continue
        if version != wanted.get(package, version).partition("+")[0]:
            other.append(f"{package} {version} instead of {wanted[package]}")
    if missing:
        looks.failed(f"not installed: {', '.join(missing)}", "install the pinned packages: make .venv/.ready")
    elif other:
        looks.warned(f"other versions than the lock's: {', '.join(other)}", "for the same bits install the lock's")
    else:
        looks.passed(f"{len(PACKAGES)} packages as locked")


def _gpu(context: Context, looks: Looks) -> None:
    study, there = context.plan.study, torch.cuda.device_count() if torch.cuda.is_available() else 0
    if study.device != "cuda":
        looks.passed(f"device {study.device}, {there} GPUs")
        return
    known = environment()
    figure = f"{there} GPUs ({', '.join(known['gpus']) or 'none'}), driver {known['driver'] or 'none'}"
    if there < study.devices_per_run:
        looks.failed(
            f"{figure}; a run takes {study.devices_per_run}",
            "run preflight where the trainings will run, or set devices_per_run; the batch stays the study's",
        )
        return
    least = min(torch.cuda.get_device_properties(number).total_memory for number in range(there))
    if least < GPU_BYTES:
        looks.warned(f"{figure}, {least / 2**30:.0f} GiB", "set batch_per_device lower; accumulation makes it up")
    else:
        looks.passed(f"{figure}, {least / 2**30:.0f} GiB each")


def _memory(context: Context, looks: Looks) -> None:
    available = psutil.virtual_memory().available
    if available < HOST_BYTES:
        looks.warned(f"{available / 2**30:.1f} GiB of memory free", "close what else runs here")
    else:
        looks.passed(f"{available / 2**30:.0f} GiB of memory free")
    study = context.plan.study
    workers, image = study.student_training.loader_workers, study.student.image.size_px
    if not workers or not Path("/dev/shm").is_dir():
        return
    batch = study.student_training.batch_per_device or study.student_training.batch // study.devices_per_run
    frame = 6 * 3 * image[0] * image[1] * 4
    needed = 2 * workers * study.devices_per_run * max(batch, 1) * len(study.student.frame_offsets) * frame
    free = shutil.disk_usage("/dev/shm").free
    looks.judged(
        free >= needed,
        f"/dev/shm has {free / 2**30:.1f} GiB free, {workers} loader workers take about {needed / 2**30:.1f}",
        "give the container more shared memory (--shm-size), or set training.loader_workers lower",
    )


def _disk(context: Context, looks: Looks, folder: Path) -> None:
    from labeldistill.planning.forecast import forecast

    needed = 2 * forecast(context.plan).bytes  # runs, and as much again for checkpoints and the index
    free = shutil.disk_usage(folder).free
    looks.judged(
        free >= needed,
        f"{free / 1e9:.0f} GB of disk free, the study takes about {needed / 1e9:.1f}",
        f"free some, or name another folder with --results; asked for was {folder}",
    )


def _file_system(looks: Looks, folder: Path) -> None:
    probe = folder / f".preflight-{os.getpid()}.part"
    try:
        start, before = time.perf_counter(), time.time()
        with probe.open("wb") as stream:
            stream.write(os.urandom(2**20) * (PROBE_BYTES // 2**20))
            stream.flush()
            os.fsync(stream.fileno())
        speed = PROBE_BYTES / (time.perf_counter() - start)
        skew = probe.stat().st_mtime - (before + time.time()) / 2
    except OSError as error:
        looks.failed(f"{folder} can't be written: {error.strerror}", "name another folder with --results")
        return
    finally:
        probe.unlink(missing_ok=True)
    if speed < SLOW_BYTES_S:
        looks.warned(f"results are written with {speed / 1e6:.0f} MB/s", "checkpoints will take long: use a local disk")
    else:
        looks.passed(f"results are written with {speed / 1e6:.0f} MB/s")
    _clock(looks, skew)


def _clock(looks: Looks, skew: float) -> None:
    year = time.gmtime().tm_year
    if year < OLDEST_YEAR:
        looks.failed(f"the clock says {year}", "set the clock: records and locks carry its times")
    elif abs(skew) > CLOCK_S + PROBE_BYTES / SLOW_BYTES_S:
        looks.warned(f"the file server's clock differs by {skew:+.0f} s", "synchronise both clocks")


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.is_dir())

"""Write a synthetic world: a genuine nuScenes folder, whole or not at all."""

import glob
import hashlib
import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from labeldistill.config.data import SynthSettings
from labeldistill.errors import InputError
from labeldistill.synthetic.check import check_settings, scene_names
from labeldistill.synthetic.maps import write_mask
from labeldistill.synthetic.rig import Sensor, calibrated_rig
from labeldistill.synthetic.scene import SceneJob, SceneRows, write_scene
from labeldistill.synthetic.seeds import generator
from labeldistill.synthetic.tables import TABLES, VEHICLES, log_row, logfile, map_row, static_tables

Progress = Callable[[int, int], None]
"""Called with the number of finished scenes and of all scenes."""


def write_world(
    settings: SynthSettings,
    out: Path,
    *,
    version: str = "v1.0-trainval",
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write a synthetic world: tables, images, point clouds, maps and `<version>/splits.json`.

    The same settings give byte-identical files for any number of workers. `splits.json` holds `synth_train`,
    `synth_val` and `synth_tuning`; their scenes have names of the official train, val and train splits, so that the
    unmodified devkit evaluates `val` of version v1.0-trainval.

    Args:
        settings: settings of the world.
        out: the folder to create.
        version: name of the version's folder.
        workers: number of processes.
        progress: called as scenes are written.

    Raises:
        InputError: settings that make no world, `out` exists, or the disk refuses.
    """
    out = Path(out)
    check_settings(settings, version)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("already exists; remove it or choose another folder", file=out)
    building = _workplace(out)
    try:
        building.mkdir(parents=True)
        _build(settings, building, version, workers, progress)
        if out.exists():
            out.rmdir()
        building.replace(out)
    except OSError as error:
        raise InputError(f"can't be written: {error.strerror or error}", file=out) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _workplace(out: Path) -> Path:
    """Name of a new folder beside `out`; remains of killed builds of the same world on this machine are removed."""
    prefix = f".{out.name}.{socket.gethostname()}-"
    for left in out.parent.glob(f"{glob.escape(prefix)}*.part"):
        owner = left.name[len(prefix) : -len(".part")]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return out.with_name(f"{prefix}{os.getpid()}.part")


def _build(settings: SynthSettings, root: Path, version: str, workers: int, progress: Progress | None) -> None:
    described = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    world = hashlib.sha256(described.encode()).hexdigest()[:16]
    rigs = {vehicle: calibrated_rig(settings, generator(settings.seed, "rig", vehicle)) for vehicle in VEHICLES}
    names = scene_names(settings)
    jobs = list(_jobs(settings, world, names, rigs, root))
    for sensor in rigs["n008"]:
        for folder in ("samples",) if sensor.is_camera else ("samples", "sweeps"):
            (root / folder / sensor.channel).mkdir(parents=True)
    scenes = []
    with closing(_run(jobs, workers)) as running:  # always stops the workers before the folder is removed
        for done in running:
            scenes.append(done)
            if progress is not None:
                progress(len(scenes), len(jobs))
    scenes.sort(key=lambda rows: rows.number)
    _write_tables(root, version, world, rigs, jobs, scenes)
    splits = {f"synth_{split}": split_names for split, split_names in names.items()}
    _dump(root / version / "splits.json", splits)
    (root / "synth.json").write_text(described + "\n", encoding="utf-8")


def _jobs(settings: SynthSettings, world: str, names: dict[str, list[str]],
          rigs: dict[str, tuple[Sensor, ...]], root: Path) -> Iterator[SceneJob]:  # fmt: skip
    number = 0
    for split, scenes in names.items():
        for index, name in enumerate(scenes):
            vehicle = list(VEHICLES)[index % len(VEHICLES)]
            log = log_row(world, vehicle, split)["token"]
            yield SceneJob(settings, world, split, index, number, name, vehicle, logfile(vehicle, split), log,
                           rigs[vehicle], root)  # fmt: skip
            number += 1


def _run(jobs: list[SceneJob], workers: int) -> Generator[SceneRows, None, None]:
    if workers <= 1 or len(jobs) <= 1:
        yield from map(write_scene, jobs)
        return
    # An executor instead of a Pool: a killed worker raises an error there, while a Pool would wait forever.
    pool = ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn"), _follow_the_parent)
    try:
        for future in as_completed([pool.submit(write_scene, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool as error:
        raise InputError("a worker was killed (too little memory?); fewer workers need less") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _follow_the_parent() -> None:
    """In a worker: leave Ctrl-C to the parent, and end when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(parent_process(),), daemon=True).start()


def _end_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_tables(root: Path, version: str, world: str, rigs: dict[str, tuple[Sensor, ...]], jobs: list[SceneJob],
                  scenes: list[SceneRows]) -> None:  # fmt: skip
    tables = static_tables(world, rigs)
    logs = {job.log_token: log_row(world, job.vehicle, job.split) for job in jobs}
    tables["log"] = list(logs.values())
    tables["map"] = []
    (root / "maps").mkdir()
    for vehicle in {job.vehicle: None for job in jobs}:
        row = map_row(world, vehicle, tables["log"])
        tables["map"].append(row)
        write_mask([rows.path for job, rows in zip(jobs, scenes, strict=True) if job.vehicle == vehicle],
                   root / row["filename"])  # fmt: skip
    for name in TABLES:
        if name not in tables:
            tables[name] = [row for rows in scenes for row in rows.tables[name]]
        _dump(root / version / f"{name}.json", tables[name])


def _dump(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=0) + "\n", encoding="utf-8")

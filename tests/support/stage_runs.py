"""Runs of every stage on a small synthetic world; as a script it trains one: `python stage_runs.py JOB.json`."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeldistill.config.data import DataSettings, SynthSettings
from labeldistill.config.load import load_study
from labeldistill.config.methods import parents_of, stage_of
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings
from labeldistill.data.infos import build_infos
from labeldistill.records.training_run import train_with_record
from labeldistill.synthetic.write import write_world
from labeldistill.training.job import Execution, LocatedRun

WORLD = SynthSettings(
    scenes={"train": 2, "val": 1, "tuning": 1},
    key_frames_per_scene=2,
    sweeps_per_key_frame=2,
    image_size_px=(64, 176),
    range_m=19.0,
)
DATA: dict[str, Any] = {
    "splits": {"train": "synth_train", "val": "synth_val"},
    "past_sweeps": 2,
    "future_sweeps": 1,
}


@dataclass
class Runs:
    infos: Path
    root: Path

    def folder(self, unit: str) -> Path:
        return self.root / unit

    def settings(self, unit: str, seed: int = 0, steps: int = 2) -> RunSettings:
        stage = stage_of(unit)
        run = run_settings(load_study("smoke"), stage, unit if stage == "student" else None, seed)
        data = DataSettings(dataroot=str(self.infos.parent / "world"), **DATA)
        training = run.training.model_copy(update={"steps": steps, "batch": 2, "warmup_steps": 0})
        return run.model_copy(update={"data": data, "training": training})

    def located(self, unit: str, run: RunSettings | None = None, folder: Path | None = None) -> LocatedRun:
        """The run of a unit, or another run that starts from the same parents."""
        run = run or self.settings(unit)
        parents = {stage: self.folder(stage) for stage in parents_of(run.stage, run.needs)}
        return LocatedRun(run, f"key-{unit}", folder or self.folder(unit), self.infos, parents)

    def train(self, unit: str) -> None:
        train_with_record(self.located(unit), Execution(device="cpu"), study="t", variant=unit)


def train_all(root: Path) -> None:
    """Write the world and its index, and train one run of every stage."""
    write_world(WORLD, root / "world")
    data = DataSettings(dataroot=str(root / "world"), **DATA)
    made = Runs(build_infos(data, root / "world", root / "infos"), root)
    for unit in ("teacher", "label-encoder", "baseline", "full"):
        made.train(unit)


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    parents = {stage: Path(folder) for stage, folder in job["parents"].items()}
    settings = RunSettings.model_validate(job["settings"])
    located = LocatedRun(settings, job["run_key"], Path(job["out_dir"]), Path(job["infos_dir"]), parents)
    train_with_record(located, Execution(**job["execution"]), study=job["study"], variant=job["variant"])

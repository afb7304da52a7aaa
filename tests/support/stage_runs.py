"""Runs of every stage on a small synthetic world; as a script it trains one: `python stage_runs.py JOB.json`."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeldistill.config.data import DataSettings, SynthSettings
from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings
from labeldistill.records.training_run import train

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
        stage = unit if unit in ("teacher", "label-encoder") else "student"
        run = run_settings(load_study("smoke"), stage, unit if stage == "student" else None, seed)  # type: ignore[arg-type]
        data = DataSettings(dataroot=str(self.infos.parent / "world"), **DATA)
        training = run.training.model_copy(update={"steps": steps, "batch": 2, "warmup_steps": 0})
        return run.model_copy(update={"data": data, "training": training})

    def parents(self, unit: str) -> dict[str, Path | None]:
        teacher = self.folder("teacher") if unit in ("label-encoder", "full") else None
        return {"teacher_dir": teacher, "label_encoder_dir": self.folder("label-encoder") if unit == "full" else None}

    def train(self, unit: str) -> None:
        run, folder = self.settings(unit), self.folder(unit)
        about = {"run_key": f"key-{unit}", "study": "t", "variant": unit, "device": "cpu"}
        train(run, self.infos, folder, **about, **self.parents(unit))  # type: ignore[arg-type]


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    settings = RunSettings.model_validate(job.pop("settings"))
    paths = {name: Path(job.pop(name)) for name in ("infos_dir", "out_dir")}
    parents = {name: value and Path(value) for name, value in job.pop("parents").items()}
    train(settings, **paths, **parents, **job)

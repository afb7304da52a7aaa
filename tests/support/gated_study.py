"""A small study that passes every gate: a world, a backbone that looks trained, every unit trained for a few steps."""

import json
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file

from labeldistill.claims.references import frozen
from labeldistill.config.data import SynthSettings
from labeldistill.config.load import load_study
from labeldistill.data.infos import build_infos
from labeldistill.models.resnet import ResNet
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate
from labeldistill.preflight.reference_forward import picture_batch
from labeldistill.preflight.run import GATES, run_gates
from labeldistill.records.training_run import train_with_record
from labeldistill.study.plan import StudyPlan
from labeldistill.synthetic.write import write_world
from labeldistill.training.job import Execution
from labeldistill.training.recipe import untrained_model

WORLD = SynthSettings(
    scenes={"train": 1, "val": 1},
    key_frames_per_scene=4,
    sweeps_per_key_frame=2,
    image_size_px=(64, 176),
    range_m=14.5,
    lidar_azimuths=160,
    objects_per_scene=(14, 18),
    difficulty=0.05,
)
STUDY: dict[str, Any] = {
    "extends": "smoke",
    "description": "passes every gate",
    "seeds": [0],
    "data": {
        "synth": None,
        "splits!": {"train": "synth_train", "val": "synth_val"},
        "past_sweeps": 1,
        "future_sweeps": 0,
    },
    "student": {"image": {"size_px": [32, 96], "resize_range": [0.55, 0.55]}},
    "switches": {"colour_order": "corrected"},
    "teacher_training": {"steps": 2, "warmup_steps": 1},
    "label_encoder_training": {"steps": 2, "warmup_steps": 1},
    "student_training": {"steps": 4, "warmup_steps": 1},
    "variants!": {
        "full": {"terms": {"detection": 1.0, "depth": 3.0, "lidar_feature": 0.3, "label_feature": 0.3, "response": 1.0}}
    },
    "baseline": "full",
    "claims!": {},
}


@dataclass
class GatedStudy:
    """The study in a folder of its own, where a fault can be planted; `gates()` asks every gate, or all but some."""

    folder: Path

    @property
    def world(self) -> Path:
        return self.folder / "world"

    @property
    def backbone(self) -> Path:
        return self.folder / "weights" / "backbone.safetensors"

    @property
    def plan(self) -> StudyPlan:
        return StudyPlan.load("gated", self.folder / "results")

    def change(self, **settings: Any) -> None:
        """Write the study with other settings, one level deep."""
        file = self.folder / "config" / "gated.yaml"
        tree = yaml.safe_load(file.read_text())
        for key, value in settings.items():
            tree[key] = {**tree.get(key, {}), **value} if isinstance(value, dict) else value
        file.write_text(yaml.safe_dump(tree))

    def table(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((self.world / "v1.0-trainval" / f"{name}.json").read_text())
        return rows

    def write_table(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.replace(self.world / "v1.0-trainval" / f"{name}.json", json.dumps(rows).encode())

    @staticmethod
    def replace(file: Path, content: bytes) -> None:
        """Write a file anew: a copy of the study shares its files with the first one."""
        file.unlink()
        file.write_bytes(content)

    def gates(self, *without: str) -> dict[str, Gate]:
        context = Context(self.plan, self.folder / "scratch")
        asked = {name: look for name, look in GATES.items() if name not in without}
        return {gate.gate: gate for gate in run_gates(context, asked)}

    def copy(self, folder: Path) -> "GatedStudy":
        shutil.copytree(self.folder, folder, copy_function=os.link, ignore=shutil.ignore_patterns("scratch"))
        config = folder / "config" / "gated.yaml"
        self.replace(config, config.read_bytes())
        made = GatedStudy(folder)
        made.change(data={"dataroot": str(made.world)}, student={"pretrained_backbone": str(made.backbone)})
        return made


def make(folder: Path) -> GatedStudy:
    """Write the world, the start weights, the study, and train every unit; LABELDISTILL_STUDIES names its folder."""
    made = GatedStudy(folder)
    shipped = Path(__file__).resolve().parents[2] / "workflow" / "config"
    (folder / "config").mkdir(parents=True)
    for name in ("_defaults", "_tiny", "smoke"):
        shutil.copy(shipped / f"{name}.yaml", folder / "config")
    shutil.copytree(shipped.parent / "claims", folder / "claims")
    write_world(WORLD, made.world)
    tree = {**STUDY, "data": {**STUDY["data"], "dataroot": str(made.world)}}
    tree["student"] = {**STUDY["student"], "pretrained_backbone": str(made.backbone)}
    (folder / "config" / "gated.yaml").write_text(yaml.safe_dump(tree))
    _backbone(made)
    recipes = folder / "references" / "recipes"
    recipes.mkdir(parents=True)
    (recipes / "gated.yaml").write_text(frozen(load_study("gated"), ("full",)))
    plan = made.plan
    build_infos(plan.study.data, made.world, plan.infos)
    for run in plan.runs:
        train_with_record(run.located(plan.infos), Execution(device="cpu"), study="gated", variant=run.unit)
    return made


def _backbone(study: GatedStudy) -> None:
    """A backbone that looks trained: a smooth stem, and BatchNorm statistics of what it makes of a picture."""
    from labeldistill.config.runs import run_settings

    run = run_settings(load_study("gated"), "student", "full", 0)
    torch.manual_seed(0)
    model: Any = untrained_model(run).get_submodule("backbone.img_backbone")
    assert isinstance(model, ResNet)
    with torch.no_grad():
        stem = model.conv1.weight
        place = torch.arange(7) - 3.0
        for channel in range(len(stem)):
            wave = torch.cos(place * (0.2 + 0.05 * channel))[:, None] * torch.exp(-(place**2) / 6)[None]
            stem[channel] = math.sqrt(channel + 1) / 10 * wave
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = 1.0
        model.train()(picture_batch())
    save_backbone(study.backbone, {name: value.clone() for name, value in model.state_dict().items()})


def save_backbone(file: Path, state: dict[str, torch.Tensor]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    about = {"imported": {"source": {"file": "backbone.pth", "sha256": "ab" * 32}, "weights": "raw"}}
    save_file(state, file, metadata={"labeldistill": json.dumps(about)})


def backbone_state(file: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(file))

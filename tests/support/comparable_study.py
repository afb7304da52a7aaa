"""A study that can be compared with a published claim, with planted scores: as if it had been run on nuScenes.

The folder's "nuScenes" is a few made-up tokens; the folder's own file of official splits says that they are the
official ones. Everything else is the real thing: the claim, its reference study, the plan, the CLI.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from planted_results import Score, benchmark, confirm_all, finish, take_in
from planted_starts import fake_start

from labeldistill.claims.claims import claims_file
from labeldistill.claims.registration import register
from labeldistill.data.columns import write_columns
from labeldistill.nuscenes.columns import Samples, Scenes
from labeldistill.nuscenes.splits import names_hash
from labeldistill.study.plan import StudyPlan

CLAIM = {"mAP": 0.3929, "NDS": 0.5073}
"""Published values of the claim `r50-3frames`, fractions."""
SPLITS = {"train": [f"scene-{n:04}" for n in range(1, 9)], "val": [f"scene-{n:04}" for n in range(101, 105)]}
NOISE = (-0.0012, 0.0006, -0.0004, 0.0011, -0.0007, 0.0006)


def as_published(unit: str, metric: str, seed: int) -> float:
    """Scores of a method that is the published one, with the spread of its seeds."""
    return CLAIM[metric] - 0.03 * (unit == "baseline") + NOISE[seed % 6] + 0.0002 * (metric == "NDS")


def tokens_of(split: str) -> list[str]:
    return [f"{scene}-{frame}" for scene in SPLITS[split] for frame in range(5)]


HELD = {"samples": len(tokens_of("val")), "tokens_sha256": names_hash(tokens_of("val")), "partial": None}
"""What a run's scores say of the samples."""


class ComparableStudy:
    """`study` of a folder with its own studies, claims, data and results.

    Attributes:
        tree: of the study's file; write it again with `write` after a change.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, seeds: int = 6) -> None:
        claims = claims_file().parent
        patch.setenv("LABELDISTILL_STUDIES", str(folder / "config"))
        patch.setattr(StudyPlan, "data_key", "0" * 12)  # the folder of nuScenes itself is not there
        self.folder = folder
        self.results = folder / "results"
        (folder / "config").mkdir(parents=True)
        (folder / "claims" / "references").mkdir(parents=True)
        for name in ("labeldistill.yaml", *(f"references/{file.name}" for file in (claims / "references").iterdir())):
            (folder / "claims" / name).write_text((claims / name).read_text())
        self.noise(0.05)
        self._official(claims)
        self.tree: dict[str, Any] = yaml.safe_load((claims / "references" / "r50-3frames.yaml").read_text())
        self.tree |= {"seeds": list(range(seeds)), "comparable": True, "claims": {"full": "r50-3frames"}}
        self.tree |= {"name": "study", "not_comparable_because": "", "evaluation_slices": []}
        self.tree["data"]["dataroot"] = str(folder / "nuscenes")
        self.tree["student"]["pretrained_backbone"] = self.start("resnet50", "0676ba61")
        self.tree["teacher"]["pretrained"] = self.start("centerpoint", "9061688e")
        self.write()

    def noise(self, sd: float) -> None:
        """How far the published run may lie from its method's mean, points."""
        file = self.folder / "claims" / "labeldistill.yaml"
        tree = yaml.safe_load(file.read_text())
        spreads = {"mAP": sd, "NDS": sd, "mATE": sd / 100}
        tree["noise"] = {"field": {metric: {"sd": spread, "source": "the test"} for metric, spread in spreads.items()}}
        file.write_text(yaml.safe_dump(tree))

    def _official(self, claims: Path) -> None:
        splits = {
            name: {
                "version": "v1.0-trainval",
                "scenes": len(scenes),
                "scenes_sha256": names_hash(scenes),
                "samples": len(tokens_of(name)),
                "tokens_sha256": names_hash(tokens_of(name)),
            }
            for name, scenes in SPLITS.items()
        }
        real = yaml.safe_load((claims / "nuscenes_splits.yaml").read_text())["splits"]
        (self.folder / "claims" / "nuscenes_splits.yaml").write_text(yaml.safe_dump({"splits": real | splits}))

    def start(self, name: str, digits: str) -> str:
        """An imported weights file whose public source has a hash that begins with these digits."""
        file = self.folder / f"{name}-{digits}.safetensors"
        fake_start(file, digits)
        return str(file)

    def write(self) -> None:
        (self.folder / "config" / "study.yaml").write_text(yaml.safe_dump(self.tree))

    @property
    def plan(self) -> StudyPlan:
        return StudyPlan.load("study", self.results, self.folder / "reports")

    def index(self, splits: dict[str, list[str]] | None = None, prefix: str = "") -> None:
        """Leave an index of these scenes, train and val; `prefix` makes other sample tokens of them."""
        names = {**SPLITS, **(splits or {})}
        scenes = sorted({*names["train"], *names["val"]})
        samples = [(row, f"{prefix}{scene}-{frame}", frame) for row, scene in enumerate(scenes) for frame in range(5)]
        folder = self.plan.infos
        folder.mkdir(parents=True, exist_ok=True)
        texts, numbers = pa.array(scenes), np.arange(len(samples))
        inside = {split: np.isin(scenes, names.get(split, [])) for split in ("train", "val", "tuning")}
        columns = Scenes(texts, texts, texts, texts, inside["train"], inside["val"], inside["tuning"])
        write_columns(folder / "scenes.parquet", columns)
        rows, tokens, frames = zip(*samples, strict=True)
        write_columns(folder / "samples.parquet", Samples(pa.array(tokens), np.array(rows), np.array(frames), numbers))
        (folder / "index.json").write_text("{}")

    def run(self, score: Score = as_published, failed: tuple[tuple[str, int], ...] = (), **scores: Any) -> None:
        """Register, and leave every run with its scores; `failed` runs diverged."""
        self.index()
        plan = self.plan
        register(plan, "c" * 40)
        for run in plan.runs:
            diverged = {"status": "diverged", "reason": "the loss"} if (run.unit, run.seed) in failed else {}
            finish(plan, run, score, {**HELD, **scores}, **diverged)
        benchmark(plan)

    def take_in(self, seed: int, digit: str, **about: Any) -> None:
        """Leave an ingested file as `full`; it is scored on all samples."""
        plan = self.plan
        take_in(plan, "full", seed, as_published, digit=digit)
        folder = plan.folder / "full" / f"seed-{seed}" / f"ingested-{digit * 12}"
        for file, more in ((folder / "ingested.json", about), (next(folder.glob("metrics-*/metrics.json")), HELD)):
            file.write_text(json.dumps({**json.loads(file.read_text()), **more}))
        confirm_all(self.plan)

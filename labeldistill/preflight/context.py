"""What the gates look at: a study's plan, its data, and some of its key frames, opened once for all of them."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from labeldistill.config.methods import stage_of
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings
from labeldistill.data.infos import Infos, build_infos
from labeldistill.data.loading import LoadingOptions
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.ground_truth_part import part_of
from labeldistill.nuscenes.splits import Split, resolve_splits
from labeldistill.nuscenes.tables import Tables
from labeldistill.study.plan import PlannedRun, StudyPlan
from labeldistill.study.scoring import scoring_task
from labeldistill.synthetic.write import write_world

SCENES = 3
"""Scenes of each split whose key frames are looked at, where the data are too large to look at all."""
MOST_SCENES = 24
"""A study of at most so many scenes is indexed whole."""


@dataclass
class Context:
    """A study before it runs.

    Attributes:
        plan: its plan.
        scratch: a folder for what is thrown away.
    """

    plan: StudyPlan
    scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="preflight-")))

    @cached_property
    def tables(self) -> Tables:
        """The folder's tables."""
        return Tables(self.plan.dataroot, self.plan.study.data.version, self.plan.table_cache)

    @cached_property
    def infos(self) -> Infos:
        """An index of some scenes of the training and of the evaluation split.

        Raises:
            InputError: the data can't be read.
        """
        data = self.plan.study.data
        splits = resolve_splits(data.splits, self.tables)
        wanted: dict[Split, tuple[str, ...]] = {
            split: _spread(splits[split]) for split in ("train", self.plan.study.evaluation_split)
        }
        some = data.model_copy(update={"splits": wanted})
        root, folder = self.plan.dataroot, self.scratch / "index"
        return Infos.open(build_infos(some, root, folder, cache=self.plan.table_cache), root)

    def truth(self, tokens: Sequence[str]) -> GroundTruth:
        """What is to be found on key frames of the evaluation split."""
        whole, _ = scoring_task(self.plan).open()
        return part_of(whole, None, list(tokens))

    def settings(self, unit: str) -> RunSettings:
        """Of a unit's run with the study's first seed."""
        stage, study = stage_of(unit), self.plan.study
        return run_settings(study, stage, unit if stage == "student" else None, study.seeds[0])

    def rules(self, unit: str, *, training: bool) -> LoadingOptions:
        """How a unit loads a key frame."""
        return LoadingOptions.from_settings(self.settings(unit), training=training)

    @property
    def fullest(self) -> str:
        """The variant with the most loss terms."""
        variants = self.plan.study.variants
        return max(variants, key=lambda name: len(variants[name].terms))

    @cached_property
    def runs(self) -> dict[str, PlannedRun]:
        """The first run of every unit, by unit."""
        found: dict[str, PlannedRun] = {}
        for run in self.plan.runs:
            found.setdefault(run.unit, run)
        return found


def _spread(scenes: Sequence[str]) -> tuple[str, ...]:
    """All scenes of a small split, else a few, evenly spread."""
    if len(scenes) <= MOST_SCENES:
        return tuple(scenes)
    return tuple(scenes[(2 * n + 1) * len(scenes) // (2 * SCENES)] for n in range(SCENES))


def make_world(plan: StudyPlan) -> bool:
    """Write the synthetic world of a study that has one and does not have it yet; returns whether it did."""
    data = plan.study.data
    if data.synth is None or plan.world.is_dir():
        return False
    write_world(data.synth, plan.world, version=data.version)
    return True

"""A study (data, networks, optimisation, variants, seeds), and the settings of one of its runs."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from labeldistill.config.base import Name, Settings
from labeldistill.config.data import DataSettings
from labeldistill.config.grid import GridSettings
from labeldistill.config.methods import FIXED_UNITS, METHODS, Stage
from labeldistill.config.model import (
    BevAugmentationSettings,
    DistillationSettings,
    LabelEncoderSettings,
    StudentSettings,
    TeacherSettings,
)
from labeldistill.config.slicing import Slices
from labeldistill.config.switches import STAGES_OF_SWITCH, Switches, is_released
from labeldistill.config.terms import LABELDISTILL, Needs, Term, needs_of, registered, term_spec
from labeldistill.config.training import TrainingSettings
from labeldistill.config.verdict import VerdictSettings


def _no_pair(teachers: int) -> int:
    if teachers == 2:
        raise ValueError("two teachers say next to nothing of their spread; give 1, 3 or more, or per-seed")
    return teachers


Teachers = Annotated[int, Field(ge=1, strict=True), AfterValidator(_no_pair)] | Literal["per-seed"]
Split = Literal["train", "val", "tuning"]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]


class VariantSettings(Settings):
    """A row of loss terms with their weights; `overrides` changes any other setting of the run by dotted key."""

    terms: dict[Term, float]
    overrides: dict[str, Any] = {}
    seed_shift: int = Field(0, ge=0, lt=2**32)
    """Added to the study's seeds when this variant is trained: an A/A control has the terms of another variant but
    other seeds, so that any difference between the two is chance."""

    @model_validator(mode="after")
    def _terms(self) -> "VariantSettings":
        if "detection" not in self.terms:
            raise ValueError("`terms` must hold `detection`")
        for term in self.terms:
            if term not in registered():
                raise ValueError(f"`terms.{term}` is not a loss term; known: {', '.join(registered())}")
        return self


class RunSettings(Settings):
    """Everything one training run depends on, and nothing else: what the run key hashes.

    Built by `labeldistill.config.runs`; parts that a stage does not use are None.
    """

    stage: Stage
    seed: int = Field(ge=0)
    data: DataSettings
    grid: GridSettings
    bev_augmentation: BevAugmentationSettings
    training: TrainingSettings
    switches: dict[str, str]
    """The switches that act on this stage (see STAGES_OF_SWITCH)."""
    teacher: TeacherSettings | None = None
    label_encoder: LabelEncoderSettings | None = None
    student: StudentSettings | None = None
    distillation: DistillationSettings | None = None
    method: str = LABELDISTILL
    """The method that a student belongs to (see `config.methods`)."""
    terms: dict[Term, float] = {}

    @property
    def needs(self) -> Needs:
        """What the loss terms need besides the student."""
        return needs_of(self.terms)

    def released(self, switch: str) -> bool:
        """Whether `switch` has its released value in this run (see `switches.is_released`)."""
        return is_released(self.switches, switch)


class BenchmarkSettings(Settings):
    """What `benchmark` measures."""

    warmup: int = Field(2, ge=0)
    repeats: int = Field(10, ge=1)


class StudySettings(Settings):
    """One YAML file of workflow/config, after inheritance."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    description: str
    method: str = LABELDISTILL
    """The method that is trained (see `config.methods`)."""
    data: DataSettings
    grid: GridSettings = GridSettings()
    bev_augmentation: BevAugmentationSettings = BevAugmentationSettings()
    teacher: TeacherSettings = TeacherSettings()
    label_encoder: LabelEncoderSettings = LabelEncoderSettings()
    student: StudentSettings = StudentSettings()
    distillation: DistillationSettings = DistillationSettings()
    teacher_training: TrainingSettings
    label_encoder_training: TrainingSettings
    student_training: TrainingSettings
    switches: Switches = Switches()
    variants: dict[Name, VariantSettings]
    baseline: str = "baseline"
    """The variant that differences are taken to."""
    seeds: tuple[Seed, ...]
    teacher_seed: Seed = 0
    """Seed of the first teacher and of the label encoder made from it."""
    teachers: Teachers = 1
    """How many teachers, each with a label encoder of its own, the students learn from. 1: all seeds share it, and what
    is found holds given this teacher. `per-seed`: each seed has its own, trained with that seed. 3 or more: every seed
    under every teacher, trained with `teacher_seed` and the seeds after it."""
    evaluation_split: Split = "val"
    evaluation_slices: Slices = ()
    """Parts of the split that are scored separately, e.g. `distance` or `distance=0-15,15-`; see config.slicing."""
    evaluation_replicates: int = Field(1000, ge=0)
    """Scene-bootstrap replicates per score, for intervals over scenes; 0: no intervals."""
    benchmark: BenchmarkSettings = BenchmarkSettings()
    verdict: VerdictSettings = VerdictSettings()
    claims: dict[Name, Name] = {}
    """Variant -> id of the published claim (workflow/claims) that it is compared with."""
    comparable: bool = False
    """Whether this study's data and configuration are the published ones; otherwise every claim is NOT COMPARABLE."""
    not_comparable_because: str = "another data set than the published one"
    assumed: dict[str, str] = {}
    """Dotted setting -> why it is assumed (the paper never published it)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices_per_run: int = Field(1, ge=1)
    """Devices per machine of one training."""
    nodes_per_run: int = Field(1, ge=1)
    """Machines per training; the batch is shared by all their devices."""

    def teacher_seeds(self, seed: int | None = None) -> tuple[int, ...]:
        """Seeds of the teachers that a student of this seed learns from; None: of all teachers of the study."""
        if self.teachers == "per-seed":
            return self.seeds if seed is None else (seed,)
        return tuple(range(self.teacher_seed, self.teacher_seed + self.teachers))

    @model_validator(mode="after")
    def _consistent(self) -> "StudySettings":
        if self.baseline not in self.variants:
            raise ValueError(f"`baseline` names `{self.baseline}`, which is not one of {sorted(self.variants)}")
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise ValueError(f"`seeds` must be given once each, got {list(self.seeds)}")
        unknown = set(FIXED_UNITS) & set(self.variants)
        if unknown:
            raise ValueError(f"a variant can't be called {sorted(unknown)}: that is the name of a stage")
        if self.name == "data":
            raise ValueError("`name`: results/data holds the data of all studies; choose another name")
        if self.method not in METHODS:
            raise ValueError(f"`method` {self.method} is not one of {', '.join(METHODS)}")
        for name, variant in self.variants.items():
            for term in variant.terms:
                if self.method not in term_spec(term).methods:
                    raise ValueError(f"`variants.{name}.terms.{term}` is not a term of the method {self.method}")
        if self.evaluation_split not in self.data.splits:
            raise ValueError(f"`evaluation_split` {self.evaluation_split} is not one of `data.splits`")
        assert set(STAGES_OF_SWITCH) == set(Switches.model_fields)
        return self

"""The plan of a study: every run with its key and its folder, computed before anything runs.

The Snakefile asks it for paths, the CLI verbs for settings, `gather` and `status` for what should exist. It imports
nothing heavy, because `snakemake -n` uses it.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from labeldistill.config.load import load_study, studies_folder
from labeldistill.config.methods import FIXED_UNITS, METHODS, STAGES, Stage, parents_of, stage_of
from labeldistill.config.run_files import RECORD, REGISTERED
from labeldistill.config.runs import run_settings, unstarted
from labeldistill.config.study import RunSettings, StudySettings
from labeldistill.errors import InputError
from labeldistill.files import file_sha256
from labeldistill.study.adopted import AdoptedRun, adopted_under
from labeldistill.study.apart import Origin
from labeldistill.study.code_hash import code_hash, run_code
from labeldistill.study.code_version import code_version
from labeldistill.study.data_plan import DataPlan
from labeldistill.study.ingested import IngestedRun, ingested_under
from labeldistill.study.run_key import digest, hashed_settings, run_key
from labeldistill.study.start_weights import can_start, check_starts

if TYPE_CHECKING:
    from labeldistill.training.job import LocatedRun

WeightsName = Literal["raw", "ema"]


@dataclass(frozen=True)
class PlannedRun:
    """One training run: its settings, key, folder, and the runs it builds on."""

    stage: Stage
    unit: str
    """`teacher`, `label-encoder` or the variant: the second part of the path."""
    seed: int
    settings: RunSettings
    key: str
    folder: Path
    parents: tuple["PlannedRun", ...] = ()
    """Runs whose weights this one starts from."""
    origin: Origin = "own"
    weights: tuple[WeightsName, ...] = ("raw", "ema")
    """Kinds of weights that it has; an adopted checkpoint has one."""
    teacher_seed: int | None = None
    """Seed of the teacher that a student learns from; None: it has no teacher."""

    @property
    def record(self) -> Path:
        """The record; its presence means that the run finished."""
        return self.folder / RECORD

    def located(self, infos: Path) -> "LocatedRun":
        """The run with its index and its parents' folders, as training, prediction and checks need it."""
        from labeldistill.training.job import LocatedRun  # imports torch

        parents = {run.stage: run.folder for run in self.parents}
        return LocatedRun(self.settings, self.key, self.folder, infos, parents, self.weights)


class StudyPlan(DataPlan):
    """Keys and paths of one study under a results and a reports folder."""

    def __init__(self, study: StudySettings, results: Path = Path("results"), reports: Path = Path("reports")) -> None:
        self.study = study
        self.planned_seeds = study.seeds  # seeds of the whole study, even if the plan covers only the first few
        self.started = True
        """Whether start weights enter the keys; False to look at a study whose files do not exist yet."""
        self.results = results
        self.folder = results / study.name
        self.reports = reports

    @classmethod
    def load(cls, name: str, results: str | Path = "results", reports: str | Path = "reports") -> "StudyPlan":
        """Read study `name` and plan it; `NAME@3` is the study with its first three seeds, under the same run keys.

        Raises:
            InputError: as `load_study`; more seeds than the study has.
        """
        whole, _, first = name.rpartition("@") if re.search(r"@\d+$", name) else (name, "", "")
        study = load_study(whole)
        if first and not 1 <= int(first) <= len(study.seeds):
            raise InputError(f"the study has {len(study.seeds)} seeds, not {first}", key=name)
        plan = cls(study, Path(results), Path(reports))
        if first:
            plan.study = study.model_copy(update={"seeds": study.seeds[: int(first)]})
        return plan

    @classmethod
    def of_results(cls, name: str, results: str | Path = "results", reports: str | Path = "reports") -> "StudyPlan":
        """As `load`, for verbs that read results: where the study trained nothing, its start weights may be missing.

        A study may consist of adopted checkpoints and ingested files, which start from nothing.

        Raises:
            InputError: as `load`.
        """
        plan = cls.load(name, results, reports)
        plan.started = any(plan.folder.glob(f"*/seed-*/*/{RECORD}")) or can_start(plan.study)
        return plan

    # -- training runs ------------------------------------------------------------------------------------------------

    def _planned(self, stage: Stage, unit: str, variant: str | None, seed: int, teacher_seed: int) -> PlannedRun:
        settings = run_settings(self.study, stage, variant, seed)
        if self.started:
            _ = self._starts_are_there
        parents = tuple(self._parent(each, variant, teacher_seed) for each in parents_of(stage, settings.needs))
        key = run_key(
            settings if self.started else unstarted(settings),
            infos=self.infos_key,
            code=run_code(settings),
            parents={run.stage: run.key for run in parents},
        )
        folder = self.folder / unit / f"seed-{seed}" / key
        of = teacher_seed if stage == "student" and parents else None
        return PlannedRun(stage, unit, seed, settings, key, folder, parents, teacher_seed=of)

    @cached_property
    def _starts_are_there(self) -> bool:
        check_starts(self.study)
        return True

    def _parent(self, stage: Stage, variant: str | None, teacher_seed: int) -> PlannedRun:
        """The teacher or label encoder that a variant learns from; None: that of the study without overrides."""
        return self._planned(stage, stage, variant, teacher_seed, teacher_seed)

    @property
    def _shared(self) -> list[PlannedRun]:
        """The method's own teachers and label encoders, which the report shows even if no variant uses them."""
        stages = [stage for stage in METHODS[self.study.method].stages if stage in FIXED_UNITS]
        return [self._parent(stage, None, seed) for stage in stages for seed in self.study.teacher_seeds()]

    @cached_property
    def students(self) -> list[PlannedRun]:
        """Every student run, variant by variant, seed by seed; one per teacher where the variant learns from one."""
        return [
            run for variant in self.study.variants for seed in self.study.seeds for run in self._taught(variant, seed)
        ]

    def _taught(self, variant: str, seed: int) -> list[PlannedRun]:
        found = [self._planned("student", variant, variant, seed, t) for t in self.study.teacher_seeds(seed)]
        return found if found[0].parents else found[:1]

    @cached_property
    def runs(self) -> list[PlannedRun]:
        """Every run once: teachers and label encoders that a student or the report needs, then students.

        Variants with equal settings have equal run keys but separate runs: an A/A control.
        """
        runs: dict[str, PlannedRun] = {}
        for run in (*self._shared, *self.students):
            for each in (*run.parents, *(g for p in run.parents for g in p.parents), run):
                runs.setdefault(str(each.folder), each)
        order = list(STAGES)
        return sorted(runs.values(), key=lambda run: order.index(run.stage))

    def run(self, unit: str, seed: int, key: str | None = None) -> PlannedRun:
        """The planned run of a unit and seed.

        Raises:
            InputError: no such run in this study, or its key has changed (settings, data or code).
        """
        taken = next((run for run in self.adopted if (run.unit, run.seed, run.key) == (unit, seed, key)), None)
        if taken is not None:
            return taken
        found = [run for run in self.runs if run.unit == unit and run.seed == seed]
        if not found:
            units = list(dict.fromkeys(run.unit for run in self.runs))
            raise InputError(
                f"study {self.study.name} has no run `{unit}` with seed {seed}; units: {', '.join(units)}; "
                f"seeds: {', '.join(map(str, self.study.seeds))}",
                key="unit" if unit not in units else "seed",
            )
        if key is None:
            if len(found) > 1 and found[0].stage == "student":
                keys = ", ".join(f"{run.key} (teacher {run.teacher_seed})" for run in found)
                raise InputError(f"{unit} seed {seed} has {len(found)} runs; choose one of {keys}", key="--key")
            return found[0]
        for run in found:
            if run.key == key:
                return run
        raise InputError(f"the run key of {unit} seed {seed} is {found[0].key} now, not {key}", key="key")

    def needed_by(self, unit: str, seed: str | int, key: str) -> list[Path]:
        """What a training run waits for (for Snakemake): the index, its parents' records, and their gates."""
        parents = self.run(unit, int(seed), key).parents
        gates = [self.preflight("teachers")] if parents and unit not in FIXED_UNITS else []
        return [self.infos_index, *(parent.record for parent in parents), *gates]

    def preflight(self, step: str) -> Path:
        """What the gates of a step found; its presence means that none failed, or that those that did are waived.

        Settings and data are in its name, and the code that looks: what was asked of others is asked again.
        """
        about = self.study.model_dump(mode="json", exclude={"seeds", "description", "verdict", "benchmark"})
        parts = {"study": about, "infos": self.infos_key, "code": code_hash("preflight")}
        return self.folder / "preflight" / f"{step}-{digest(parts)}.json"

    @property
    def preflight_steps(self) -> list[str]:
        """Steps of the gates that the workflow asks for."""
        taught = any(run.parents for run in self.students)
        return ["start", *(["teachers"] if taught else []), *(["first-student"] if self.first_imitator else [])]

    @property
    def looked_at_teachers(self) -> list[Path]:
        """What the gates of the teachers read: their records, and the teacher's scores where a claim is to be met."""
        teachers = [run for run in self.runs if run.stage in FIXED_UNITS]
        scored = [run for run in teachers if self.study.comparable and run.stage == "teacher"]
        return [*(run.record for run in teachers), *(self.metrics(run) / "metrics.json" for run in scored)]

    @cached_property
    def first_imitator(self) -> PlannedRun | None:
        """The first student that imitates features of a teacher: whether they fit is looked at once it is trained."""
        wanted = (run for run in self.students if run.settings.needs.groups)
        return next((run for run in wanted if any(parent.stage == "teacher" for parent in run.parents)), None)

    # -- what is made of a run ----------------------------------------------------------------------------------------

    def predictions(self, run: PlannedRun) -> Path:
        """Folder of a run's predictions on the evaluation split, one file per kind of weights."""
        parts: dict[str, Any] = {"code": code_hash("predict"), "split": self.study.evaluation_split}
        if run.origin == "adopted":  # its key does not depend on the settings that it detects under
            parts |= {
                "settings": hashed_settings(run.settings),
                "infos": self.infos_key,
                "model": run_code(run.settings),
            }
        key = digest(parts)
        return run.folder / f"predictions-{self.study.evaluation_split}-{key}" / "detections"

    @property
    def scorer(self) -> str:
        """Hash of what scoring adds to predictions: its code, the slices and the intervals over scenes."""
        study = self.study
        asked = [study.evaluation_slices, study.evaluation_replicates, study.verdict.confidence]
        return digest({"code": code_hash("evaluate"), "asked": asked})

    def metrics(self, run: PlannedRun) -> Path:
        """Folder of a run's scores, beside its detections."""
        return self.predictions(run).parent / f"metrics-{self.scorer}"

    @cached_property
    def ingested(self) -> list[IngestedRun]:
        """Results of other code bases that were ingested into this study.

        Raises:
            InputError: a record that can't be read, or one seed of a variant twice.
        """
        return ingested_under(self.folder, self.study.variants)

    def ingested_metrics(self, run: IngestedRun) -> Path:
        """Folder of an ingested run's scores."""
        return run.folder / f"metrics-{self.scorer}"

    @cached_property
    def adopted(self) -> list[PlannedRun]:
        """Checkpoints trained elsewhere that were adopted by this study, as runs in their own folders.

        Raises:
            InputError: a record that can't be read, or one seed of a variant twice.
        """
        units = ("teacher", *self.study.variants)
        return [self._adopted(run) for run in adopted_under(self.folder, units)]

    def _adopted(self, run: AdoptedRun) -> PlannedRun:
        settings = self.adoptable(run.unit, run.seed)
        about = {"origin": "adopted", "weights": (run.weights,)}
        return PlannedRun(settings.stage, run.unit, run.seed, settings, run.key, run.folder, **about)  # type: ignore[arg-type]

    def adoptable(self, unit: str, seed: int) -> RunSettings:
        """Settings under which a checkpoint of a variant or of the teacher detects, without any start weights."""
        stage = stage_of(unit)
        return unstarted(run_settings(self.study, stage, unit if stage == "student" else None, seed))

    @cached_property
    def benchmarked(self) -> list[PlannedRun]:
        """The runs whose throughput is measured: the method's first teacher and each variant's first run."""
        first: dict[str, PlannedRun] = {}
        for run in (*(run for run in self._shared if run.stage == "teacher"), *self.students):
            first.setdefault(run.unit, run)
        return list(first.values())

    @property
    def benchmark(self) -> Path:
        """The throughput record of the study: all variants in one process, so that ratios are meaningful."""
        runs = [run.key for run in self.benchmarked]
        parts = {"runs": runs, "settings": self.study.benchmark.model_dump(), "code": code_hash("benchmark")}
        return self.folder / f"benchmark-{digest(parts)}.json"

    @cached_property
    def _scores(self) -> list[str]:
        """Every folder of scores, below the results folder."""
        folders = [self.metrics(run) for run in (*self.runs, *self.adopted)]
        folders += [self.ingested_metrics(run) for run in self.ingested]
        return [str(folder.relative_to(self.results)) for folder in folders]

    @property
    def arbitration(self) -> Path:
        """What the devkit said of the scores of all runs; its presence means that it confirmed every one."""
        key = digest({"sources": self._scores, "code": code_hash("arbitrate")})
        return self.folder / f"arbitration-{key}.json"

    @cached_property
    def table_key(self) -> str:
        """Hash of everything that the tidy table is computed from."""
        return digest({"sources": self._scores, "benchmark": self.benchmark.name, "code": code_hash("gather")})

    @property
    def table(self) -> Path:
        """The tidy table of every metric of every run (Parquet, with a CSV beside it)."""
        return self.folder / f"table-{self.table_key}.parquet"

    @property
    def looks(self) -> Path:
        """The looks of a sequential study (see `planning.sequential_looks`); other studies do not have the file."""
        return self.folder / "sequential.json"

    @property
    def registered(self) -> Path:
        """What was declared before or at the study's first score (see `claims.registration`)."""
        return self.folder / REGISTERED

    @property
    def version(self) -> str:
        """Name of the report's version: that of the code, and a hash of results, looks, claims and report code."""
        parts = {"table": self.table_key, "code": code_hash("report"), "study": self.study.model_dump(mode="json")}
        claims = studies_folder().parent / "claims"
        parts["claims"] = {str(f.relative_to(claims)): file_sha256(f) for f in sorted(claims.rglob("*.yaml"))}
        if self.looks.is_file():
            parts["looks"] = self.looks.read_text(encoding="utf-8")
        return f"{code_version()}+{digest(parts)}"

    @property
    def report(self) -> Path:
        """The report's page."""
        return self.reports / self.study.name / self.version / "index.html"

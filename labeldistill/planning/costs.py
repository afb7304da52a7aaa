"""Hours and bytes that a plan's runs will take, from earlier runs of the study or else from stated assumptions."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from labeldistill.claims.claims import claims_file
from labeldistill.claims.official import split_sizes
from labeldistill.config.study import StudySettings
from labeldistill.config.yaml_file import read_yaml
from labeldistill.study.plan import PlannedRun, StudyPlan

Json = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """Cost of one training run; unknown hours are NaN. `basis` starts with "measured" or "assumed"."""

    cpu_hours: float
    gpu_hours: float
    bytes: float
    basis: str

    @property
    def measured(self) -> bool:
        """Whether it is based on runs of the study itself."""
        return self.basis.startswith("measured")


def assumptions(file: Path | None = None) -> Json:
    """The assumed costs beside the claims.

    Raises:
        InputError: no such file or not YAML.
    """
    file = file or claims_file().with_name("costs.yaml")
    tree: Json = read_yaml(file)
    return tree


def cost_of(run: PlannedRun, plan: StudyPlan, records: Iterable[Json], assumed: Json) -> Cost:
    """Cost of one run, from the cost per step in the newest three records of its unit, else of its stage, else assumed.

    Args:
        run: the planned run.
        plan: plan of its study.
        records: earlier records of the study, newest last (`workload.earlier_records`).
        assumed: see `assumptions`.
    """
    records = [record for record in records if record["optimisation"]["steps_done"]]
    same = [r for r in records if r["variant"] == run.unit] or [r for r in records if r["stage"] == run.stage]
    return _measured(run, plan, same[-3:]) if same else _assumed(run, plan.study, assumed)


def index_bytes(plan: StudyPlan, assumed: Json) -> float:
    """Disk space of the index of a study's data; 0 for a synthetic world or a folder of unknown size: both are small.

    Args:
        plan: plan of the study.
        assumed: see `assumptions`.
    """
    data, index = plan.study.data, assumed["index"]
    frames = 0 if data.synth is not None else index["key_frames"].get(data.version, 0)
    return float(frames * index["bytes_per_key_frame"])


def _measured(run: PlannedRun, plan: StudyPlan, records: list[Json]) -> Cost:
    def per_step(name: str) -> float:
        rates = [float(record["usage"][name]) / int(record["optimisation"]["steps_done"]) for record in records]
        return median(rates)

    steps = run.settings.training.steps or (
        (run.settings.training.epochs or 0) * records[-1]["optimisation"]["steps_per_epoch"]
    )
    folders = [plan.folder / r["variant"] / f"seed-{r['seed']}" / r["run_key"] for r in records]
    units = ", ".join(dict.fromkeys(str(record["variant"]) for record in records))
    basis = f"measured in {len(records)} earlier run{'s' if len(records) > 1 else ''} of {units}"
    sizes = median(_size(folder) for folder in folders)
    return Cost(steps * per_step("cpu_s") / 3600, steps * per_step("gpu_hours"), sizes, basis)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _assumed(run: PlannedRun, study: StudySettings, assumed: Json) -> Cost:
    device = "cpu" if study.device == "cpu" else "cuda"
    figure = next(f for f in assumed["training"] if f["stage"] == run.stage and f["device"] == device)
    factor = _factor(run, figure, assumed["distillation_factor"])
    disk = next(f for f in assumed["disk"] if f["device"] == device)
    training = run.settings.training
    basis = f"assumed: {figure['source']}"
    if device == "cpu":
        cpu = (training.steps or 0) * training.batch * figure["cpu_s_per_sample"] * factor / 3600
        return Cost(cpu, 0.0, disk["gigabytes_per_run"] * 1e9, basis)
    gpu = (training.epochs or 0) * figure["gpu_hours_per_epoch"] * factor
    frames = split_sizes().get(str(study.data.splits["train"]), figure["at_key_frames"])
    if frames != figure["at_key_frames"]:
        gpu *= frames / figure["at_key_frames"]
        basis += f"; scaled from {figure['at_key_frames']:,} key frames to {frames:,}"
    return Cost(float("nan"), gpu, disk["gigabytes_per_run"] * 1e9, basis)


def _factor(run: PlannedRun, figure: Json, distillation: Json) -> float:
    """Scaling of an assumed figure to the run: pixels of a student's images, distillation terms."""
    if run.settings.student is None:
        return 1.0
    height, width = run.settings.student.image.size_px
    factor = height * width / figure["at_pixels"]
    if run.settings.needs.teacher:
        factor *= distillation["lidar"]
    if run.settings.needs.label_encoder:
        factor *= distillation["label"]
    return float(factor)

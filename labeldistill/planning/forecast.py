"""Everything that is known about a study before it runs: jobs, hours, disk space, seeds."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from labeldistill.planning.costs import Cost, assumptions, cost_of, index_bytes
from labeldistill.planning.seed_planning import SeedNeed, seed_needs
from labeldistill.planning.workload import Jobs, earlier_records, jobs, keyed, to_train
from labeldistill.study.plan import StudyPlan


@dataclass(frozen=True)
class Hours:
    """Remaining training of one unit (teacher, label-encoder, variant), as the sum of hours of one device or thread."""

    unit: str
    runs: int
    cpu_hours: float
    gpu_hours: float
    bytes: float
    basis: str


@dataclass(frozen=True)
class Forecast:
    """The forecast of a study.

    Attributes:
        jobs: kinds of jobs, with total and finished ones. unknown: why reuse is unknown; normally empty.
        hours: remaining training per unit.
        index_bytes: disk space of the index of the data, with its depth maps; 0 if it is there, or small.
        free_bytes: free space on the disk of the results folder.
        needs: seeds for verdicts.
        seeds: number of seeds of the study.
    """

    jobs: list[Jobs]
    unknown: str
    hours: list[Hours]
    index_bytes: float
    free_bytes: int
    needs: list[SeedNeed]
    seeds: int

    @property
    def bytes(self) -> float:
        """Disk space that the index and the runs will still fill."""
        return self.index_bytes + sum(entry.bytes for entry in self.hours)


def forecast(plan: StudyPlan, *, margin: float | None = None) -> Forecast:
    """Compute the forecast; nothing is written. `margin` (points) replaces the declared margins.

    Raises:
        InputError: an earlier record or the assumed costs can't be read.
    """
    unknown = keyed(plan)
    return Forecast(
        jobs=jobs(plan),
        unknown=unknown,
        hours=_hours(plan),
        index_bytes=0.0 if plan.infos_index.is_file() else index_bytes(plan, assumptions()),
        free_bytes=shutil.disk_usage(_existing(plan.results)).free,
        needs=seed_needs(plan, margin=margin),
        seeds=len(plan.study.seeds),
    )


def _hours(plan: StudyPlan) -> list[Hours]:
    records, assumed = earlier_records(plan), assumptions()
    units: dict[str, list[Cost]] = {}
    for run in to_train(plan):
        units.setdefault(run.unit, []).append(cost_of(run, plan, records, assumed))
    return [
        Hours(
            unit,
            len(costs),
            sum(cost.cpu_hours for cost in costs),
            sum(cost.gpu_hours for cost in costs),
            sum(cost.bytes for cost in costs),
            costs[0].basis,
        )
        for unit, costs in units.items()
    ]


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.is_dir())

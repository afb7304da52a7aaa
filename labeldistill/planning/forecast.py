"""Everything that can be said of a study before it runs: jobs, hours, disk, seeds."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from labeldistill.planning.costs import Cost, assumptions, cost_of
from labeldistill.planning.seed_planning import SeedNeed, seed_needs
from labeldistill.planning.workload import Jobs, earlier_records, jobs, keyed, to_train
from labeldistill.study.plan import StudyPlan


@dataclass(frozen=True)
class Hours:
    """Training that is left of one unit (teacher, label-encoder, variant); hours of one device or thread, summed."""

    unit: str
    runs: int
    cpu_hours: float
    gpu_hours: float
    bytes: float
    basis: str


@dataclass(frozen=True)
class Forecast:
    """A study before it runs.

    Attributes:
        jobs: each kind, total and there. unknown: why nothing can be known to be reused; empty normally.
        hours: training that is left, unit by unit.
        free_bytes: on the disk of the results folder.
        needs: seeds for verdicts.
        seeds: how many the study has.
    """

    jobs: list[Jobs]
    unknown: str
    hours: list[Hours]
    free_bytes: int
    needs: list[SeedNeed]
    seeds: int

    @property
    def bytes(self) -> float:
        """Disk that is still to be filled by runs."""
        return sum(entry.bytes for entry in self.hours)


def forecast(plan: StudyPlan, *, margin: float | None = None) -> Forecast:
    """Work out everything; nothing is written. `margin` (points) takes the place of the declared ones.

    Raises:
        InputError: an earlier record or the assumed costs can't be read.
    """
    unknown = keyed(plan)
    return Forecast(
        jobs=jobs(plan),
        unknown=unknown,
        hours=_hours(plan),
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

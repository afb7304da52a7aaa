"""The jobs of one Snakemake: which run, which are over, how long the rest may take."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path

from snakemake_logger_plugin_labeldistill.durations import Durations

NAMES = {
    "synth": "write the synthetic world",
    "check_data": "check the data",
    "infos": "build the index",
    "train_teacher": "train",
    "train_label_encoder": "train",
    "train_student": "train",
    "predict": "predict",
    "score": "score",
    "arbitrate": "have the devkit confirm the scores",
    "benchmark": "measure throughput",
    "gather": "gather the table",
    "report": "write the report",
}
"""What people call a rule; another rule keeps its name."""
NOT_WORK = {"all"}


@dataclass
class Job:
    """One job as Snakemake tells of it.

    Attributes:
        unit, seed: of its run; empty where it is no run's.
        folder: of the training run that it makes; None for other jobs.
        log: its log file, beside which durations are kept.
    """

    id: int
    rule: str
    unit: str = ""
    seed: str = ""
    key: str = ""
    folder: Path | None = None
    log: Path | None = None
    began: float = 0.0
    took: float = 0.0

    @classmethod
    def of(cls, record: LogRecord) -> "Job":
        """Of a record of the event JOB_INFO."""
        told = vars(record)
        wildcards: Mapping[str, str] = told.get("wildcards") or {}
        outputs, logs = told.get("output") or [], told.get("log") or []
        trains = str(told["rule_name"]).startswith("train_") and bool(outputs)
        return cls(
            id=int(told["jobid"]),
            rule=str(told["rule_name"]),
            unit=str(wildcards.get("unit", "")),
            seed=str(wildcards.get("seed", "")),
            key=str(wildcards.get("key", "")),
            folder=Path(str(outputs[0])).parent if trains else None,
            log=Path(str(logs[0])) if logs else None,
        )

    @property
    def stage(self) -> str:
        """What it does, in words."""
        return NAMES.get(self.rule, self.rule)

    @property
    def name(self) -> str:
        """`train full, seed 1`."""
        return self.stage + (f" {self.unit}" if self.unit else "") + (f", seed {self.seed}" if self.seed else "")


@dataclass
class Progress:
    """What is known of all jobs; `durations` are those of earlier Snakemakes of the study."""

    durations: Durations
    waiting: Counter[str] = field(default_factory=Counter)
    total: int = 0
    known: dict[int, Job] = field(default_factory=dict)
    running: dict[int, Job] = field(default_factory=dict)
    over: list[Job] = field(default_factory=list)
    failures: int = 0
    began: float | None = None

    def planned(self, stats: Mapping[str, int]) -> None:
        """Rule -> number of jobs, of the whole plan."""
        self.waiting = Counter({rule: int(n) for rule, n in stats.items() if rule not in NOT_WORK})
        self.total = sum(self.waiting.values())

    def started(self, job: Job, now: float) -> bool:
        """A job runs from now on, or again after it failed; False for one that is no work."""
        if job.rule in NOT_WORK:
            return False
        if job.log is not None:
            self.durations.open(job.log.parent / "durations.json")
        if job.id not in self.known:
            self.waiting[job.rule] -= 1
        job.began = now
        self.began = self.began or now
        self.known[job.id] = self.running[job.id] = job
        return True

    def finished(self, id: int, now: float) -> Job | None:
        """A job that is over and good; None for one that is no work."""
        job = self.running.pop(id, None)
        if job is not None:
            job.took = now - job.began
            self.over.append(job)
            self.durations.add(job.rule, job.took)
        return job

    def failed(self, id: int) -> None:
        """A job that ended with an error."""
        self.failures += self.running.pop(id, None) is not None

    def left_s(self, now: float) -> float | None:
        """Seconds until all is done, from what like jobs took; None while some kind was never measured."""
        waiting = [rule for rule, n in self.waiting.items() if n > 0]
        means = {rule: self.durations.mean(rule) for rule in {*waiting, *(job.rule for job in self.running.values())}}
        if any(mean is None for mean in means.values()):
            return None
        work = sum(self.waiting[rule] * (means[rule] or 0.0) for rule in waiting)
        work += sum(max((means[job.rule] or 0.0) - (now - job.began), 0.0) for job in self.running.values())
        return work / self._at_once(now)

    def _at_once(self, now: float) -> float:
        """Jobs that ran at a time so far, on average."""
        if self.began is None or now - self.began < 1:
            return 1.0
        spent = sum(job.took for job in self.over) + sum(now - job.began for job in self.running.values())
        return max(spent / (now - self.began), 1.0)

    def expected(self) -> str:
        """`, about 4 min as measured before`; empty where nothing was."""
        left = self.left_s(0.0)
        return "" if left is None else f", about {span(left)} of work as measured before"


def span(seconds: float) -> str:
    """`35 s`, `4 min`, `2 h 10 min`, `3 d 4 h`."""
    minutes, hours = round(seconds / 60), int(seconds // 3600)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    return f"{hours} h {round(seconds % 3600 / 60)} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"

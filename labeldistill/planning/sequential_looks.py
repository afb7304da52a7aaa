"""The looks that a sequential study has made, stored so that a restart continues and no look is made twice."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labeldistill.errors import InputError
from labeldistill.files import read_json, without_nan, write_json
from labeldistill.planning.seed_planning import Standing
from labeldistill.statistics.equivalence import decided
from labeldistill.statistics.sequential import looks_at
from labeldistill.study.plan import StudyPlan

START_OVER = "to start over knowingly, with its looks forgotten, remove the file"


@dataclass
class Looks:
    """What was planned and what was seen at each look.

    Attributes:
        file: file in the study's results folder.
        design: seeds in order, looks, error rate, margins, questions. Changing it after a look would invalidate
            the error rate.
        runs: `<variant>/seed-<n>` -> run key of every run that was looked at.
        made: one entry per look: number, seeds, time, and each question's verdict at that look.
    """

    file: Path
    design: dict[str, Any]
    runs: dict[str, str] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def open(cls, plan: StudyPlan, standings: Sequence[Standing], weights: str = "ema") -> "Looks":
        """Open the looks of earlier calls, if any.

        Raises:
            InputError: looks were made with another design, or at runs of other keys.
        """
        looks = cls(plan.looks, _design(plan, standings, weights))
        if not looks.file.is_file():
            return looks
        found = read_json(looks.file)
        for name, value in looks.design.items():
            if (before := found["design"].get(name)) != value:
                message = f"looks were made with {before}, the study says {value} now; {START_OVER}"
                raise InputError(message, file=looks.file, key=f"design.{name}")
        keys = _keys(plan, len(plan.study.seeds))
        for name, key in found["runs"].items():
            if keys.get(name) != key:
                message = f"was looked at as run {key}, it is {keys.get(name)} now; {START_OVER}"
                raise InputError(message, file=looks.file, key=f"runs.{name}")
        looks.runs, looks.made = found["runs"], found["looks"]
        return looks

    def add(self, plan: StudyPlan, number: int, standings: Sequence[Standing]) -> dict[str, Any]:
        """Record look `number` (from 1) unless it was made before; returns its entry."""
        if number > len(self.made):
            self.made.append(_look(plan, number, standings))
            self.runs |= _keys(plan, len(self.made[-1]["seeds"]))
            tree = {"study": plan.study.name, "design": self.design, "runs": self.runs, "looks": self.made}
            write_json(self.file, without_nan(tree))
        return self.made[number - 1]


def _design(plan: StudyPlan, standings: Sequence[Standing], weights: str) -> dict[str, Any]:
    study, verdict = plan.study, plan.study.verdict
    return {
        "seeds": list(study.seeds),
        "looks": list(looks_at(len(study.seeds), verdict.seeds_per_look)),
        "alpha": verdict.alpha,
        "margins": dict(verdict.margins),
        "published_sd": dict(verdict.published_sd),
        "weights": weights,
        "questions": [entry.question for entry in standings],
    }


def _keys(plan: StudyPlan, seeds: int) -> dict[str, str]:
    chosen = plan.study.seeds[:seeds]
    return {f"{run.unit}/seed-{run.seed}": run.key for run in plan.students if run.seed in chosen}


def _look(plan: StudyPlan, number: int, standings: Sequence[Standing]) -> dict[str, Any]:
    numbers = looks_at(len(plan.study.seeds), plan.study.verdict.seeds_per_look)
    return {
        "look": number,
        "of": len(numbers),
        "seeds": list(plan.study.seeds[: numbers[number - 1]]),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "questions": [_answer(entry) for entry in standings],
    }


def _answer(entry: Standing) -> dict[str, Any]:
    decision, judged = entry.decision, entry.decision.judgement
    found = asdict(judged) | {"verdict": str(judged.verdict)}
    return {"question": entry.question, "settled": decided(judged), "seeds": decision.seeds, **found}

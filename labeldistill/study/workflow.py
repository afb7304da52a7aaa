"""The plan in the form that the Snakefile needs."""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from labeldistill.errors import InputError, LabelDistillError
from labeldistill.study.ingested import refuse_repeated
from labeldistill.study.plan import PlannedRun, StudyPlan

EMBEDDED = "quickstart"
_DEFAULTS = {"study": EMBEDDED, "results": "results", "reports": "reports"}


def planned(config: Mapping[str, Any]) -> StudyPlan:
    """The plan of the study named by `--config study=NAME`; by default the embedded study.

    Raises:
        WorkflowError: a mistake in the study or its data root, or an ingested run of a planned seed, as one
            message with file and key.
    """
    try:
        plan = StudyPlan.load(*(_asked(config, name) for name in ("study", "results", "reports")))
        # resolves the overrides of every variant before any rule, and refuses seeds that are both own and ingested
        refuse_repeated(plan.ingested, ((run.unit, run.seed) for run in plan.runs))
    except LabelDistillError as error:
        raise WorkflowError(str(error)) from None
    return plan


def tell(plan: StudyPlan) -> None:
    """Warn on stderr, before a plan runs, about variants that are the same under two names."""
    first: dict[str, PlannedRun] = {}
    told: set[str] = set()
    for run in plan.students:
        other = first.setdefault(run.key, run)
        if other.unit != run.unit and run.unit not in told:
            told.add(run.unit)
            print(
                f"labeldistill: variant `{run.unit}` is `{other.unit}` under another name: seed {run.seed} has the "
                f"terms, settings and draws of its seed {other.seed}. As an A/A control give it draws of its own: "
                "`seed_shift: 1000`",
                file=sys.stderr,
            )


def _asked(config: Mapping[str, Any], name: str) -> str:
    """The value of `--config NAME=...`; Snakemake reads 12 as a number, and {x} and <x> in paths as its own syntax."""
    value = str(config.get(name, _DEFAULTS[name]))
    if any(character in value for character in "{}<>\n\0"):
        raise InputError(
            "braces, angle brackets and line breaks mean something else to Snakemake; give it another name", key=name
        )
    return value


def inputs_of(
    output: str | Path, *paths: str | Path, more: Callable[[Any], Iterable[Path]] | None = None
) -> Callable[[Any], list[str]]:
    """Input function of a rule: everything its job reads; once `output` exists, only those files that also exist.

    A result represents everything behind it. A clone that pulled results has no data: without this, Snakemake would
    create the data and then repeat every finished training, `ancient` or not.

    Args:
        output: the rule's output, with wildcards in braces.
        paths: inputs, with wildcards in braces.
        more: inputs that follow from the wildcards.
    """

    def of(wildcards: Any) -> list[str]:
        values = dict(wildcards.items())
        found = [str(path).format(**values) for path in paths]
        found += [str(path) for path in (more(wildcards) if more else ())]
        made = Path(str(output).format(**values)).exists()
        return [path for path in found if not made or Path(path).exists()]

    return of

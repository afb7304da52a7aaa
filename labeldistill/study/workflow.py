"""The plan as the Snakefile asks for it."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from labeldistill.errors import LabelDistillError
from labeldistill.study.ingested import refuse_repeated
from labeldistill.study.plan import StudyPlan

EMBEDDED = "smoke"


def planned(config: Mapping[str, Any]) -> StudyPlan:
    """The plan of the study that `--config study=NAME` names; without one, of the embedded study.

    Raises:
        WorkflowError: a mistake in the study or its data root, or an ingested run of a planned seed, as one
            message with file and key.
    """
    try:
        plan = StudyPlan.load(
            config.get("study", EMBEDDED), config.get("results", "results"), config.get("reports", "reports")
        )
        # the overrides of every variant are resolved here, before any rule, and no seed may be ours and another's
        refuse_repeated(plan.ingested, ((run.unit, run.seed) for run in plan.runs))
    except LabelDistillError as error:
        raise WorkflowError(str(error)) from None
    return plan


def inputs_of(
    output: str | Path, *paths: str | Path, more: Callable[[Any], Iterable[Path]] | None = None
) -> Callable[[Any], list[str]]:
    """Input function of a rule: all that its job reads; once `output` is there, only what of it is there too.

    A result stands for everything that made it. A clone that pulled results has no data: without this, Snakemake would
    make the data, then run every finished training again after it, `ancient` or not.

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

"""The plan as the Snakefile asks for it."""

from collections.abc import Mapping
from typing import Any

from snakemake.exceptions import WorkflowError

from labeldistill.errors import LabelDistillError
from labeldistill.records.ingested import refuse_repeated
from labeldistill.records.plan import StudyPlan

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

"""What the devkit confirmed of a study's scores: one small file per scored run, named by the content of its scores.

Nothing is published of scores without one. A run that is made again with the same bits stays confirmed; other bits, or
another arbiter, have to be confirmed anew.
"""

from collections.abc import Mapping
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeldistill.config.run_files import predictions_path
from labeldistill.errors import InputError
from labeldistill.evaluation.result import AGREEMENT, Agreement, StoredScores
from labeldistill.files import file_sha256, read_json, write_json
from labeldistill.study.apart import label
from labeldistill.study.code_hash import code_hash
from labeldistill.study.ingested import IngestedRun
from labeldistill.study.run_key import digest

if TYPE_CHECKING:
    from labeldistill.study.plan import PlannedRun, StudyPlan


def confirmation_path(plan: "StudyPlan", run: StoredScores) -> Path:
    """The file that says that the devkit confirmed a run's scores."""
    parts = {"scores": file_sha256(run.file), "code": code_hash("arbitrate")}
    return plan.folder / "arbitrated" / f"{digest(parts)}.json"


def confirm(plan: "StudyPlan", run: StoredScores, found: Mapping[str, Agreement]) -> None:
    """Keep that the devkit agrees with a run's scores; `found`: weights -> the largest difference."""
    about: dict[str, Any] = {"run": run.name, "run_key": run.run_key, "scores": str(run.file.relative_to(plan.results))}
    about |= {"sha256": file_sha256(run.file), "devkit": package_version("nuscenes-devkit"), "allowed": AGREEMENT}
    weights = {kind: {"largest_difference": one.difference, "at": one.where} for kind, one in found.items()}
    write_json(confirmation_path(plan, run), {**about, "weights": weights})


def confirmation(plan: "StudyPlan", run: StoredScores) -> dict[str, Any] | None:
    """What was kept of the devkit's confirmation of a run's scores; None if it has not confirmed all of them.

    Raises:
        InputError: the scores or the confirmation can't be read.
    """
    file = confirmation_path(plan, run)
    if not file.is_file():
        return None
    about = read_json(file)
    try:
        agreed = {kind for kind, one in about["weights"].items() if one["largest_difference"] <= AGREEMENT}
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"is no confirmation of scores ({error!r})", file=file) from error
    return dict(about) if set(run.predictions) <= agreed else None


def scored(plan: "StudyPlan") -> list[StoredScores]:
    """Every run that is scored: own ones, ingested and adopted ones."""
    runs = [of_run(plan, run) for run in (*plan.runs, *plan.adopted)]
    runs += [of_ingested(plan, run) for run in plan.ingested]
    return [run for run in runs if run.file.is_file()]


def of_run(plan: "StudyPlan", run: "PlannedRun") -> StoredScores:
    """Scores of a run of the study, or of an adopted one."""
    files: dict[str, Path] = {weights: predictions_path(plan.predictions(run), weights) for weights in run.weights}
    return StoredScores(f"{label(run.unit, run.origin)} seed {run.seed}", run.key, files, plan.metrics(run))


def of_ingested(plan: "StudyPlan", run: IngestedRun) -> StoredScores:
    """Scores of a result file of another code base."""
    name = f"{label(run.variant, 'ingested')} seed {run.seed}"
    return StoredScores(name, run.key, {run.weights: run.detections}, plan.ingested_metrics(run))


def refuse_unconfirmed(plan: "StudyPlan") -> None:
    """Refuse a study with scores that the devkit has not confirmed.

    Raises:
        InputError: names the first few of them, and what to do.
    """
    missing = [run for run in scored(plan) if confirmation(plan, run) is None]
    if missing:
        names = ", ".join(run.name for run in missing[:4])
        raise InputError(
            f"the devkit has not confirmed these scores of {len(missing)} runs ({names}"
            f"{', ...' if len(missing) > 4 else ''}); run labeldistill arbitrate {plan.study.name}",
            file=missing[0].file,
        )

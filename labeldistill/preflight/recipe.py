"""Gate 9: the recipe. Every setting that differs from the claim's reference study, or from a shipped study's own."""

from pathlib import Path

from labeldistill.claims.claims import load_claims
from labeldistill.claims.comparability import why_not_comparable
from labeldistill.claims.differences import Difference, differences
from labeldistill.claims.references import load_reference
from labeldistill.config.load import load_study, parent_names, studies_folder
from labeldistill.config.methods import FIXED_UNITS
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError, LabelDistillError
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks

NAME = "recipe"
ADVICE = "set it as in the reference, or say `comparable: false`: another recipe gives no verdict on the claim"


def look(context: Context) -> Gate:
    """Look at the settings of every unit that is set beside a claim, and at what the study was made from."""
    looks = Looks(NAME)
    study = context.plan.study
    training = study.student_training
    devices = study.devices_per_run * study.nodes_per_run
    looks.passed(
        f"batch {training.batch} on {devices} devices, LR {training.lr:g}, "
        f"{training.epochs or training.steps} {'epochs' if training.epochs else 'steps'}, EMA {training.ema_decay}, "
        f"frames {list(study.student.frame_offsets)}"
    )
    try:
        _claims(study, looks)
        _origin(study, looks)
    except LabelDistillError as error:
        looks.failed(str(error), "mend the claim or its reference below workflow/claims")
    return looks.gate()


def _claims(study: StudySettings, looks: Looks) -> None:
    claims = load_claims()
    for unit, claim_id in study.claims.items():
        if claim_id not in claims:
            raise InputError("no such claim", key=f"claims.{unit}")
        claim = claims[claim_id]
        if not study.comparable:
            looks.passed(f"{unit}: not comparable with {claim_id}, as declared: {study.not_comparable_because}")
            continue
        if claim.reference is None:
            looks.warned(f"{unit}: {claim_id} has no reference study", "nothing can be shown to equal it")
            continue
        found = differences(study, unit, load_reference(claim), claim.reference.unit)
        _listed(f"{unit} against {claim.reference.study}", found, looks, strict=True)
        if not found and (why := why_not_comparable(study, unit, claim)):
            looks.warned(f"{unit}: {why}", "no verdict on this claim will be given")


def _listed(about: str, found: list[Difference], looks: Looks, *, strict: bool) -> None:
    if not found:
        looks.passed(f"{about}: no setting differs")
        return
    text = f"{about}: {len(found)} settings differ: {'; '.join(map(str, found))}"
    if strict:
        looks.failed(text, ADVICE)
    else:
        looks.warned(text, "meant? then all is well; else set it back")


def recipe_file(name: str) -> Path:
    """Where the frozen settings of a shipped study lie."""
    return studies_folder().parent / "references" / "recipes" / f"{name}.yaml"


def _origin(study: StudySettings, looks: Looks) -> None:
    """Hold a study against the shipped one that it is or extends, frozen: a slip in a file is seen there."""
    if study.comparable:
        return
    for name in parent_names(study.name):
        if recipe_file(name).is_file():
            frozen = load_study(str(recipe_file(name)))
            units = [unit for unit in (*FIXED_UNITS, *study.variants) if unit in (*FIXED_UNITS, *frozen.variants)]
            found: dict[str, Difference] = {}
            for unit in units:
                found |= {str(each): each for each in differences(study, unit, frozen, unit) if _is_recipe(each)}
            _listed(f"against {name} as shipped", list(found.values()), looks, strict=False)
            return


def _is_recipe(difference: Difference) -> bool:
    """Whether a setting belongs to how, not to what is trained: data of one's own are no slip."""
    return difference.key.startswith(("training.", "switches.", "bev_augmentation.", "student.", "terms."))

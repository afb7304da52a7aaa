"""What makes the rows of an ablation differ, in words: loss terms, channel shares, label encoders."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from labeldistill.config.methods import FIXED_UNITS
from labeldistill.config.runs import run_settings, with_overrides
from labeldistill.config.training import TrainingSettings
from labeldistill.errors import InputError
from labeldistill.reporting.numbers import NOTHING
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.study.plan import StudyPlan

About = Mapping[str, Mapping[str, str]]
"""Unit -> heading -> what its cell says."""

ENCODER = "label-encoder"
GROUPS = {"label": "label", "lidar": "LiDAR", "free": "free"}


def terms_of(plan: StudyPlan) -> About:
    """The weight of each loss term that not every variant shares, and how the channels are divided.

    Raises:
        InputError: all variants have the same terms and the same shares.
    """
    variants = plan.study.variants
    names = list(dict.fromkeys(term for variant in variants.values() for term in variant.terms))
    differing = [name for name in names if len({variant.terms.get(name) for variant in variants.values()}) > 1]
    shares = {variant: _shares(plan, variant) for variant in variants}
    divided = len({tuple(found) for found in shares.values() if found}) > 1
    if not differing and not divided:
        raise _alike(plan, "loss terms", "ablation-components")
    rows: dict[str, dict[str, str]] = {}
    for name, variant in variants.items():
        rows[name] = {term.replace("_", " "): _weight(variant.terms.get(term)) for term in differing}
        if divided:
            rows[name]["/".join(GROUPS.values())] = " ".join(shares[name]) or NOTHING
    return rows


def _weight(value: float | None) -> str:
    return NOTHING if value is None else f"{value:g}"


def _alike(plan: StudyPlan, what: str, instead: str) -> InputError:
    return InputError(f"no two variants of {plan.study.name} differ in {what}; study `{instead}` asks that", key="KIND")


def shares_of(plan: StudyPlan) -> About:
    """The share of channels of each group.

    Raises:
        InputError: all variants divide the channels alike.
    """
    shares = {variant: _shares(plan, variant) for variant in plan.study.variants}
    if len({tuple(found) for found in shares.values() if found}) < 2:
        raise _alike(plan, "`distillation.partition`", "ablation-partition")
    return {v: dict(zip(GROUPS.values(), found or [NOTHING] * 3, strict=True)) for v, found in shares.items()}


def _shares(plan: StudyPlan, variant: str) -> list[str]:
    """Shares of label, LiDAR and free channels as fractions; empty where no term looks at a group."""
    if not run_settings(plan.study, "student", variant, plan.study.seeds[0]).needs.groups:
        return []
    found = with_overrides(plan.study, variant).distillation.partition
    return [str(Fraction(found[name]).limit_denominator(1000)) for name in GROUPS]


def encoders_of(plan: StudyPlan) -> dict[str, list[str]]:
    """Run key of each label encoder of the study -> the variants that learn from it."""
    found: dict[str, list[str]] = {}
    for run in plan.runs:
        if run.stage == ENCODER:
            found.setdefault(run.key, [])
    for student in plan.students:
        for parent in student.parents:
            if parent.stage == ENCODER and student.unit not in found.setdefault(parent.key, []):
                found[parent.key].append(student.unit)
    return found


def lengths_of(plan: StudyPlan) -> About:
    """How long the label encoder behind each variant was trained; a dash where the variant has none.

    Raises:
        InputError: all variants learn from the same label encoders.
    """
    users = encoders_of(plan)
    if len({frozenset(names) for names in users.values() if names}) < 2:
        raise _alike(plan, "their label encoder", "ablation-label-encoder")
    taught = {name for names in users.values() for name in names}
    return {
        variant: {
            "label encoder trained": _length(with_overrides(plan.study, variant).label_encoder_training)
            if variant in taught
            else NOTHING
        }
        for variant in plan.study.variants
    }


def _length(training: TrainingSettings) -> str:
    return f"{training.epochs} epochs" if training.epochs is not None else f"{training.steps} steps"


def by_encoder(tables: StudyTables, plan: StudyPlan) -> tuple[StudyTables, dict[str, list[str]]]:
    """Tables in which every label encoder is a unit of its own, named after those who learn from it.

    Returns:
        The tables; name of each such unit -> the variants that learn from it.
    """
    users: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for key, variants in encoders_of(plan).items():
        names[key] = f"label encoder of {', '.join(variants)}" if variants else "label encoder of no variant"
        users[names[key]] = variants
    table = tables.table.copy()
    mine = table["variant"] == ENCODER
    table.loc[mine, "variant"] = table.loc[mine, "run_key"].map(names).fillna(ENCODER)
    return replace(tables, table=table, variants=(*users, *tables.variants)), users


def stages_of(tables: StudyTables) -> list[str]:
    """Teacher and label encoder where they were scored."""
    return [unit for unit in FIXED_UNITS if unit in set(tables.table["variant"])]

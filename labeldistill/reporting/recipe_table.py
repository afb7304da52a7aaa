"""What a study does unlike the release: settings by unit, and switches with what each was measured to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeldistill.claims.deviations import Effect, load_ledger
from labeldistill.claims.recipe import Answer, load_recipe, recipe_of
from labeldistill.config.study import StudySettings
from labeldistill.reporting.numbers import NOTHING

_NOT_A_DIFFERENCE = ("released", "own")


@dataclass(frozen=True)
class RecipeSection:
    """Settings of the unit with most terms and of what it learns from.

    Attributes:
        unit: whose settings they are. total: how many there are.
        unlike: those that differ, are assumed, or have no source.
    """

    unit: str
    total: int
    unlike: Sequence[Answer]


@dataclass(frozen=True)
class Deviation:
    """A switch that is not as released; `effect`: what flipping it was measured to do, in words."""

    switch: str
    here: str
    released: str
    effect: str


def recipe_section(study: StudySettings) -> RecipeSection:
    """Every setting with a place in the release, and those that are not as there."""
    unit = max(reversed(study.variants), key=lambda name: len(study.variants[name].terms))
    answers = recipe_of(study, unit, load_recipe())
    asked = [answer for answer in answers if answer.kind != "own"]
    unlike = [answer for answer in answers if answer.kind not in _NOT_A_DIFFERENCE]
    return RecipeSection(unit, len(asked), unlike)


def deviations(study: StudySettings) -> list[Deviation]:
    """The switches that the study corrects, by the ledger's words."""
    rows = {row.id: row for row in load_ledger().switches}
    corrected = [name for name, value in study.switches.model_dump().items() if value == "corrected"]
    return [
        Deviation(name, rows[name].corrected, rows[name].released, effect_words(rows[name].effect))
        for name in corrected
        if name in rows
    ]


def effect_words(effect: Effect) -> str:
    """What the effect of correcting a switch is known to be."""
    if effect.status != "measured" or effect.mAP is None or effect.NDS is None:
        return f"{effect.status}{f': {effect.because}' if effect.because else ''}"

    def words(name: str, mean: float, low: float | None, high: float | None) -> str:
        return f"{name} {mean:+.1f}" + ("" if low is None or high is None else f" [{low:+.1f}, {high:+.1f}]")

    found = [words(n, d.mean, d.low, d.high) for n, d in (("mAP", effect.mAP), ("NDS", effect.NDS))]
    return (
        f"{', '.join(found)} points (study {effect.study}, n = {len(effect.seeds)} seeds); {effect.finding or NOTHING}"
    )

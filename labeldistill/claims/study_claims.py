"""Whether what a study asks about published numbers is possible: its units, claims and margins."""

from labeldistill.claims.claims import Claim
from labeldistill.config.methods import FIXED_UNITS
from labeldistill.config.metrics import HEADLINE, Metric
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError


def widest_difference(metric: Metric, claims: dict[str, Claim]) -> float | None:
    """The largest published difference in a metric, in the units of margins; None if there is none.

    For mAP and NDS this is the largest claimed gain: a wider margin would call a method equal to its own baseline. For
    an error, for which no gain was published, it is the widest difference between two published values.
    """
    gains = [abs(gain) for claim in claims.values() if (gain := claim.delta(metric)) is not None]
    if gains or metric in HEADLINE:
        return max(gains, default=None)
    values = [value for claim in claims.values() if (value := claim.value(metric)) is not None]
    return max(values) - min(values) if len(values) > 1 else None


def check_claims(study: StudySettings, claims: dict[str, Claim]) -> None:
    """Refuse an unknown claim or unit, a gain for the baseline itself, and a margin that is too wide.

    Raises:
        InputError: names the study's entry.
    """
    for unit, claim_id in study.claims.items():
        _check_claim(study, unit, claim_id, claims)
    _check_margins(study, claims)


def _check_margins(study: StudySettings, claims: dict[str, Claim]) -> None:
    for metric, margin in study.verdict.margins.items():
        widest = widest_difference(metric, claims)
        if widest is not None and margin > widest:
            raise InputError(
                f"a margin of {margin:g} is wider than any published difference ({widest:.3g}): within it a method "
                "would equal its own baseline",
                file=study.name,
                key=f"verdict.margins.{metric}",
            )


def _check_claim(study: StudySettings, unit: str, claim_id: str, claims: dict[str, Claim]) -> None:
    if unit not in study.variants and unit not in FIXED_UNITS:
        raise InputError(f"no such unit; known: {', '.join((*FIXED_UNITS, *study.variants))}", key=f"claims.{unit}")
    if claim_id not in claims:
        raise InputError(f"no claim `{claim_id}`; known: {', '.join(claims)}", key=f"claims.{unit}")
    claim = claims[claim_id]
    is_gain = any(claim.delta(metric) is not None for metric in HEADLINE)
    if is_gain and (unit == study.baseline or unit in FIXED_UNITS):
        raise InputError(
            f"claim `{claim_id}` is a gain over a baseline, which {unit} has none of", key=f"claims.{unit}"
        )

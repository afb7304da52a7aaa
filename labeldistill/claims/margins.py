"""How wide a margin of equivalence can be before "reproduced" means nothing."""

from labeldistill.claims.claims import POINTS, Claim
from labeldistill.config.study import StudySettings
from labeldistill.config.verdict import Metric
from labeldistill.errors import InputError


def widest_difference(metric: Metric, claims: dict[str, Claim]) -> float | None:
    """The largest difference that was published in a metric, in the units of margins; None where none was.

    Of mAP and NDS the largest claimed gain: a margin beyond it calls a method equal to its own baseline. Of an error,
    for which no gain was published, the widest difference between two published values.
    """
    gains = [abs(gain) for claim in claims.values() if (gain := claim.delta(metric)) is not None]
    if gains or metric in POINTS:
        return max(gains, default=None)
    values = [value for claim in claims.values() if (value := claim.value(metric)) is not None]
    return max(values) - min(values) if len(values) > 1 else None


def check_margins(study: StudySettings, claims: dict[str, Claim]) -> None:
    """Refuse a margin that is wider than every published difference.

    Raises:
        InputError: names the margin.
    """
    for metric, margin in study.verdict.margins.items():
        widest = widest_difference(metric, claims)
        if widest is not None and margin > widest:
            raise InputError(
                f"a margin of {margin:g} is wider than any published difference ({widest:.3g}): within it a method "
                "would equal its own baseline",
                file=study.name,
                key=f"verdict.margins.{metric}",
            )

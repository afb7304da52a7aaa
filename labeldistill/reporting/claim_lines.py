"""One line per claim: published and measured values, the verdict in each metric, and the reason."""

from collections.abc import Sequence

from labeldistill.config.metrics import HEADLINE
from labeldistill.reporting.verdicts import ClaimRow


def claim_lines(rows: Sequence[ClaimRow]) -> list[str]:
    """A line for each unit and claim of `claim_rows`, in their order."""
    groups: dict[tuple[str, str], list[ClaimRow]] = {}
    for row in rows:
        groups.setdefault((row.variant, row.claim.id), []).append(row)
    return [_line(of_claim) for of_claim in groups.values()]


def _line(rows: Sequence[ClaimRow]) -> str:
    first = rows[0]
    if len({(row.verdict, row.reason) for row in rows}) == 1:  # the metrics have nothing of their own to say
        said = f"{', '.join(map(_numbers, rows))}: {first.verdict}, {first.reason}"
    else:
        said = "; ".join(f"{_numbers(row)}: {row.verdict}, {row.reason}" for row in rows)
    return f"{first.variant} beside claim {first.claim.id} ({first.claim.what}): {said}"


def _numbers(row: ClaimRow) -> str:
    points = row.metric.removeprefix("gain in ") in HEADLINE
    factor, digits = (100.0, 2) if points else (1.0, 3)
    measured = f"{row.measured * factor:.{digits}f}" if row.n else "nothing"
    return f"{row.metric} {row.published * factor:.{digits}f} published, {measured} measured (n = {row.n})"

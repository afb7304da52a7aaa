"""What makes `diff --fail-on regression` fail: a shown regression, and everything that could hide one."""

from labeldistill.compare.diff import Diff
from labeldistill.statistics.holm import Finding

_MOST = 6


def objections(diff: Diff, *, allow_undecided: bool = False) -> list[str]:
    """Reasons in words why B can't count as no worse than A; empty if it can.

    A variant missing in B, a run with a score in A and none in B, and rows with too few runs to find anything all
    fail: silence is no success. Not showing a difference passes; the interval says how large one could be.

    Args:
        diff: the comparison of B against A.
        allow_undecided: let rows pass that could not find anything.
    """
    found: list[str] = []
    if diff.regressions:
        found.append(f"worse: {_few([row.name for row in diff.regressions])}")
    if diff.missing:
        found.append(f"missing: {_few(diff.missing)}")
    lost = dict.fromkeys(f"{row.study}/{row.variant} seed {seed}" for row in diff.rows for seed in row.lost)
    if lost:
        found.append(f"without a score: {_few(list(lost))}")
    undecided = [row.name for row in diff.rows if row.finding is Finding.CANT_TELL]
    if undecided and not allow_undecided:
        found.append(f"undecided (--allow-undecided lets them pass): {_few(undecided)}")
    return found


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more

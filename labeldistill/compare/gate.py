"""What makes `diff --fail-on regression` fail: a regression that is shown, and everything that could hide one."""

from labeldistill.compare.diff import Diff
from labeldistill.statistics.holm import Finding

_MOST = 6


def objections(diff: Diff, *, allow_undecided: bool = False) -> list[str]:
    """Why B can't pass for as good as A, in words; empty where it can.

    A variant that B lacks, a run that has a score in A and none in B, and rows of too few runs to find anything all
    fail: silence is no success. That no difference is shown passes; how large one could be, its interval says.

    Args:
        diff: B against A.
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

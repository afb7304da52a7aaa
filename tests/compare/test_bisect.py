"""`bisect` on a toy history of 30 commits with a planted regression of two points, one broken commit among them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from labeldistill.compare.bisect import Search, Side, bisect
from labeldistill.compare.bisect_runs import Runner, commits_between
from labeldistill.errors import InputError

PLANTED, BROKEN = 19, {15, 17}
# a study of one variant: seed noise that all commits share, a little of their own, and the level that a commit sets
SCRIPT = """
import json, os, random, sys
seeds, reports = int(sys.argv[1]), sys.argv[2]
level = json.load(open("level.json"))
folder = os.path.join(reports, "toy", "v"); os.makedirs(folder, exist_ok=True)
open(os.path.join(reports, "runs"), "a").write("x")
lines, records = ["study,variant,seed,run_key,status,weights,split,metric,class,value,slice"], []
for seed in range(seeds):
    noise = random.Random(seed).gauss(0, 0.8) + random.Random(1000 * level["commit"] + seed).gauss(0, 0.2)
    lines.append(f"toy,full,{seed},k{seed},finished,ema,val,mAP,all,{(level['mAP'] + noise) / 100},all")
    records.append({"run_key": f"k{seed}", "finished": "2026-01-01"})
open(os.path.join(folder, "table.csv"), "w").write("\\n".join(lines) + "\\n")
json.dump(records, open(os.path.join(folder, "records.json"), "w"))
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A repository and its 30 commits, oldest first."""
    folder = tmp_path_factory.mktemp("history")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    (folder / "study.py").write_text(SCRIPT)
    for number in range(30):
        level = {"commit": number, "mAP": 30.0 if number < PLANTED else 28.0}
        (folder / "level.json").write_text("{" if number in BROKEN else json.dumps(level))
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", str(number)], check=True)
    listed = subprocess.run([*git, "rev-list", "--reverse", "HEAD"], check=True, capture_output=True, text=True)
    return folder, listed.stdout.split()


def _runner(repository: Path, store: Path) -> Runner:
    store.mkdir(exist_ok=True)
    return Runner(repository, "toy", "full", "mAP", store, f"{sys.executable} study.py {{seeds}} {{reports}}")


def test_the_planted_regression_is_found_and_broken_commits_are_skipped(
    history: tuple[Path, list[str]], tmp_path: Path
) -> None:
    repository, commits = history
    assert commits_between(repository, commits[0], "HEAD") == commits
    runner = _runner(repository, tmp_path / "store")
    found = bisect(Search(commits, runner, seeds=6))
    assert found.suspects == [commits[PLANTED]]
    assert {look.commit for look in found.looked if look.side is Side.broken} <= {commits[n] for n in BROKEN}
    assert len(found.looked) <= 8
    ran = {file.parent.parent.name: len(file.read_text()) for file in (tmp_path / "store").glob("*/reports/runs")}
    again = bisect(Search(commits, runner, seeds=6))
    assert str(again) == str(found)  # as text, because a broken commit has no difference (NaN)
    assert ran == {f.parent.parent.name: len(f.read_text()) for f in (tmp_path / "store").glob("*/reports/runs")}
    assert not subprocess.run(
        ["git", "-C", str(repository), "worktree", "list", "--porcelain"], capture_output=True, text=True, check=True
    ).stdout.count("bisect")


def test_a_broken_commit_before_the_first_bad_one_leaves_both_suspect() -> None:
    levels = {str(n): None if n == 4 else 30.0 if n < 5 else 28.0 for n in range(8)}
    found = bisect(Search(list(levels), _fixed(levels), seeds=6))
    assert found.suspects == ["4", "5"]


def test_without_a_regression_there_is_no_suspect_and_few_commits_run() -> None:
    levels = {str(n): 30.0 for n in range(16)}
    found = bisect(Search(list(levels), _fixed(levels), seeds=6))
    assert found.suspects == []
    assert len(found.looked) == 1


def test_fewer_seeds_settle_a_large_regression_than_a_small_one() -> None:
    large = bisect(Search(["0", "1"], _fixed({"0": 30.0, "1": 10.0}), seeds=8)).looked[0]
    small = bisect(Search(["0", "1"], _fixed({"0": 30.0, "1": 29.4}), seeds=8)).looked[0]
    assert large.side is Side.bad
    assert large.seeds < small.seeds


def test_a_broken_end_and_an_unknown_revision_are_said(history: tuple[Path, list[str]]) -> None:
    with pytest.raises(InputError, match="has no score"):
        bisect(Search(["0", "1"], _fixed({"0": None, "1": 30.0}), seeds=3))
    with pytest.raises(InputError, match="is no revision"):
        commits_between(history[0], "nobody", "HEAD")
    with pytest.raises(InputError, match="is no ancestor"):
        commits_between(history[0], "HEAD", "HEAD~3")


def _fixed(levels: dict[str, float | None]):  # type: ignore[no-untyped-def]
    """Scores of given levels, with noise of its own for each commit and seed."""
    import random

    def measure(commit: str, seeds: int) -> dict[int, float] | None:
        level = levels[commit]
        if level is None:
            return None
        return {seed: level + random.Random(f"{commit}-{seed}").gauss(0, 0.2) for seed in range(seeds)}

    return measure

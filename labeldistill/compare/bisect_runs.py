"""Scores of a commit for a bisect: made in a checkout of its own, kept, and never made twice."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from labeldistill.compare.diff_runs import read_side
from labeldistill.config.metrics import METRICS
from labeldistill.errors import InputError

COMMAND = "snakemake --cores all --config study={study}@{seeds} results={results} reports={reports}"
"""What runs a commit. Results of all commits lie in one folder: equal run keys are run once."""


def commits_between(repository: Path, good: str, bad: str, paths: tuple[str, ...] = ()) -> list[str]:
    """Full hashes from `good` to `bad`, oldest first, along first parents.

    Args:
        repository: whose history. good: the older end. bad: the newer end.
        paths: only commits that touch one of these, and the ends; empty for every commit.

    Returns:
        Both ends and what lies between them.

    Raises:
        InputError: no such revision, or `good` is no ancestor of `bad`.
    """
    ends = [_git(repository, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") for name in (good, bad)]
    for name, end in zip((good, bad), ends, strict=True):
        if end is None:
            raise InputError("is no revision of this repository", file=name)
    first, last = map(str, ends)
    if _git(repository, "merge-base", "--is-ancestor", first, last) is None:
        raise InputError(f"is no ancestor of {bad}", file=good)
    listed = _git(repository, "rev-list", "--first-parent", "--reverse", f"{first}..{last}", "--", *paths) or ""
    return list(dict.fromkeys([first, *listed.split(), last]))


def _git(repository: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


@dataclass(frozen=True)
class Runner:
    """Makes and keeps scores: `store/<commit>/reports` holds a commit's tables, `store/<commit>.log` what it said.

    Attributes:
        repository: whose commits. study, variant, metric: what is measured, with EMA weights.
        store: folder that keeps everything. command: see `COMMAND`; its words may hold {study}, {seeds}, {results} and
            {reports}.
    """

    repository: Path
    study: str
    variant: str
    metric: str
    store: Path
    command: str = COMMAND

    def __call__(self, commit: str, seeds: int) -> dict[int, float] | None:
        """Value per seed, in the metric's unit; None where the commit can't be run or has no score."""
        found = self._stored(commit)
        if len(found) < seeds:
            self._run(commit, seeds)
            found = self._stored(commit)
        return found if len(found) >= seeds else None

    def _stored(self, commit: str) -> dict[int, float]:
        try:
            side = read_side(self.store / commit, commit)
        except (InputError, KeyError, ValueError):
            return {}
        scale, wanted = METRICS[self.metric].scale, ("ema", self.metric)
        mine = (run for (study, unit, _), run in side.runs.items() if (study, unit) == (self.study, self.variant))
        return {run.seed: run.scores[wanted] * scale for run in mine if wanted in run.scores}

    def _run(self, commit: str, seeds: int) -> None:
        places = {"results": self.store.resolve() / "results", "reports": self.store.resolve() / commit / "reports"}
        known = {"study": self.study, "seeds": str(seeds), **{name: str(path) for name, path in places.items()}}
        places["reports"].mkdir(parents=True, exist_ok=True)
        with self._checkout(commit) as tree, (self.store / f"{commit}.log").open("a") as log:
            words = [word.format(**known) for word in shlex.split(self.command)]
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
            try:
                subprocess.run(
                    words,
                    cwd=tree,
                    env={**os.environ, "PATH": path, "PYTHONPATH": str(tree)},
                    stdout=log,
                    stderr=log,
                    check=False,
                )
            except OSError as error:
                raise InputError(f"can't be run ({error})", key="--run") from error

    @contextmanager
    def _checkout(self, commit: str) -> Iterator[Path]:
        """The commit's files in a folder of their own, gone afterwards."""
        with TemporaryDirectory(prefix="labeldistill-bisect-") as folder:
            tree = Path(folder) / "tree"
            if _git(self.repository, "worktree", "add", "--detach", str(tree), commit) is None:
                raise InputError("can't be checked out", file=commit)
            try:
                yield tree
            finally:
                _git(self.repository, "worktree", "remove", "--force", str(tree))

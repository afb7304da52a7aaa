"""Which version of the code this is, as people name it: `git describe` of the last commit that touched the sources."""

import subprocess
from functools import cache
from pathlib import Path

from labeldistill import __version__

SOURCES = ("labeldistill", "workflow", "constraints.txt", "pyproject.toml")
"""What results depend on; a commit of results, reports or words about them makes no new version."""
DIRTY = "-dirty"
"""End of a version whose sources have uncommitted changes."""
_REPOSITORY = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 30


@cache
def code_version(repository: Path = _REPOSITORY) -> str:
    """`v0.2-3-g90d76f9` with a tag below it, else `0.1.0-g90d76f9`; `-dirty` follows; `0.1.0` where there is no git."""
    commit = _git(repository, "log", "-1", "--format=%H", "--", *SOURCES)
    if not commit:
        return __version__
    named = _git(repository, "describe", "--tags", "--long", "--abbrev=10", commit) or f"{__version__}-g{commit[:10]}"
    changed = _git(repository, "status", "--porcelain", "--untracked-files=all", "--", *SOURCES)
    return "".join(c if c.isalnum() or c in "-._" else "-" for c in named) + (DIRTY if changed else "")


def _git(repository: Path, *arguments: str) -> str:
    """What git says, empty where it says nothing or isn't there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()

"""Tables and lines on a terminal, printing text literally."""

import sys

from rich.console import Console


def plain_console(width: int | None = None) -> Console:
    """A console that takes brackets and colons in a name as text, not as styles or emoji.

    Args:
        width: columns when output goes to a file; None: as in the environment.
    """
    return Console(width=None if sys.stdout.isatty() else width, markup=False, emoji=False, highlight=False)

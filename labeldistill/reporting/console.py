"""Tables and lines on a terminal: text as it is, whatever stands in it."""

import sys

from rich.console import Console


def plain_console(width: int | None = None) -> Console:
    """A console that takes brackets and colons in a name as text, not as styles or emoji.

    Args:
        width: columns where the output goes into a file; None: as the environment says.
    """
    return Console(width=None if sys.stdout.isatty() else width, markup=False, emoji=False, highlight=False)

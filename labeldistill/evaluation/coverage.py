"""Whether predictions cover the samples of a split: no more, no less."""

from collections.abc import Iterable
from pathlib import Path

from labeldistill.errors import InputError


def check_samples(
    predicted: Iterable[str], expected: Iterable[str], *, file: str | Path | None = None, split: Iterable[str] = ()
) -> None:
    """Compare sample tokens.

    Args:
        predicted: tokens that have an entry in the predictions (possibly without boxes).
        expected: tokens that are evaluated.
        file: the predictions' file, for the message.
        split: further tokens that may have an entry (the whole split, where only a part is evaluated).

    Raises:
        InputError: an unknown or a missing sample; names the file and the token.
    """
    have, need = set(predicted), set(expected)
    unknown = have.difference(need, split)
    if unknown:
        message = f"unknown sample token: the evaluated split has no such sample ({len(unknown)} unknown in all)"
        raise InputError(message, file=file, key=min(unknown))
    missing = need - have
    if missing:
        message = f"sample has no entry ({len(missing)} of {len(need)} are missing); samples without boxes need one too"
        raise InputError(message, file=file, key=min(missing))

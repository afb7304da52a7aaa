"""Turning refusals of disk or operating system into one message, also in code that is not ours (libraries)."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labeldistill.errors import InputError

REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


@contextmanager
def as_input_error(folder: Path | None = None) -> Iterator[None]:
    """Run the body; a refused write or file, also in its threads, becomes one error without traceback.

    Args:
        folder: output folder of the body, for errors that don't name their file.

    Raises:
        InputError: the disk or the file system refused a write, or anything about a file that the error names (a name
            that is too long, a folder in place of a file, missing rights).
    """
    before = threading.excepthook

    def quiet(failed: threading.ExceptHookArgs) -> None:
        if not (isinstance(failed.exc_value, OSError) and failed.exc_value.errno in REFUSED):
            before(failed)  # otherwise the thread's owner raises it again and reports it then

    threading.excepthook = quiet
    try:
        yield
    except OSError as error:
        if error.errno in REFUSED:
            raise InputError(f"can't be written: {error.strerror}", file=error.filename or folder) from error
        if error.filename is None or error.strerror is None:
            raise
        raise InputError(f"can't be read or written: {error.strerror}", file=str(error.filename)) from error
    finally:
        threading.excepthook = before

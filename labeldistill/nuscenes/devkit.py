"""nuscenes-devkit's own view of a folder: what it can't load or score becomes one message instead of its traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labeldistill.errors import GateError, InputError


@contextmanager
def devkit_errors(doing: str, file: str | Path) -> Iterator[None]:
    """Turn any exception of the devkit into one message.

    Args:
        doing: what the devkit was asked to do, completing the sentence "nuscenes-devkit can't ...".
        file: the folder or file that it was asked about.

    Raises:
        InputError: the devkit failed; says how, in its own words.
    """
    try:
        yield
    except (InputError, GateError, MemoryError):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        how = f"{type(error).__name__}: {lines[0] if lines else ''}"
        raise InputError(f"nuscenes-devkit can't {doing} ({how})", file=file) from error


def load_devkit(dataroot: str | Path, version: str) -> Any:
    """The devkit's `NuScenes` object of a folder, with all its tables and the masks of the maps.

    Raises:
        InputError: the devkit can't load the folder.
    """
    with devkit_errors("load this folder", Path(dataroot) / version):
        from nuscenes import NuScenes

        return NuScenes(version=version, dataroot=str(dataroot), verbose=False)

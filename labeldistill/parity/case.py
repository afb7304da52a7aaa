"""The registry of parity cases; each reads a recorded file and yields comparisons."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.parity.compare import Comparison

CaseFunction = Callable[["GoldenFolder"], Iterator[Comparison]]


class GoldenFolder:
    """A folder of recorded inputs, weights, outputs and gradients (`golden/`'s layout)."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def load(self, name: str) -> Any:
        """Load one `.pt` (tensors and plain values only) or `.json` file of the folder.

        Raises:
            InputError: missing, truncated, or holding pickled code.
        """
        file = self.path / name
        if file.suffix == ".json":
            return read_json(file)
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except FileNotFoundError as error:
            raise InputError("no such file", file=file) from error
        except Exception as error:
            raise InputError(f"can't be read as recorded tensors ({type(error).__name__})", file=file) from error


@dataclass(frozen=True)
class Case:
    """A named case, the files it needs, and the function that compares."""

    name: str
    files: tuple[str, ...]
    compare: CaseFunction


_CASES: dict[str, Case] = {}


def case(name: str, *more_files: str) -> Callable[[CaseFunction], CaseFunction]:
    """Register the case of file `name` (`file.pt`, or `file.pt#part`); `more_files` are other files it reads."""

    def register(function: CaseFunction) -> CaseFunction:
        _CASES[name] = Case(name, (name.split("#")[0], *more_files), function)
        return function

    return register


def all_cases() -> dict[str, Case]:
    """Every case of `labeldistill.parity.cases`, by file name, sorted."""
    import labeldistill.parity.cases as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_CASES.items()))

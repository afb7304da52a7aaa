"""What all settings share: their base class, the form of names, and loading what a registry names as `module:name`."""

import importlib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=64, strict=True)
]
"""A name that may reach a path, a rule, a command line, a page or a table: at most 64 letters, digits, dots, hyphens
and underscores, with a letter or digit first and last."""


class Settings(BaseModel):
    """Base of all settings: frozen, strict about unknown keys, finite, hashable through `model_dump`."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def load_object(path: str) -> Any:
    """The class or function that a registry names, imported when it is first used.

    Args:
        path: `module:name`.
    """
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)

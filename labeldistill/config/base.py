"""What all settings share: their base class, and loading what a registry names as `module:name`."""

import importlib
from typing import Any

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all settings: frozen, strict about unknown keys, finite, hashable through `model_dump`."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def load_object(path: str) -> Any:
    """The class or function that a registry names as `module:name`; imported when it is first used."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)

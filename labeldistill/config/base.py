"""The common behaviour of every settings class: unknown keys are errors, values never change after reading."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all settings: frozen, strict about unknown keys, finite, hashable through `model_dump`."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

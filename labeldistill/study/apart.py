"""Names in tables of runs that a study did not train itself, so that nothing averages them with its own.

`ingested`: a result file of another code base. `adopted`: a checkpoint trained elsewhere, detecting with our code.
"""

from typing import Literal

Origin = Literal["own", "ingested", "adopted"]
APART: tuple[Origin, ...] = ("ingested", "adopted")


def label(variant: str, origin: Origin) -> str:
    """Name of a variant's runs in tables: `full`, `full (ingested)`, `full (adopted)`."""
    return variant if origin == "own" else f"{variant} ({origin})"


def origin_of(unit: str) -> Origin:
    """Origin of the runs of a unit in a table."""
    return next((origin for origin in APART if unit.endswith(f" ({origin})")), "own")


def is_apart(unit: str) -> bool:
    """Whether a unit in a table consists of runs that the study did not train itself."""
    return origin_of(unit) != "own"


def variant_of(unit: str) -> str:
    """The variant (or stage) of a unit in a table."""
    return unit.removesuffix(f" ({origin_of(unit)})")

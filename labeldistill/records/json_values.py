"""Values on their way into strict JSON, which knows no NaN."""

import math
from typing import Any


def without_nan(value: Any) -> Any:
    """The same tree of mappings and lists with None for every number that is not finite."""
    if isinstance(value, dict):
        return {key: without_nan(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

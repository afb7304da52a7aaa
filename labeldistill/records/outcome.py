"""How a scored run ended: its record says how training went, its scores whether the predictions are boxes at all."""

from collections.abc import Mapping
from typing import Any

FINISHED = "finished"
DIVERGED = "diverged"


def outcome(record: Mapping[str, Any] | None, scores: Mapping[str, Any]) -> tuple[str, str]:
    """Status and, unless finished, the reason in words.

    Args:
        record: of the training run; None: an ingested one, which has none.
        scores: content of its `metrics.json`.
    """
    if record is not None and record["status"] != FINISHED:
        return str(record["status"]), str(record.get("reason") or "")
    broken: Mapping[str, str] = scores.get("diverged") or {}
    if broken:
        return DIVERGED, "; ".join(f"predictions of {weights} weights: {why}" for weights, why in broken.items())
    return FINISHED, ""

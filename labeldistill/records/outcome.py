"""How a scored run ended: its record reports on training, its scores on whether the predictions are valid boxes."""

from collections.abc import Mapping
from typing import Any

FINISHED = "finished"
DIVERGED = "diverged"


def outcome(record: Mapping[str, Any] | None, scores: Mapping[str, Any]) -> tuple[str, str]:
    """Status and, unless finished, the reason in words.

    Args:
        record: record of the training run; None for an ingested run.
        scores: content of its `metrics.json`.
    """
    if record is not None and record["status"] != FINISHED:
        return str(record["status"]), str(record.get("reason") or "")
    broken: Mapping[str, str] = scores.get("diverged") or {}
    if broken:
        return DIVERGED, "; ".join(f"predictions of {weights} weights: {why}" for weights, why in broken.items())
    return FINISHED, ""

"""What differs between paired runs besides scores (settings, data, code, environment): candidate causes, not proof."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from labeldistill.compare.diff_runs import Run

PARTS = ("settings", "data", "code", "environment", "optimisation", "device", "parents")
"""Parts of the run record that are compared."""

_EXPECTED = {
    "settings": ("seed",),
    "environment": ("slurm_job", "hosts", "memory_bytes"),
    "data": ("index",),
    "optimisation": ("steps_done", "final_lr"),
}
"""Entries that differ between equal runs or repeat other entries."""


@dataclass(frozen=True)
class Cause:
    """One entry of the record that differs, and the paired runs in which it does.

    Attributes:
        part: part of the record. key: dotted key. a, b: values, None if absent.
        variants: `study/variant` with this difference. runs: number of paired runs with it.
    """

    part: str
    key: str
    a: Any
    b: Any
    variants: tuple[str, ...]
    runs: int


def flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings with dotted keys; a list is one leaf."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, tree


def _entries(run: Run) -> dict[tuple[str, str], Any]:
    return {
        (part, key): value
        for part in PARTS
        for key, value in flat(run.record.get(part, {}))
        if key.split(".")[0] not in _EXPECTED.get(part, ()) and value != {}
    }


def causes(pairs: Sequence[tuple[Run, Run]]) -> list[Cause]:
    """Differences between the records of paired runs, grouped if equal, in the order of PARTS."""
    seen: dict[tuple[str, str, str, str], tuple[Any, Any, list[Run]]] = {}
    for ours, theirs in pairs:
        if not (ours.record and theirs.record):
            continue
        before, after = _entries(ours), _entries(theirs)
        for part, key in dict.fromkeys([*before, *after]):
            a, b = before.get((part, key)), after.get((part, key))
            if a != b:
                seen.setdefault((part, key, repr(a), repr(b)), (a, b, []))[2].append(ours)
    found = [
        Cause(part, key, a, b, tuple(dict.fromkeys(f"{r.study}/{r.variant}" for r in runs)), len(runs))
        for (part, key, _, _), (a, b, runs) in seen.items()
    ]
    return sorted(found, key=lambda cause: (PARTS.index(cause.part), -cause.runs))

"""Two benchmark files side by side: another device, or another version of the code."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeldistill.errors import InputError
from labeldistill.files import read_json


@dataclass(frozen=True)
class Compared:
    """One metric of one unit in both files.

    Attributes:
        unit: `teacher` or a variant.
        metric: milliseconds, samples per second, MB, joules or percent, as its name says.
        a: median in the first file.
        b: in the second.
        ratio: b / a.
        finding: `differs` where the intervals have no value in common, `not shown` where they do, `no interval`.
    """

    unit: str
    metric: str
    a: float
    b: float
    ratio: float
    finding: str


@dataclass(frozen=True)
class Comparison:
    """Everything two benchmark files have in common, and the conditions in which they differ."""

    devices: tuple[str, str]
    differences: tuple[str, ...]
    rows: tuple[Compared, ...]


def compare_benchmarks(first: Path, second: Path) -> Comparison:
    """Compare every metric that both files hold.

    Raises:
        InputError: a file that is missing, no benchmark, or has no unit in common with the other.
    """
    a, b = _read(first), _read(second)
    units = [unit for unit in a["units"] if unit in b["units"]]
    if not units:
        raise InputError(f"has no unit of {first}", file=second, key="units")
    differences: list[str] = []
    for unit in units:
        differences += _other_conditions(unit, a["units"][unit], b["units"][unit])
    rows = [row for unit in units for row in _rows(unit, a["units"][unit], b["units"][unit])]
    return Comparison((a["device"], b["device"]), tuple(differences), tuple(rows))


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise InputError("no such file; `labeldistill benchmark` writes it", file=file)
    found = read_json(file)
    for key in ("device", "units"):
        if not isinstance(found, dict) or key not in found:
            raise InputError("is no benchmark file: it lacks the key", file=file, key=key)
    return dict(found)


def _other_conditions(unit: str, a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    ours, theirs = a.get("conditions", {}), b.get("conditions", {})
    named = dict.fromkeys([*ours, *theirs])
    return [
        f"{unit}: {name} {ours.get(name, 'unknown')} and {theirs.get(name, 'unknown')}"
        for name in named
        if ours.get(name) != theirs.get(name)
    ]


def _rows(unit: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[Compared]:
    for metric, before in a["metrics"].items():
        if metric not in b["metrics"]:
            continue
        after = b["metrics"][metric]
        ratio = after / before if before else float("nan")
        intervals = [entry.get("intervals", {}).get(metric) for entry in (a, b)]
        yield Compared(unit, metric, before, after, ratio, _finding(*intervals))


def _finding(a: list[float] | None, b: list[float] | None) -> str:
    if a is None or b is None:
        return "no interval"
    return "differs" if a[1] < b[0] or b[1] < a[0] else "not shown"

"""Gates of preflight that a study went past: which, and the reason that was given."""

from collections.abc import Iterable, Mapping
from typing import Any

from labeldistill.files import read_json
from labeldistill.study.plan import StudyPlan

STEPS = ("start", "teachers", "first-student")
EXTRA = "waived"
"""Where a run record keeps them, under `extra`."""


def waivers(plan: StudyPlan, records: Iterable[Mapping[str, Any]] = ()) -> dict[str, str]:
    """Gate -> reason, of the preflights that are there now and of what the records were made under.

    Raises:
        InputError: a preflight that can't be read.
    """
    found: dict[str, str] = {}
    for file in (plan.preflight(step) for step in STEPS):
        if file.is_file():
            about = read_json(file)
            found |= about.get(EXTRA, {}) if isinstance(about, dict) else {}
    return recorded_waivers(records) | found


def recorded_waivers(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Gate -> reason, of what run records say they were made under."""
    found: dict[str, str] = {}
    for record in records:
        found |= record.get("extra", {}).get(EXTRA, {})
    return found

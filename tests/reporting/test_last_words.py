"""The end of `show`: what a study has shown, what it has not, and the next command."""

import pandas as pd
import pytest

from labeldistill.config.load import load_study
from labeldistill.reporting.answers import Answer, Answers
from labeldistill.reporting.last_words import last_words
from labeldistill.reporting.study_tables import StudyTables

QUICK = load_study("quickstart")


def _tables(low: dict[str, list[float | None]]) -> StudyTables:
    """One run per bound of each variant, with mAP 0.3."""
    shared = {"run_key": "k", "status": "finished", "weights": "ema", "class": "all", "slice": "all", "value": 0.3}
    rows = [
        {"variant": unit, "seed": seed, "metric": metric, "low": bound, "high": 0.4, **shared}
        for unit, bounds in low.items()
        for seed, bound in enumerate(bounds)
        for metric in ("mAP", "NDS")
    ]
    return StudyTables(pd.DataFrame(rows), tuple(QUICK.variants), QUICK.baseline)


def _answer(subject: str, verdict: str) -> Answer:
    return Answer({verdict: ()}, subject, "said")


def test_a_variant_detects_if_every_run_lies_above_zero() -> None:
    bounds = {"baseline": [0.2, 0.1], "lidar-only": [0.2, 0.0], "label-only": [None, 0.2], "full": [0.25, 0.21]}
    words = last_words(QUICK, _tables(bounds), Answers())
    assert "baseline mAP 0.300 (every run above 0.100)" in words.shown
    assert "full mAP 0.300 (every run above 0.210)" in words.shown
    assert "lidar-only" not in words.shown
    assert "label-only" not in words.shown
    assert "lidar-only detects; label-only detects" in words.not_shown
    assert "what students learn from nothing: they go on from workflow/weights/quickstart/student" in words.not_shown
    assert "anything about a published number: made on a synthetic world" in words.not_shown
    assert words.next.startswith("snakemake --cores all --config study=mini")


def test_without_detections_only_the_stages_ran() -> None:
    words = last_words(QUICK, _tables({unit: [0.0] for unit in QUICK.variants}), Answers())
    assert words.shown == "every stage ran, from the data to the report"


@pytest.mark.parametrize(
    ("verdict", "shown"), [("BETTER", True), ("WORSE", True), ("CAN'T TELL", False), ("NO DIFFERENCE SHOWN", False)]
)
def test_differences_are_shown_or_not(verdict: str, shown: bool) -> None:
    found = Answers(variants=[_answer("full beside baseline", verdict)])
    words = last_words(QUICK, _tables({"baseline": [0.1]}), found)
    assert ("full beside baseline" in words.shown) is shown
    assert ("full beside baseline" in words.not_shown) is not shown

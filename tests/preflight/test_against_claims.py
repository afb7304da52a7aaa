"""Gates of a study that can be compared with a published claim: there, another teacher or another recipe is a FAIL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comparable_study import ComparableStudy, as_published

from labeldistill.claims.claims import load_claims
from labeldistill.preflight import recipe, teacher
from labeldistill.preflight.adapted_features import Fit, judge
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks, Verdict


def compared(folder: Path, patch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], object]) -> ComparableStudy:
    study = ComparableStudy(folder, patch, seeds=1)
    study.tree["claims"] = {"full": "r50-3frames", "teacher": "teacher"}
    change(study.tree)
    study.write()
    return study


@pytest.mark.parametrize(("points", "verdict"), [(0.0, "PASS"), (-0.9, "PASS"), (-1.6, "FAIL"), (-30.0, "FAIL")])
def test_a_teacher_below_its_claim_stops_the_study(
    points: float, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = compared(tmp_path, monkeypatch, lambda tree: None)
    claim = load_claims()["teacher"]

    def score(unit: str, metric: str, seed: int) -> float:
        if unit != "teacher":
            return as_published(unit, metric, seed)
        return (claim.value(metric) or 0.0) + points / 100

    study.run(score)
    found = teacher.look(Context(study.plan, tmp_path / "scratch"))
    assert found.verdict == verdict, found
    assert f"mAP {points:+.1f} points" in found.figure
    assert verdict == "PASS" or "not the published teacher" in found.advice


def times_four(tree: dict[str, Any]) -> None:
    tree["student_training"]["lr"] *= 4


def mean_for_std(tree: dict[str, Any]) -> None:
    image = tree["student"]["image"]
    image["mean"], image["std"] = image["std"], image["mean"]


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "learning rate times four": (times_four, "training.lr"),
    "mean and std swapped": (mean_for_std, "image.mean"),
    "half the batch": (lambda tree: tree["student_training"].update(batch=32), "training.batch"),
    "no EMA": (lambda tree: tree["student_training"].update(ema_decay=None), "ema_decay"),
    "BGR corrected": (lambda tree: tree["switches"].update(colour_order="corrected"), "colour_order"),
    "a weight of a term": (lambda tree: tree["variants"]["full"]["terms"].update(response=2.0), "terms.response"),
}


def asked(study: ComparableStudy, folder: Path) -> Gate:
    return recipe.look(Context(study.plan, folder / "scratch"))


def test_the_reference_recipe_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(compared(tmp_path, monkeypatch, lambda tree: None), tmp_path)
    assert found.verdict is Verdict.passed, found


@pytest.mark.parametrize("fault", FAULTS)
def test_another_recipe_than_the_claims_is_a_fail(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change, key = FAULTS[fault]
    found = asked(compared(tmp_path, monkeypatch, change), tmp_path)
    assert found.verdict is Verdict.failed, found
    assert key in found.figure


@pytest.mark.parametrize(
    ("own", "flipped", "short", "verdict"),
    [
        (0.06, 0.001, False, "PASS"),
        (0.001, 0.06, False, "FAIL"),
        (0.001, 0.06, True, "FAIL"),
        (0.05, 0.07, False, "FAIL"),
    ],
)
def test_adapted_features_are_right_as_they_are_or_not(own: float, flipped: float, short: bool, verdict: str) -> None:
    looks = Looks("gradients")
    fits = {"as they are": Fit(own, 1.0), "x flipped": Fit(flipped, 1.0), "y flipped": Fit(0.001, 1.0)}
    judge("full, lidar", fits, looks, short=short)
    assert looks.gate().verdict == verdict


@pytest.mark.parametrize(
    ("distances", "short", "verdict"),
    [((0.8, 1.2), False, "PASS"), ((1.2, 0.8), False, "FAIL"), ((1.2, 0.8), True, "WARN")],
)
def test_where_nothing_is_found_distances_tell(distances: tuple[float, float], short: bool, verdict: str) -> None:
    looks = Looks("gradients")
    judge("u", {"as they are": Fit(0.0, distances[0]), "x flipped": Fit(0.0, distances[1])}, looks, short=short)
    assert looks.gate().verdict == verdict

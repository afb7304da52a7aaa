"""Names reach paths, command lines, rules, pages and tables: none may contain characters with another meaning there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from labeldistill.claims.claims import Claim, load_claims
from labeldistill.claims.hypotheses import Hypothesis, load_hypotheses
from labeldistill.config.load import load_study, studies_folder, study_names
from labeldistill.errors import InputError

HOSTILE = [
    *(
        "x$(touch pwned)",
        "x;touch pwned",
        "x`touch pwned`",
        "x|y",
        "x&y",
        "x>y",
        "x y",
        "x\ty",
        "x\ny",
        "x'",
        'x"',
        "~x",
    ),
    *("<b>x</b>", "x&amp;y", "\\input{x}", "x^2", "x%", "x#y", "$x$", "x*", "[x](y)", "=1+2", "@x"),
    *("", ".", "..", "../x", "x/y", "/x", "x\\y", "-x", "--help", ".x", "x.", "x\0y"),
    *("{unit}", "{{x}}", "x{seed}", "é", "\u202etxt", "x" * 65, "\N{FULLWIDTH LATIN SMALL LETTER A}"),
]


def write(folder: Path, **changes: Any) -> str:
    for file in studies_folder().resolve().glob("*.yaml"):
        (folder / file.name).write_text(file.read_text())
    (folder / "own.yaml").write_text(yaml.safe_dump({"extends": "smoke", **changes}))
    return str(folder / "own.yaml")


def variant(name: str) -> dict[str, Any]:
    terms = {"terms": {"detection": 1.0}}
    return {"variants!": {"baseline": terms, name: terms}}


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "a variant": variant,
    "the study": lambda name: {"name": name},
    "a claimed variant": lambda name: {"claims": {name: "headline"}},
    "a claim": lambda name: {"claims": {"full": name}},
    "a slice": lambda name: {"evaluation_slices": [name]},
    "a slice's range": lambda name: {"evaluation_slices": [f"distance={name}-"]},
    "the data's version": lambda name: {"data": {"version": name}},
    "a term": lambda name: {"variants": {"full": {"terms": {name: 1.0}}}},
    "a switch": lambda name: {"switches": {name: "released"}},
    "a split": lambda name: {"evaluation_split": name},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused(name: str, place: Callable[[str], dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"own\.yaml: "):
        load_study(write(tmp_path, **place(name)))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_ids_of_claims_and_hypotheses_are_refused(name: str) -> None:
    claim = next(iter(load_claims().values()))
    hypothesis = load_hypotheses().hypotheses[0]
    for kind, good in ((Claim, claim), (Hypothesis, hypothesis)):
        with pytest.raises(ValidationError):
            kind.model_validate({**good.model_dump(), "id": name})


@pytest.mark.parametrize("name", ["x", "lidar-only", "head_bias", "r50.v2", "A1", "x" * 64])
def test_ordinary_names_are_fine(name: str, tmp_path: Path) -> None:
    assert name in load_study(write(tmp_path, **variant(name))).variants


def test_every_shipped_study_has_ordinary_names() -> None:
    for name in study_names():
        load_study(name)


@pytest.mark.parametrize("seed", [1e20, 10**20, 2**32, -1, 0.5, "x", True, float("nan"), float("inf")])
def test_seeds_that_no_generator_takes_are_refused(seed: object, tmp_path: Path) -> None:
    for changes in ({"seeds": [seed]}, {"teacher_seed": seed}):
        with pytest.raises(InputError, match=r"own\.yaml: .*seed"):
            load_study(write(tmp_path, **changes))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_settings_are_finite(value: float, tmp_path: Path) -> None:
    for changes in ({"data": {"max_point_distance_m": value}}, {"student_training": {"lr": value}}):
        with pytest.raises(InputError, match="finite"):
            load_study(write(tmp_path, **changes))


def test_the_folder_of_the_data_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another name"):
        load_study(write(tmp_path, name="data"))


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".yaml", "x\0", "x\0.yaml", "../x", "/", "", "[/x]"])
def test_a_study_that_can_not_be_is_one_message(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown study|no such study file"):
        load_study(name)

"""The paper's conclusions are data; roles are found by terms, never by name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from labeldistill.claims.claims import claims_file
from labeldistill.claims.hypotheses import load_hypotheses, other_differences, variant_in_role
from labeldistill.config.load import load_study
from labeldistill.config.study import StudySettings, VariantSettings
from labeldistill.errors import InputError

KNOWN = load_hypotheses()
PAPER = load_study("paper-r50-3f")


def _study(variants: dict[str, VariantSettings], baseline: str = "baseline") -> StudySettings:
    return PAPER.model_copy(update={"variants": variants, "baseline": baseline})


def _found(study: StudySettings, role: str) -> str | None:
    return variant_in_role(study, role, KNOWN.roles[role])[0]


def test_the_five_conclusions_with_source_and_confidence() -> None:
    pairs = {(entry.better, entry.worse) for entry in KNOWN.hypotheses}
    assert pairs == {
        *(("full", "baseline"), ("lidar-only", "baseline"), ("label-only", "baseline")),
        *(("full", "lidar-only"), ("full", "undivided")),
    }
    assert all(entry.source for entry in KNOWN.hypotheses)
    assert {entry.confidence for entry in KNOWN.hypotheses if entry.better == "full"} == {"primary", "secondary"}


def test_the_studies_have_them() -> None:
    assert {role: _found(PAPER, role) for role in KNOWN.roles} == {
        **{name: name for name in ("baseline", "lidar-only", "label-only", "full")},
        "undivided": None,
    }
    assert _found(load_study("ablation-components"), "undivided") == "undivided"
    assert _found(load_study("ablation-partition"), "full") == "thirds"  # the study's baseline among several that fit
    assert _found(load_study("mini-weights"), "full") == "full-0.1"


def test_a_name_without_the_terms_is_not_the_variant() -> None:
    plain = PAPER.variants["baseline"]
    found, why = variant_in_role(_study({"baseline": plain, "full": plain}), "full", KNOWN.roles["full"])
    assert found is None
    assert "no variant is `full`" in why
    silent = VariantSettings(terms=PAPER.variants["full"].terms | {"label_feature": 0.0})
    assert _found(_study({"baseline": plain, "full": silent}), "full") is None
    assert _found(_study({"baseline": plain, "full": silent}), "lidar-only") == "full"


def test_several_that_fit_are_named() -> None:
    full = PAPER.variants["full"]
    study = _study({"baseline": PAPER.variants["baseline"], "one": full, "two": full})
    assert "one, two could each be `full`" in variant_in_role(study, "full", KNOWN.roles["full"])[1]


def test_another_difference_between_the_two_is_named() -> None:
    wide = PAPER.variants["full"].model_copy(update={"overrides": {"student.trunk_base_channels": 600}})
    study = _study({"baseline": PAPER.variants["baseline"], "full": wide})
    assert other_differences(study, "full", "baseline") == ["student.trunk_base_channels"]
    heavier = VariantSettings(terms={"detection": 1.0, "depth": 9.0})
    assert other_differences(_study({**PAPER.variants, "baseline": heavier}), "full", "baseline") == ["weight of depth"]
    assert other_differences(PAPER, "full", "baseline") == []
    assert other_differences(load_study("ablation-components"), "full", "undivided") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"better": "fool"}, "`fool`, which is not a role"),
        ({"worse": "full"}, "sets `full` against itself"),
        ({"confidence": "hearsay"}, "hypotheses.0.confidence"),
        ({"context": "gian"}, "no claim `gian`"),
        ({"id": "lidar-only-over-baseline"}, "appears twice"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    tree = yaml.safe_load(claims_file().read_text())
    tree["hypotheses"][0] |= change
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump(tree))
    with pytest.raises(InputError, match=words) as caught:
        load_hypotheses(file)
    assert "claims.yaml" in str(caught.value)


def test_a_file_without_hypotheses_says_so(tmp_path: Path) -> None:
    file = tmp_path / "claims.yaml"
    file.write_text("claims: []\n")
    with pytest.raises(InputError, match="roles"):
        load_hypotheses(file)

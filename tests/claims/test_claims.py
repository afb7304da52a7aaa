"""Claims are data: complete, typed, and nothing in them can pass for a baseline."""

from pathlib import Path

import pytest
import yaml

from labeldistill.claims.claims import claims_file, known_spreads, load_claims
from labeldistill.errors import InputError

GOOD = {"id": "a", "what": "x", "mAP": 45.1, "source": "s", "confidence": "primary"}


def _file(folder: Path, *claims: object) -> Path:
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": list(claims)}))
    return path


def test_the_committed_claims_load_with_source_and_confidence() -> None:
    claims = load_claims()
    assert claims["headline"].value("mAP") == pytest.approx(0.451)
    assert claims["headline"].configuration.backbone == "resnet101"
    assert claims["gain"].delta("NDS") == 4.9
    assert claims["r50-3frames"].value("mATE") == pytest.approx(0.6216)
    assert all(claim.source for claim in claims.values())


def test_the_committed_claims_are_those_of_the_reference(shared: Path) -> None:
    theirs = yaml.safe_load((shared / "reference" / "published_results.yaml").read_text())
    ours = yaml.safe_load(claims_file().read_text())
    values = ("mAP", "NDS", "delta_mAP", "delta_NDS", "mATE", "split", "confidence")

    def numbers(tree: dict[str, list[dict[str, object]]]) -> dict[object, list[object]]:
        return {claim["id"]: [claim.get(name) for name in values] for claim in tree["claims"]}

    assert numbers(ours) == numbers(theirs)


def test_a_value_and_a_gain_in_one_claim_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pass for a baseline"):
        load_claims(_file(tmp_path, {**GOOD, "delta_mAP": 5.1}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"confidence": "hearsay"}, "claims.a.confidence"),
        ({"MAP": 3}, "claims.a.MAP"),
        ({"configuration": {"backbon": "resnet50"}}, "claims.a.configuration.backbon"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load_claims(_file(tmp_path, {**GOOD, **change}))
    assert "claims.yaml" in str(caught.value)


def test_repeated_ids_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="stands twice"):
        load_claims(_file(tmp_path, GOOD, GOOD))
    (tmp_path / "broken.yaml").write_text("claims: [")
    for name in ("broken.yaml", "missing.yaml"):
        with pytest.raises(InputError, match=name):
            load_claims(tmp_path / name)
    (tmp_path / "other.yaml").write_text("a: 1")
    with pytest.raises(InputError, match="no list of claims"):
        load_claims(tmp_path / "other.yaml")


def test_known_spreads_are_of_lists_of_runs_only() -> None:
    ((what, n, sd),) = known_spreads("NDS")
    assert (n, round(sd, 3)) == (3, 0.635)
    assert "BEVDet issue 21" in what
    assert all(n > 2 for _, n, _ in known_spreads("mAP"))

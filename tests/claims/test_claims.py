"""Claims are data: complete, typed, and without anything that could be mistaken for a baseline."""

from pathlib import Path

import pytest
import yaml

from labeldistill.claims.claims import claims_file, known_spreads, load_claims
from labeldistill.claims.comparability import why_not_comparable
from labeldistill.claims.differences import differences
from labeldistill.claims.official import load_official
from labeldistill.claims.references import load_reference
from labeldistill.config.load import load_study
from labeldistill.errors import InputError
from labeldistill.nuscenes.splits import names_hash, scenes_of
from labeldistill.nuscenes.tables import Tables
from labeldistill.training.schedule import lr_factor, run_length

GOOD = {"id": "a", "what": "x", "mAP": 45.1, "source": "s", "confidence": "primary"}


def _file(folder: Path, *claims: object) -> Path:
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": list(claims)}))
    return path


def test_the_committed_claims_load_with_source_and_confidence() -> None:
    claims = load_claims()
    assert claims["headline"].value("mAP") == pytest.approx(0.451)
    assert load_reference(claims["headline"]).student.backbone_depth == 101
    assert claims["gain"].delta("NDS") == 4.9
    assert claims["r50-3frames"].value("mATE") == pytest.approx(0.6216)
    assert all(claim.source for claim in claims.values())


def test_the_committed_claims_are_those_of_the_reference(shared: Path) -> None:
    theirs = yaml.safe_load((shared / "reference" / "published_results.yaml").read_text())
    ours = yaml.safe_load(claims_file().read_text())
    values = ("mAP", "NDS", "delta_mAP", "delta_NDS", "mATE", "split", "confidence")

    def numbers(tree: dict[str, list[dict[str, object]]]) -> dict[object, list[object]]:
        return {claim["id"]: [claim.get(name) for name in values] for claim in tree["claims"]}

    own = numbers(ours)
    rows = {name: own.pop(name) for name in ("bevdepth-r50-2f", "bevdepth-r50-2f-ema")}
    assert own == numbers(theirs)
    context = {tuple(row.get(name) for name in ("mAP", "NDS")) for row in theirs["context"]}
    assert {tuple(values[:2]) for values in rows.values()} <= context


def test_a_value_and_a_gain_in_one_claim_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pass for a baseline"):
        load_claims(_file(tmp_path, {**GOOD, "delta_mAP": 5.1}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"confidence": "hearsay"}, "claims.a.confidence"),
        ({"MAP": 3}, "claims.a.MAP"),
        ({"reference": {"study": "r50"}}, "claims.a.reference.unit"),
        ({"reference": {"study": "nowhere", "unit": "full"}}, "claims.a.reference.study.*no reference study"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load_claims(_file(tmp_path, {**GOOD, **change}))
    assert "claims.yaml" in str(caught.value)


def test_repeated_ids_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="appears twice"):
        load_claims(_file(tmp_path, GOOD, GOOD))
    (tmp_path / "broken.yaml").write_text("claims: [")
    for name in ("broken.yaml", "missing.yaml"):
        with pytest.raises(InputError, match=name):
            load_claims(tmp_path / name)
    (tmp_path / "other.yaml").write_text("a: 1")
    with pytest.raises(InputError, match="no list of claims"):
        load_claims(tmp_path / "other.yaml")


@pytest.mark.parametrize("runs", [[1.0, 2.0, float("nan")], [1.0, 2.0, "3"]])
def test_a_spread_that_is_no_number_is_named(tmp_path: Path, runs: list[object]) -> None:
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump({"claims": [], "spread": [{"what": "w", "source": "s", "mAP": runs}]}))
    with pytest.raises(InputError, match=r"spread.0.mAP"):
        known_spreads("mAP", file)


def test_a_claimed_value_is_finite(tmp_path: Path) -> None:
    file = tmp_path / "claims.yaml"
    claim = {"id": "a", "what": "w", "source": "s", "confidence": "primary", "mAP": float("inf")}
    file.write_text(yaml.safe_dump({"claims": [claim]}))
    with pytest.raises(InputError, match=r"claims.a.values.mAP"):
        load_claims(file)


def test_known_spreads_are_of_lists_of_runs_only() -> None:
    ((what, n, sd),) = known_spreads("NDS")
    assert (n, round(sd, 3)) == (3, 0.635)
    assert "BEVDet issue 21" in what
    assert all(n > 2 for _, n, _ in known_spreads("mAP"))


STARTS = {"student.pretrained_backbone", "teacher.pretrained"}


@pytest.mark.parametrize(
    ("study", "unit", "claim"),
    [
        ("paper-r50-3f", "full", "r50-3frames"),
        ("paper-r50-5f", "full", "r50"),
        ("paper-r101-3f", "full", "headline"),
        ("paper-r50-3f", "teacher", "teacher"),
        ("bevdepth-r50-2f", "baseline", "bevdepth-r50-2f-ema"),
    ],
)
def test_a_shipped_study_equals_the_reference_of_its_claim(study: str, unit: str, claim: str) -> None:
    """But for the start weights, whose files are the user's. After a wanted change freeze the reference anew."""
    found = load_claims()[claim]
    assert found.reference is not None
    reference = load_reference(found)
    differing = differences(load_study(study), unit, reference, found.reference.unit)
    assert {difference.key for difference in differing} <= STARTS, (
        f"`labeldistill register {study} --as-reference {found.reference.unit}` prints the reference anew"
    )


def test_every_reference_says_what_it_starts_from() -> None:
    claims = [claim for claim in load_claims().values() if claim.reference]
    assert len(claims) >= 5
    for claim in claims:
        reference = load_reference(claim)
        assert str(reference.teacher.pretrained).startswith("sha256:")
        assert str(reference.student.pretrained_backbone).startswith("sha256:")


def test_official_splits_are_those_of_the_devkit() -> None:
    from nuscenes.utils.splits import create_splits_scenes

    scenes, official = create_splits_scenes(), load_official()
    assert [official[name].samples for name in ("train", "val", "test")] == [28130, 6019, 6008]
    for name, split in official.items():
        assert (split.scenes, split.scenes_sha256) == (len(scenes[name]), names_hash(scenes[name]))


def test_the_hash_of_mini_vals_tokens(real_nuscenes: Path) -> None:
    tables = Tables(real_nuscenes / "nuscenes", "v1.0-mini")
    wanted = set(scenes_of("mini_val", tables))
    names = dict(zip(tables["scene"]["token"].to_pylist(), tables["scene"]["name"].to_pylist(), strict=True))
    rows = zip(tables["sample"]["token"].to_pylist(), tables["sample"]["scene_token"].to_pylist(), strict=True)
    tokens = [token for token, scene in rows if names[scene] in wanted]
    official = load_official()["mini_val"]
    assert (official.samples, official.tokens_sha256) == (len(tokens), names_hash(tokens))


def test_bevdepth_studies_are_its_own_experiments() -> None:
    """Numbers by hand from BEVDepth's base_exp.py and the experiment files of d78c7b5."""
    one, two = load_study("bevdepth-r50-1f"), load_study("bevdepth-r50-2f")
    half = (1.0,) * 8 + (0.5, 0.5)
    assert (one.student.frame_offsets, one.student.head.code_weights, one.student_training.milestones_epochs) == (
        (0,), half, ()
    )  # fmt: skip
    assert (two.student.frame_offsets, two.student.head.code_weights, two.student_training.milestones_epochs) == (
        (0, -1), (1.0,) * 10, (19, 23)
    )  # fmt: skip
    for study in (one, two):
        training = study.student_training
        assert (study.method, study.student.bev_channels, study.student.trunk_base_channels) == ("bevdepth", 80, 160)
        assert (training.epochs, training.batch, training.batch_per_device, study.devices_per_run) == (24, 64, 8, 8)
        assert (training.lr, training.weight_decay, training.backbone_lr_multiplier) == (2e-4, 1e-7, 1.0)
        assert (training.ema_decay, training.gradient_clip_norm, training.precision) == (0.999, 5.0, "16-mixed")
        length = run_length(training, 28130, study.devices_per_run)
        assert (length.steps_per_epoch, length.accumulation) == (439, 1)
        factors = {lr_factor(epoch * 439, training, length) for epoch in range(24)}
        assert len(factors) == (1 if study is one else 3)
    claims = load_claims()
    (why,) = why_not_comparable(two, "baseline", claims["bevdepth-r50-2f-ema"]).split("; ")
    assert why.count(" there, ") == 1  # the start weights, which are not here
    assert "student.pretrained_backbone sha256:0676ba61 there" in why
    assert "nobody published" in why_not_comparable(one, "baseline", claims["bevdepth-r50-2f-ema"])

"""Ways to get REPRODUCED for what is not so, found in public: each ends elsewhere, through the CLI's own code."""

import io
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from comparable_study import CLAIM, SPLITS, ComparableStudy, as_published
from planted_results import confirm_all
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.records import gather as gathering
from labeldistill.reporting import scored_runs
from labeldistill.statistics.claim_family import judge_family
from labeldistill.statistics.claim_simulations import SameMethod

Change = Callable[[ComparableStudy], Any]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComparableStudy:
    made = ComparableStudy(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    for module in (gathering, scored_runs):
        monkeypatch.setattr(module, "read_record", lambda file: json.loads(file.read_text()))  # toy records
    return made


def better(unit: str, metric: str, seed: int) -> float:
    """A full method that is six points above its baseline."""
    return 0.3 + 0.06 * (unit == "full") + (seed * seed % 5 + (unit == "full") * seed % 3) / 1000


def conclusions(study: ComparableStudy, name: str = "study") -> dict[str, tuple[str, str]]:
    """Hypothesis -> its verdict and reason in mAP."""
    arguments = ["table", "hypotheses", "--study", name, "--results", str(study.results), "--format", "csv"]
    done = CliRunner().invoke(build("table"), arguments)
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(io.StringIO(done.stdout)).drop_duplicates("hypothesis")
    return {row.hypothesis: (row.verdict, row.reason) for row in rows.itertuples()}


def table(study: ComparableStudy, name: str = "study", *options: str) -> Any:
    arguments = ["table", "main", "--study", name, "--results", str(study.results), "--format", "csv", *options]
    return CliRunner().invoke(build("table"), arguments)


def verdicts(study: ComparableStudy, name: str = "study", *options: str) -> dict[str, tuple[str, str]]:
    """Claimed unit -> verdicts in mAP and NDS, and the reason of the first."""
    done = table(study, name, *options)
    assert done.exit_code == 0, done.output
    (study.folder / "table.csv").write_text(done.stdout)
    units = pd.read_csv(study.folder / "table.csv").dropna(subset=["claim"]).groupby("variant", sort=False)
    return {str(unit): ("/".join(rows["verdict"]), str(rows["reason"].iloc[0])) for unit, rows in units}


def test_the_published_method_is_reproduced(study: ComparableStudy) -> None:
    """The positive control: without it every test below would pass for nothing."""
    study.run()
    assert verdicts(study)["full"][0] == "REPRODUCED/REPRODUCED"


def test_each_claim_is_told_in_one_line(study: ComparableStudy) -> None:
    study.tree["claims"] = {"full": "r50-3frames", "teacher": "teacher"}
    study.write()
    study.run()
    arguments = ["table", "main", "--study", "study", "--results", str(study.results)]
    told = [
        line for line in CliRunner().invoke(build("table"), arguments).stdout.splitlines() if "beside claim" in line
    ]
    assert len(told) == 2
    assert "mAP 39.29 published, 39.29 measured (n = 6): REPRODUCED" in told[0]
    assert "NDS 50.73 published" in told[0]
    assert "INCONCLUSIVE, the claim's configuration is inferred" in told[1]


def test_a_published_number_is_one_noisy_number(study: ComparableStudy) -> None:
    """With the field's noise no number of seeds shows a margin of half a point, and the reason says so."""
    study.noise(0.635)
    study.run()
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert "no number of seeds can show a margin of 0.5" in reason
    assert "where 95 % of single runs like our 6 fall" in reason


def test_a_low_confidence_makes_no_verdict_easier(study: ComparableStudy) -> None:
    """A difference whose p value lies between 5 % and 19 %."""
    _set("verdict", {"confidence": 0.81, "margins": {"mAP": 0.01, "NDS": 0.01}})(study)
    study.noise(0.05)
    study.run(lambda unit, metric, seed: as_published(unit, metric, seed) + 0.0004 * (seed - 2.5) + 0.0014)
    assert verdicts(study)["full"][0] == "INCONCLUSIVE/INCONCLUSIVE"


def test_a_study_takes_no_claim_for_surer_than_it_is(study: ComparableStudy) -> None:
    study.noise(0.635)
    _set("verdict", {"published_sd": {"mAP": 0.0, "NDS": 0.01}})(study)
    study.run()
    assert verdicts(study)["full"][0] == "INCONCLUSIVE/INCONCLUSIVE"


def _set(dotted: str, value: Any) -> Change:
    def change(study: ComparableStudy) -> None:
        *path, last = dotted.split(".")
        node = study.tree
        for part in path:
            node = node[part]
        node[last] = value
        study.write()

    return change


def _override(study: ComparableStudy) -> None:
    study.tree["variants"]["full"]["overrides"] = {"student.bev_channels": 80}
    study.write()


def _random(study: ComparableStudy) -> None:
    study.tree["student"] |= {"pretrained_backbone": "random", "backbone_frozen_stages": -1}
    study.write()


BASELINE = {"detection": 1.0, "depth": 3.0}
SETTINGS: dict[str, tuple[Change, str]] = {
    "trained on val": (_set("data.splits.train", "val"), "data.splits (train) train there, val here"),
    "no distillation under the name full": (
        _set("variants.full.terms", BASELINE),
        "terms.lidar_feature 0.3 there, none here",
    ),
    "batch": (_set("student_training.batch", 64), "training.batch 16 there, 64 here"),
    "learning rate": (_set("student_training.lr", 1e-3), "training.lr 0.0004 there, 0.001 here"),
    "a loss weight": (_set("variants.full.terms.lidar_feature", 1.0), "terms.lidar_feature 0.3 there, 1.0 here"),
    "width": (_set("student.bev_channels", 80), "student.bev_channels 150 there, 80 here"),
    "width by an override": (_override, "student.bev_channels 150 there, 80 here"),
    "sweeps": (_set("data.past_sweeps", 9), "data.past_sweeps 5 there, 9 here"),
    "another EMA": (_set("student_training.ema_decay", 0.99), "training.ema_decay 0.999 there, 0.99 here"),
    "next to no distillation": (
        _set("variants.full.terms", {**BASELINE, "lidar_feature": 1e-9, "label_feature": 1e-9, "response": 1e-9}),
        "terms.lidar_feature 0.3 there, 1e-09 here",
    ),
    "a switch": (_set("switches.partition_axis", "corrected"), "switches.partition_axis released there, corrected"),
    "the teacher's epochs": (_set("teacher_training.epochs", 40), "teacher: training.epochs 20 there, 40 here"),
    "random start weights": (_random, "0676ba61 there, random weights here"),
    "augmentation": (_set("bev_augmentation.rotation_deg", [0, 0]), "bev_augmentation.rotation_deg"),
    "boxes with no points as truth": (_set("data.min_lidar_points", 0), "data.min_lidar_points 1 there, 0 here"),
    "wider BatchNorm": (_set("student_training.batch_per_device", 8), "training.batch on one device 4 there, 8 here"),
    "the claim of full on the baseline": (
        _set("claims", {"baseline": "r50-3frames"}),
        "terms.response 1.0 there, none",
    ),
    "the claim of full on the teacher": (
        _set("claims", {"teacher": "r50-3frames"}),
        "student, label-encoder: is trained there",
    ),
    "ConvNeXt's claim on an R50": (_set("claims", {"full": "test-convnext"}), "nuScenes v1.0-trainval"),
    "another depth of network": (_set("claims", {"full": "headline"}), "student.backbone_depth 101 there, 50 here"),
    "evaluated on train": (_set("data.splits.val", "train"), "another split"),
    "another version": (_set("data.splits.val", ["scene-0101"]), "a list of scenes"),
}


@pytest.mark.parametrize("way", SETTINGS)
def test_another_configuration_is_not_comparable_and_named(study: ComparableStudy, way: str) -> None:
    change, words = SETTINGS[way]
    change(study)
    study.run()
    ((said, reason),) = verdicts(study).values()
    assert set(said.split("/")) == {"NOT COMPARABLE"}
    assert words in reason


def test_other_start_weights_are_not_comparable(study: ComparableStudy) -> None:
    _set("teacher.pretrained", study.start("centerpoint", "deadbeef"))(study)
    study.run()
    said, reason = verdicts(study)["full"]
    assert said == "NOT COMPARABLE/NOT COMPARABLE"
    assert "teacher.pretrained sha256:9061688e there, sha256:deadbeef" in reason


def test_a_world_dressed_as_nuscenes(study: ComparableStudy) -> None:
    study.run()
    for splits, prefix, words in (
        ({"val": SPLITS["val"][:3]}, "", "`val` has 4 scenes in nuScenes, 3 here"),
        ({"val": ["a", "b", "c", "d"]}, "", "other scenes"),
        ({}, "synth-", "other samples"),
        ({"val": SPLITS["train"][:4]}, "", "4 scenes are trained on and scored"),
    ):
        study.index(splits, prefix)
        said, reason = verdicts(study)["full"]
        assert said == "NOT COMPARABLE/NOT COMPARABLE"
        assert words in reason


def test_scene_names_alone_are_no_proof(study: ComparableStudy) -> None:
    file = study.folder / "claims" / "nuscenes_splits.yaml"
    tree = yaml.safe_load(file.read_text())
    tree["splits"]["val"]["tokens_sha256"] = None
    file.write_text(yaml.safe_dump(tree))
    study.run()
    study.index({}, "synth-")
    said, reason = verdicts(study)["full"]
    assert "REPRODUCED" not in said
    study.index()
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert "nobody has verified the hash" in reason


def test_no_index_proves_nothing(study: ComparableStudy) -> None:
    study.run()
    study.plan.infos_index.unlink()
    said, reason = verdicts(study)["full"]
    assert said == "NOT COMPARABLE/NOT COMPARABLE"
    assert "no index of the data" in reason


@pytest.mark.parametrize(
    "scores", [{"partial": {"scenes": ["scene-0101"]}}, {"samples": 5, "tokens_sha256": "0" * 64}, {"samples": 19}]
)
def test_a_partial_evaluation(study: ComparableStudy, scores: dict[str, Any]) -> None:
    study.run(**scores)
    assert verdicts(study)["full"][0] == "NOT COMPARABLE/NOT COMPARABLE"


def test_raw_weights(study: ComparableStudy) -> None:
    study.run()
    said, reason = verdicts(study, "study", "--weights", "raw")["full"]
    assert said == "NOT COMPARABLE/NOT COMPARABLE"
    assert "raw weights, the claim is of ema weights" in reason


def test_files_of_another_code_base_settle_nothing(study: ComparableStudy) -> None:
    study.run()
    for seed, digit in ((10, "a"), (11, "b"), (12, "c")):
        study.take_in(seed, digit, meta={"use_camera": True, "use_lidar": False})
    found = verdicts(study)
    assert found["full"][0] == "REPRODUCED/REPRODUCED"
    assert found["full (ingested)"][0] == "INCONCLUSIVE/INCONCLUSIVE"
    assert "files of another code base" in found["full (ingested)"][1]


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"use_camera": False, "use_lidar": True}, "made with lidar"),
        ({"use_camera": True, "use_map": True}, "map"),
        ({"use_camera": False, "use_lidar": False}, "made with unknown"),
        ({}, "made with unknown"),
    ],
)
def test_a_lidar_submission_against_a_camera_claim(study: ComparableStudy, meta: dict[str, bool], words: str) -> None:
    study.take_in(10, "a", meta=meta)
    study.run()
    said, reason = verdicts(study)["full (ingested)"]
    assert said == "NOT COMPARABLE/NOT COMPARABLE"
    assert words in reason


def test_six_seeds_run_and_three_reported(study: ComparableStudy) -> None:
    study.run()
    _set("seeds", [0, 1, 2])(study)
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert reason.startswith("CHANGED SINCE IT WAS REGISTERED")
    assert "scored seeds of full are left out: 3, 4, 5" in reason


def test_a_seed_that_was_run_again_until_it_fitted(study: ComparableStudy) -> None:
    study.run()
    run = next(run for run in study.plan.students if (run.unit, run.seed) == ("full", 2))
    shutil.copytree(run.folder, run.folder.with_name("a" * 12))
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert "seeds of full were scored by other code before: 2" in reason


def test_chosen_or_lost_seeds_show_no_conclusion_of_the_paper(study: ComparableStudy) -> None:
    study.run(better)
    assert conclusions(study)["full-over-baseline"][0] == "SUPPORTED"
    said, reason = conclusions(study, "study@3")["full-over-baseline"]
    pairs = ["table", "pairs", "--study", "study@3", "--results", str(study.results)]
    told = CliRunner().invoke(build("table"), pairs).stdout
    assert "shared seeds: scored seeds of baseline are left out" in told
    assert told.count("CAN'T TELL") == 2
    assert said == "NOT SHOWN"
    assert reason.startswith("scored seeds of full are left out: 3, 4, 5")
    assert "3 of 6 planned seeds" in reason
    _set("seeds", [0, 1, 2])(study)
    said, reason = conclusions(study)["full-over-baseline"]
    assert said == "NOT SHOWN"
    assert reason.startswith("CHANGED SINCE IT WAS REGISTERED")
    study.plan.registered.unlink()
    said, reason = conclusions(study)["full-over-baseline"]
    assert said == "NOT SHOWN"
    assert reason.startswith("NOT REGISTERED")


def test_diverged_seeds_show_no_conclusion_of_the_paper(study: ComparableStudy) -> None:
    study.run(better, failed=(("full", 1), ("full", 2)))
    said, reason = conclusions(study)["full-over-baseline"]
    assert said == "NOT SHOWN"
    assert reason.startswith("full: 2 of 6 runs have no score")


def test_the_best_runs_of_a_study_put_under_another_name(study: ComparableStudy) -> None:
    """Declared as a study of three seeds before any score, then filled with three of the six that were run."""
    study.run()
    other = study.folder / "config" / "other.yaml"
    other.write_text(yaml.safe_dump({**study.tree, "name": "other", "seeds": [0, 1, 2]}))
    done = CliRunner().invoke(build("register"), ["register", "other", "--results", str(study.results)])
    assert done.exit_code == 0
    for folder in study.results.glob("study/*/seed-[012]"):
        shutil.copytree(folder, study.results / "other" / folder.relative_to(study.results / "study"))
    shutil.copytree(study.plan.folder / "arbitrated", study.results / "other" / "arbitrated")
    shutil.copy(study.plan.benchmark, study.results / "other")
    said, reason = verdicts(study, "other")["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert reason.startswith("runs of full were made for another study (study) and put here")


def test_the_first_three_of_six_seeds(study: ComparableStudy) -> None:
    study.run()
    said, reason = verdicts(study, "study@3")["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert "3 of 6 planned seeds" in reason


def test_three_seeds_after_the_sequential_plan_said_undecided(study: ComparableStudy) -> None:
    study.run()
    question = {"question": "full: mAP of claim r50-3frames", "settled": False, "seeds": 6, "verdict": "INCONCLUSIVE"}
    study.plan.looks.write_text(json.dumps({"looks": [{"questions": [question]}]}))
    for name in ("study", "study@3"):
        said, reason = verdicts(study, name)["full"]
        assert said == "INCONCLUSIVE/INCONCLUSIVE"
        assert "says undecided" in reason
    settled = {**question, "settled": True, "verdict": "REPRODUCED"}
    answers = [settled, {**settled, "question": "full: NDS of claim r50-3frames"}]
    study.plan.looks.write_text(json.dumps({"looks": [{"questions": answers}]}))
    assert verdicts(study)["full"][0] == "REPRODUCED/REPRODUCED"
    assert "says undecided" in verdicts(study, "study@5")["full"][1]  # it was settled with six
    answers = [{**answer, "seeds": 5} for answer in answers]
    study.plan.looks.write_text(json.dumps({"looks": [{"questions": answers}]}))
    assert verdicts(study, "study@5")["full"][0] == "INCONCLUSIVE/INCONCLUSIVE"  # the sixth is scored and left out


@pytest.mark.parametrize(
    "change",
    [
        _set("verdict", {"margins": {"mAP": 2.0, "NDS": 2.0}}),
        _set("verdict", {"confidence": 0.9}),
        _set("verdict", {"published_sd": {"mAP": 0.01}}),
        _set("variants.other", {"terms": BASELINE}),
    ],
)
def test_rules_that_changed_after_scores_exist(study: ComparableStudy, change: Change) -> None:
    study.run()
    change(study)
    plan = study.plan
    for run in plan.students:  # scored anew under the new rules
        if not plan.metrics(run).is_dir():
            old = next(study.results.glob(f"study/full/seed-{run.seed}/*/predictions-*/metrics-*"))
            plan.metrics(run).mkdir(parents=True)
            scores = json.loads((old / "metrics.json").read_text()) | {"run_key": run.key}
            (plan.metrics(run) / "metrics.json").write_text(json.dumps(scores))
            record = json.loads(next(study.results.glob(f"study/full/seed-{run.seed}/*/record.json")).read_text())
            run.record.write_text(json.dumps({**record, "run_key": run.key, "variant": run.unit}))
    for run in plan.runs:
        if not plan.metrics(run).is_dir():
            plan.metrics(run).mkdir(parents=True)
            (plan.metrics(run) / "metrics.json").write_text(
                next(study.results.glob(f"study/{run.unit}/seed-*/*/predictions-*/metrics-*/metrics.json")).read_text()
            )
    if not plan.benchmark.is_file():
        plan.benchmark.write_text(json.dumps({"units": {}}))
    confirm_all(plan)
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert reason.startswith("CHANGED SINCE IT WAS REGISTERED")


def test_nothing_declared_before_the_scores(study: ComparableStudy) -> None:
    study.run()
    study.plan.registered.unlink()
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert reason.startswith("NOT REGISTERED")
    done = CliRunner().invoke(build("register"), ["register", "study", "--results", str(study.results)])
    assert done.exit_code == 0
    assert verdicts(study)["full"][1].startswith("REGISTERED LATE")


def test_one_of_three_seeds_diverged(study: ComparableStudy) -> None:
    _set("seeds", [0, 1, 2, 3])(study)
    study.run(failed=(("full", 1),))
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert "1 of 4 runs have no score: 25 % [" in reason


def test_two_seeds_give_no_verdict(study: ComparableStudy) -> None:
    _set("seeds", [0, 1])(study)
    study.run(lambda unit, metric, seed: 0.2 + seed / 1e5)
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert "2 runs" in reason


def test_two_variants_of_equal_terms_are_an_a_a_control(study: ComparableStudy) -> None:
    _set("variants.again", study.tree["variants"]["full"])(study)
    study.run()
    assert {(run.unit, run.seed) for run in study.plan.runs} >= {("again", 5), ("full", 5)}
    assert verdicts(study)["full"][0] == "REPRODUCED/REPRODUCED"
    arguments = ["table", "pairs", "--study", "study", "--results", str(study.results), "--format", "csv"]
    lines = CliRunner().invoke(build("table"), arguments).stdout.splitlines()
    assert all(",6,0," in line for line in lines if line.startswith("again"))


@pytest.mark.parametrize(("units", "verdict"), [(("full",), "REPRODUCED"), (("full", "again"), "INCONCLUSIVE")])
def test_a_claim_beside_two_units_is_asked_twice(study: ComparableStudy, units: tuple[str, ...], verdict: str) -> None:
    """The better one of two equal variants would be REPRODUCED twice as often."""
    _set("variants.again", study.tree["variants"]["full"])(study)
    _set("claims", dict.fromkeys(units, "r50-3frames"))(study)
    study.noise(0.235)
    study.run()
    for said, reason in verdicts(study).values():
        assert said == f"{verdict}/{verdict}"
        assert (f"one of {len(units)} units beside this claim" in reason) == (len(units) > 1)


@pytest.mark.parametrize("change", ["claims.full", "baseline"])
def test_another_question_after_the_scores(study: ComparableStudy, change: str) -> None:
    _copy_claim(study, "r50-3frames", ["lower"])
    study.run()
    _set(change, {"claims.full": "lower", "baseline": "full"}[change])(study)
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert f"{change} was" in reason


def test_a_variant_renamed_with_its_folder(study: ComparableStudy) -> None:
    study.run()
    study.tree["variants"]["mine"] = study.tree["variants"].pop("full")
    _set("claims", {"mine": "r50-3frames"})(study)
    (study.results / "study" / "full").rename(study.results / "study" / "mine")
    said, reason = verdicts(study)["mine"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert reason.startswith("CHANGED SINCE IT WAS REGISTERED")


def test_a_claim_without_a_configuration(study: ComparableStudy) -> None:
    _edit_claim(study, "r50-3frames", reference=None)
    study.run()
    said, reason = verdicts(study)["full"]
    assert said == "NOT COMPARABLE/NOT COMPARABLE"
    assert "configuration is not known" in reason


@pytest.mark.parametrize("confidence", ["inferred", "secondary", None])
def test_an_inferred_configuration_settles_nothing(study: ComparableStudy, confidence: str | None) -> None:
    _edit_claim(study, "r50-3frames", configuration_confidence=confidence)
    study.run()
    said, reason = verdicts(study)["full"]
    assert said == "INCONCLUSIVE/INCONCLUSIVE"
    assert "the claim's configuration is" in reason


def _edit_claim(study: ComparableStudy, name: str, **changes: Any) -> None:
    file = study.folder / "claims" / "labeldistill.yaml"
    tree = yaml.safe_load(file.read_text())
    next(claim for claim in tree["claims"] if claim["id"] == name).update(changes)
    file.write_text(yaml.safe_dump(tree))


def _copy_claim(study: ComparableStudy, name: str, copies: Iterable[str]) -> None:
    file = study.folder / "claims" / "labeldistill.yaml"
    tree = yaml.safe_load(file.read_text())
    claim = next(claim for claim in tree["claims"] if claim["id"] == name)
    tree["claims"] += [{**claim, "id": copy} for copy in copies]
    file.write_text(yaml.safe_dump(tree))


BAD: dict[str, tuple[Change, str]] = {
    "claims changed": (lambda s: _edit_claim(s, "r50-3frames", mAP=39.5), "claims.r50-3frames.mAP"),
    "claims made surer": (lambda s: s.noise(0.01), "claims.r50-3frames.noise"),
    "reference missing": (
        lambda s: _edit_claim(s, "r50-3frames", reference={"study": "nowhere", "unit": "full"}),
        "no reference study",
    ),
    "negative spread": (_set("verdict", {"published_sd": {"mAP": -1.0}}), "published_sd.mAP"),
    "spread without end": (_set("verdict", {"published_sd": {"mAP": float("inf")}}), "published_sd.mAP"),
    "margin without end": (_set("verdict", {"margins": {"mAP": float("inf")}}), "margins.mAP"),
    "low confidence": (_set("verdict", {"confidence": 0.8}), "confidence"),
    "a margin beyond every gain": (_set("verdict", {"margins": {"mAP": 5.2}}), "verdict.margins.mAP"),
}


@pytest.mark.parametrize("way", BAD)
def test_bad_input_is_one_message(study: ComparableStudy, way: str) -> None:
    study.run()
    change, words = BAD[way]
    change(study)
    done = table(study)
    assert done.exit_code == 2, done.output
    assert len(done.stderr.strip().splitlines()) == 1
    assert words in done.stderr


def test_a_reference_that_changed_after_the_scores(study: ComparableStudy) -> None:
    _set("student_training.batch", 64)(study)
    study.run()
    assert verdicts(study)["full"][0] == "NOT COMPARABLE/NOT COMPARABLE"
    file = study.folder / "claims" / "references" / "r50-3frames.yaml"
    tree = yaml.safe_load(file.read_text())
    tree["student_training"]["batch"] = 64
    file.write_text(yaml.safe_dump(tree))
    done = table(study)
    assert done.exit_code == 2
    assert "claims.r50-3frames.reference_settings" in done.stderr


def test_official_splits_that_changed_after_the_scores(study: ComparableStudy) -> None:
    study.run()
    study.index({"val": SPLITS["val"][:3]})
    file = study.folder / "claims" / "nuscenes_splits.yaml"
    tree = yaml.safe_load(file.read_text())
    tree["splits"]["val"]["samples"] = 15
    file.write_text(yaml.safe_dump(tree))
    assert "REPRODUCED" not in verdicts(study)["full"][0]


def test_a_second_declaration_is_refused_once_scores_exist(study: ComparableStudy) -> None:
    command = ["register", "study", "--results", str(study.results)]
    assert CliRunner().invoke(build("register"), command).exit_code == 0
    _set("verdict", {"margins": {"mAP": 0.4, "NDS": 0.4}})(study)
    assert CliRunner().invoke(build("register"), command).exit_code == 0  # nothing is scored: think again
    study.run()
    assert verdicts(study)["full"][0] == "REPRODUCED/REPRODUCED"
    _set("verdict", {"margins": {"mAP": 0.5, "NDS": 0.5}})(study)
    done = CliRunner().invoke(build("register"), command)
    assert done.exit_code == 2
    assert "verdict.margins.mAP was 0.4, is 0.5" in done.output


def test_every_metric_is_planted_as_published() -> None:
    assert abs(sum(as_published("full", "mAP", seed) for seed in range(6)) / 6 - 0.3929) < 1e-4


@pytest.mark.slow
def test_the_table_says_what_the_simulated_rates_are_of(study: ComparableStudy) -> None:
    """Forty published methods run again: the verb's verdicts are those of the function that is simulated."""
    experiments, generator = 40, np.random.default_rng(3)
    study.noise(0.3)
    names = [f"v{number}" for number in range(experiments)]
    asked = {name: SameMethod(6, 0.3).asked(generator) for name in names}
    full = study.tree["variants"]["full"]
    study.tree["variants"] |= dict.fromkeys(names, full)
    _copy_claim(study, "r50-3frames", names)
    study.tree["claims"] = {name: name for name in names}
    study.write()

    def score(unit: str, metric: str, seed: int) -> float:
        if unit not in asked:
            return as_published(unit, metric, seed)
        question = asked[unit][0 if metric == "mAP" else 1]
        return CLAIM[metric] + (question.values[seed] - question.published) / 100

    study.run(score)
    found = verdicts(study)
    for name in names:
        assert found[name][0] == "/".join(str(judged.verdict) for judged in judge_family(asked[name])), name
    assert 0 < sum("BETTER" in said or "WORSE" in said for said, _ in found.values()) < 6

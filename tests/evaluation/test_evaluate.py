"""The whole evaluation: real files, what is written, stamps, findings, refusals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generated_split import Size, generate
from small_nuscenes import SAMPLES, SCENES, Track, box, write_folder, write_results
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.errors import GateError, InputError
from labeldistill.evaluation.arbiter import agreement
from labeldistill.evaluation.evaluate import evaluate
from labeldistill.evaluation.ingest import Origin, ingest
from labeldistill.evaluation.metrics import Metrics
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import PROTOCOL, TP_METRICS
from labeldistill.evaluation.result import Score
from labeldistill.evaluation.results_json import read_results
from labeldistill.evaluation.sanity import findings
from labeldistill.evaluation.score_run import score_run
from labeldistill.evaluation.scoring import scored
from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask

TRACKS = [
    Track("vehicle.car", 0, ((5.0, 0.0, 0.0), (6.0, 0.0, 0.0)), attribute="vehicle.moving"),
    Track("vehicle.car", 4, ((5.0, 8.0, 0.0),), attribute="vehicle.parked"),
]
BOXES = [box(0, (5.0, 0.1, 0.0), "car", 0.9), box(1, (6.9, 0.0, 0.0), "car", 0.8), box(4, (5.0, 8.0, 0.0), "car", 0.7)]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "world", TRACKS)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results_nusc.json", BOXES)


def leaves(value: Any, path: str = "") -> dict[str, float]:
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in leaves(inner, f"{path}/{key}").items()}
    if isinstance(value, list):
        return {k: v for n, inner in enumerate(value) for k, v in leaves(inner, f"{path}/{n}").items()}
    return {path: value}


@pytest.mark.parametrize(("name", "mean_ap", "nds"), [("perfect", 0.6297, 0.6715), ("jitter", 0.3753, 0.4259)])
def test_real_results_agree_with_the_devkits_files(
    real_nuscenes: Path, tmp_path: Path, name: str, mean_ap: float, nds: float
) -> None:
    recorded = real_nuscenes / "results" / f"{name}_mini_val"
    root = real_nuscenes / "nuscenes"
    got = evaluate(
        recorded / "results_nusc.json",
        ScoringTask(root, "v1.0-mini", "mini_val"),
        tmp_path,
        ScoringOptions(arbiter=True),
    )
    assert got.metrics.mean_ap == pytest.approx(mean_ap, abs=5e-5)
    assert got.metrics.nd_score == pytest.approx(nds, abs=5e-5)
    for file in ("metrics_summary.json", "metrics_details.json"):
        ours, theirs = (leaves(json.loads((folder / file).read_text())) for folder in (tmp_path, recorded))
        assert list(ours) == list(theirs)
        texts = {key for key, value in theirs.items() if isinstance(value, str)} | {"/eval_time"}
        assert all(ours[key] == theirs[key] for key in texts - {"/eval_time"})
        numbers = [[found[key] for key in theirs if key not in texts] for found in (ours, theirs)]
        np.testing.assert_allclose(*numbers, rtol=0, atol=1e-9)


def mini_val(world: Path, **part: Any) -> ScoringTask:
    return ScoringTask(world, "v1.0-mini", "mini_val", **part)


def test_parquet_scores_like_the_json_it_came_from(world: Path, results: Path, tmp_path: Path) -> None:
    read_results(results).write(tmp_path / "p.parquet")
    scores = [
        evaluate(file, mini_val(world), None, ScoringOptions(arbiter=True)).metrics
        for file in (results, tmp_path / "p.parquet")
    ]
    assert scores[0].nd_score == scores[1].nd_score


def test_a_partial_evaluation_is_stamped(world: Path, results: Path, tmp_path: Path) -> None:
    evaluate(results, mini_val(world), tmp_path / "whole")
    evaluate(results, mini_val(world, scenes=(SCENES[0],)), tmp_path / "part")
    metas = [json.loads((tmp_path / f / "metrics_summary.json").read_text())["meta"] for f in ("whole", "part")]
    assert "partial" not in metas[0]
    assert metas[1]["partial"] == {"scenes": [SCENES[0]]}
    assert json.loads((tmp_path / "part" / "evaluation.json").read_text())["partial"] == {"scenes": [SCENES[0]]}


def test_a_part_may_be_scored_from_predictions_of_that_part_alone(world: Path, tmp_path: Path) -> None:
    part = write_results(tmp_path / "part.json", BOXES[2:], (3, 4, 5))
    assert evaluate(part, mini_val(world, scenes=(SCENES[1],)), None, ScoringOptions(arbiter=True)).partial
    with pytest.raises(InputError, match=f"{SAMPLES[0]}: sample has no entry"):
        evaluate(part, mini_val(world), None)


def test_bad_input_writes_nothing(world: Path, tmp_path: Path) -> None:
    bad = write_results(tmp_path / "bad.json", [*BOXES[:2], {**BOXES[2], "size": [0.0, 1.0, 1.0]}])
    with pytest.raises(InputError, match=f"bad.json: {SAMPLES[4]}"):
        evaluate(bad, mini_val(world), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_parquet_of_other_samples_is_refused(world: Path, tmp_path: Path) -> None:
    generate(Size(samples=4, scenes=1, boxes_per_sample=3))[0].write(tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"other\.parquet: 0+: unknown sample token"):
        evaluate(tmp_path / "other.parquet", mini_val(world), None)


def test_a_difference_from_the_arbiter_is_a_failed_gate() -> None:
    ours = Score({"mean_ap": 0.5, "eval_time": 1.0}, {"car:0.5": {"recall": [0.0, 1.0]}})
    near = Score({"mean_ap": 0.5 + 1e-10, "eval_time": 9.0}, {"car:0.5": {"recall": [0.0, 1.0]}})
    assert agreement(ours, near).where == "metrics_summary: mean_ap"
    for other in (
        Score({"mean_ap": 0.5 + 2e-9}, ours.details),
        Score({"mean_ap": float("nan")}, ours.details),
        Score({"mean_ap": 0.5, "more": 1.0}, ours.details),
        Score({"mean_ap": 0.5}, {"car:0.5": {"recall": [0.0, 0.9]}}),
        Score({"mean_ap": 0.5}, {"car:0.5": {"recall": [0.0]}}),
    ):
        with pytest.raises(GateError):
            agreement(Score(dict(ours.summary), ours.details), other)


def with_errors(**errors: float) -> Metrics:
    values = {**dict.fromkeys(TP_METRICS, 0.4), **errors}
    names = PROTOCOL.class_names
    return Metrics(PROTOCOL, {name: {0.5: 0.3} for name in names}, {name: dict(values) for name in names})


@pytest.mark.parametrize(
    ("errors", "found"),
    [
        ({"trans_err": 0.7, "scale_err": 0.51}, "centres are found, sizes are not"),
        ({"trans_err": 0.7, "orient_err": 1.01}, "headings are hardly better than chance: not learnt yet"),
        ({"trans_err": 0.7, "scale_err": 0.49, "orient_err": 0.99}, ""),
        ({"trans_err": 0.81, "scale_err": 0.9, "orient_err": 1.5}, ""),
    ],
)
def test_the_signature_of_a_box_convention_error(errors: dict[str, float], found: str) -> None:
    texts = findings(with_errors(**errors))
    assert len(texts) == bool(found)
    assert all(found in text and "box-convention error" in text for text in texts)


def test_width_and_length_swapped_is_called_by_its_name() -> None:
    _, truth = generate(Size(samples=40, scenes=4, truths_per_sample=60))
    boxes = truth.translation + np.random.default_rng(0).normal(0, 0.2, truth.translation.shape)
    good = Predictions(
        truth.tokens, truth.sample, boxes, truth.size, truth.rotation, np.nan_to_num(truth.velocity), truth.label,
        np.linspace(1, 0.1, len(truth)), truth.attribute,
    )  # fmt: skip
    assert scored(good, truth).findings == []
    swapped = scored(replace(good, size=good.size[:, [1, 0, 2]]), truth)
    assert [text.split(":")[0] for text in swapped.findings] == ["box-convention error"]


def test_classes_never_found_are_not_taken_for_a_convention_error() -> None:
    metrics = with_errors(trans_err=0.5, scale_err=0.2, orient_err=0.3)
    for name in PROTOCOL.class_names[:5]:
        metrics.label_tp_errors[name].update(dict.fromkeys(TP_METRICS, 1.0))
    assert len(findings(metrics)) == 1
    assert "never found" in findings(metrics)[0]


def test_a_run_is_scored_for_raw_and_ema_in_tidy_rows(world: Path, results: Path, tmp_path: Path) -> None:
    half = write_results(tmp_path / "half.json", BOXES[:1])
    got = score_run(
        {"raw": half, "ema": results}, mini_val(world), tmp_path / "m", ScoringOptions(arbiter=True), run_key="key"
    )
    written = json.loads((tmp_path / "m" / "metrics.json").read_text())
    assert written["run_key"] == "key"
    table = {(row["weights"], row["metric"], row["class"]): row["value"] for row in written["rows"]}
    assert len(table) == len(written["rows"])
    assert table["raw", "boxes", "all"] == 1
    assert table["ema", "boxes", "all"] == 3
    assert table["ema", "mAP", "all"] == got["ema"].metrics.mean_ap > table["raw", "mAP", "all"]
    assert table["raw", "AOE", "traffic_cone"] is None
    assert {row["split"] for row in written["rows"]} == {"mini_val"}
    assert (tmp_path / "m" / "raw" / "metrics_details.json").is_file()
    assert got["raw"].agreement is not None


def test_ingest_keeps_columns_scores_and_origin(world: Path, results: Path, tmp_path: Path) -> None:
    origin = Origin("study", "full", 3, "ema", "released code")
    folder, scores = ingest(results, origin, tmp_path / "run", mini_val(world), ScoringOptions(arbiter=True))
    kept = Predictions.read(folder / "detections" / "ema.parquet")
    assert len(kept) == 3
    assert kept.metadata["source"] == "released code"
    assert json.loads((folder / "ingested.json").read_text())["boxes"] == 3
    rows = json.loads((folder / "metrics" / "metrics.json").read_text())["rows"]
    assert {"weights": "ema", "split": "mini_val", "metric": "mAP", "class": "all"}.items() <= rows[0].items()
    assert rows[0]["value"] == scores["ema"].metrics.mean_ap
    with pytest.raises(InputError, match="taken in before"):
        ingest(results, origin, tmp_path / "run", mini_val(world))


def test_a_bad_file_leaves_no_trace_of_an_ingest(world: Path, tmp_path: Path) -> None:
    bad = write_results(tmp_path / "bad.json", [{**BOXES[0], "detection_name": "tram"}])
    with pytest.raises(InputError, match="'tram'"):
        ingest(bad, Origin("s", "v", 0, "raw", ""), tmp_path / "run", mini_val(world))
    assert not (tmp_path / "run").exists()


def verb(*arguments: str | Path) -> Any:
    return CliRunner().invoke(build("evaluate"), ["evaluate", *map(str, arguments)])


def test_the_verb_prints_json_and_its_exit_codes(world: Path, results: Path, tmp_path: Path) -> None:
    where = ("--dataroot", world, "--version", "v1.0-mini", "--split", "mini_val", "--out", tmp_path / "out")
    cache = ("--cache", tmp_path / "cache")
    good = verb("-p", results, *where, *cache, "--slice", "distance", "--format", "json")
    assert good.exit_code == 0
    rows = json.loads(good.output)
    assert {"slice": "distance", "part": "0-20 m", "metric": "mAP", "class": "all"}.items() <= {
        key: value for row in rows if row["part"] == "0-20 m" and row["metric"] == "mAP" for key, value in row.items()
    }.items()
    assert verb("-p", results, *where, *cache, "--scenes", "scene-7").exit_code == 2
    assert verb("-p", tmp_path / "nothing.json", *where, *cache).exit_code == 2
    table = verb("-p", results, *where, *cache, "--samples", f"{SAMPLES[0]},{SAMPLES[1]}")
    assert table.exit_code == 0
    assert "PARTIAL" in table.output

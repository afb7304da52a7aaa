"""Speed of the evaluator on data of val's size, against the devkit in the same run.

    pytest tests/benchmarks -k evaluation --benchmark-only -s

Processor seconds, so that a busy machine does not blur the ratios. LABELDISTILL_BENCH_SAMPLES makes it smaller than val
(the devkit alone takes minutes there); absolute targets are only asserted at val's size.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generated_split import Size, generate

from labeldistill.evaluation.eligible import ego_distance, scored_predictions, scored_truth
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.ground_truth_cache import write_columns
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import Metrics, all_curves, metrics_of
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import ATTRIBUTES
from labeldistill.evaluation.replicates import metrics_from_matches
from labeldistill.evaluation.results_json import write_results
from labeldistill.evaluation.scoring import scored
from labeldistill.geometry.classes import CLASSES
from labeldistill.statistics.scene_bootstrap import SceneBootstrap

VAL = 6019
SAMPLES = int(os.environ.get("LABELDISTILL_BENCH_SAMPLES", str(VAL)))
WHOLE = SAMPLES >= VAL
pytestmark = pytest.mark.timeout(7200)
processor_time = pytest.mark.benchmark(timer=time.process_time, group="evaluation: in memory")
wall_time = pytest.mark.benchmark(timer=time.perf_counter, group="evaluation: a fresh process")


def world(boxes: int) -> tuple[Predictions, GroundTruth]:
    return generate(Size(samples=SAMPLES, scenes=max(1, SAMPLES // 40), boxes_per_sample=boxes))


def ours(predictions: Predictions, truth: GroundTruth) -> Metrics:
    matches = match(predictions, truth)
    return metrics_of(all_curves(matches), matches.protocol)


def devkit_boxes(columns: Any, sample: Any, rows: Any, tokens: tuple[str, ...], score: Any) -> Any:
    """The devkit's boxes of some rows; made without its constructor, whose checks take a minute at val's size."""
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.detection.data_classes import DetectionBox

    out = EvalBoxes()
    for token in tokens:
        out.add_boxes(token, [])
    fields = [getattr(columns, name)[rows].tolist() for name in ("translation", "size", "rotation", "velocity")]
    names = [[CLASSES[c] for c in columns.label[rows]], [ATTRIBUTES[a] for a in columns.attribute[rows]]]
    for row, t, s, r, v, name, attribute, one in zip(sample[rows], *fields, *names, score, strict=True):
        box = DetectionBox.__new__(DetectionBox)
        box.sample_token, box.translation, box.size, box.rotation = tokens[row], tuple(t), tuple(s), tuple(r)
        box.velocity, box.detection_name, box.attribute_name = tuple(v), name, attribute
        box.detection_score, box.num_pts, box.ego_translation = one, -1, (0.0, 0.0, 0.0)
        out.boxes[tokens[row]].append(box)
    return out


def devkit_seconds(predictions: Predictions, truth: GroundTruth) -> tuple[float, Any]:
    """Processor seconds of the devkit's matching and metrics alone, on boxes that are loaded and filtered already."""
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.detection.evaluate import DetectionEval

    evaluation = DetectionEval.__new__(DetectionEval)
    evaluation.verbose, evaluation.cfg = False, config_factory("detection_cvpr_2019")
    mine = np.flatnonzero(scored_predictions(predictions, predictions.sample, truth))
    theirs = np.flatnonzero(scored_truth(truth))
    score = predictions.score[mine].tolist()
    evaluation.pred_boxes = devkit_boxes(predictions, predictions.sample, mine, truth.tokens, score)
    evaluation.gt_boxes = devkit_boxes(truth, truth.sample, theirs, truth.tokens, [-1.0] * len(theirs))
    start = time.process_time()
    metrics, _ = evaluation.evaluate()
    return time.process_time() - start, metrics


@processor_time
@pytest.mark.parametrize("boxes", [130, 300])
def test_evaluation_matching_and_metrics(benchmark: Any, boxes: int, capsys: Any) -> None:
    predictions, truth = world(boxes)
    assert ego_distance(truth.translation, truth.ego[truth.sample]).max() > 50
    got = benchmark.pedantic(ours, (predictions, truth), rounds=3, warmup_rounds=1)
    theirs_s, theirs = devkit_seconds(predictions, truth)
    ratio = theirs_s / benchmark.stats.stats.min
    benchmark.extra_info |= {"devkit_s": theirs_s, "ratio": ratio, "boxes": len(predictions)}
    with capsys.disabled():
        print(f"\n{boxes} boxes a sample: {benchmark.stats.stats.min:.2f} s, devkit {theirs_s:.1f} s, {ratio:.0f} x")
    assert got.nd_score == pytest.approx(theirs.nd_score, abs=1e-9)
    assert ratio >= 60
    if WHOLE:
        assert benchmark.stats.stats.min <= 3


@processor_time
def test_evaluation_replicates(benchmark: Any, capsys: Any) -> None:
    matches = match(*world(300))
    scenes = len(matches.scene_names)
    weights = np.random.default_rng(0).multinomial(scenes, np.full(scenes, 1 / scenes), 1000)
    benchmark.pedantic(metrics_from_matches, (matches, weights), rounds=1)
    with capsys.disabled():
        print(f"\n1,000 scene-bootstrap replicates of mAP and NDS: {benchmark.stats.stats.min:.2f} s")
    assert benchmark.stats.stats.min <= 20


SLICES = ("class", "distance", "visibility", "lidar_points", "time", "weather")


@processor_time
def test_evaluation_with_slices(benchmark: Any, capsys: Any) -> None:
    """A whole score with every slice and its interval, against the replicates of the whole alone."""
    predictions, truth = world(300)
    asked = {"slices": SLICES, "intervals": SceneBootstrap(1000).bounds}
    found = benchmark.pedantic(scored, (predictions, truth), asked, rounds=1)
    begun = time.process_time()
    SceneBootstrap(1000).draws(found.matches)
    alone = time.process_time() - begun
    took, peak = benchmark.stats.stats.min, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    parts = len({(row["slice"], row["part"]) for row in found.slices})
    benchmark.extra_info |= {"whole_s": alone, "parts": parts, "peak_gb": peak}
    with capsys.disabled():
        print(f"\n{parts} slices with intervals: {took:.1f} s, {took / alone:.1f} x the whole alone, {peak:.2f} GB")
    assert took <= 12 * alone  # of 25 parts, ten are classes, which share the whole's draws


SCRIPT = """
import json, resource, sys, time
from labeldistill.evaluation.ground_truth_cache import read_columns
from labeldistill.evaluation.scoring import scored
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.results_json import write_results
from labeldistill.evaluation.results_json import read_results
from pathlib import Path
truth = read_columns(Path(sys.argv[2]))
path = sys.argv[1]
found = read_results(path) if path.endswith("json") else Predictions.read(path)
score = scored(found, truth).metrics.nd_score
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps({"seconds": time.process_time(), "peak_gb": peak, "nds": score}))
"""


@wall_time
@pytest.mark.parametrize(("form", "limit_s", "limit_gb"), [("parquet", 6, 1.5), ("json", 30, None)])
def test_evaluation_of_whole_files(
    benchmark: Any, tmp_path: Path, form: str, limit_s: float, limit_gb: float | None, capsys: Any
) -> None:
    """A fresh process from files to metrics, imports included."""
    predictions, truth = world(300)
    file = tmp_path / f"predictions.{form}"
    predictions.write(file) if form == "parquet" else write_results(predictions, file)
    write_columns(truth, tmp_path / "truth.npz")
    want = ours(predictions, truth).nd_score
    del predictions, truth

    def run() -> dict[str, float]:
        command = [sys.executable, "-c", SCRIPT, str(file), str(tmp_path / "truth.npz")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return dict(json.loads(out.stdout))

    got = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info |= {**got, "file_mb": file.stat().st_size / 1e6}
    with capsys.disabled():
        print(f"\n{form}, {file.stat().st_size / 1e6:.0f} MB: {got['seconds']:.1f} s, peak {got['peak_gb']:.2f} GB")
    assert got["nds"] == want
    assert got["seconds"] <= limit_s
    assert limit_gb is None or got["peak_gb"] <= limit_gb

"""Scores that lie in a run's folder, against the devkit: every planted difference is found, and named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_nuscenes import SAMPLES, Track, ego_position, write_folder

from labeldistill.errors import GateError, InputError
from labeldistill.evaluation import stored_scores
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.result import StoredScores
from labeldistill.evaluation.score_run import score_run
from labeldistill.evaluation.scoring_task import ScoringTask
from labeldistill.evaluation.stored_scores import Tables

TRACKS = [
    Track("vehicle.car", 0, ((10.0, 0.0, 0.0), (12.0, 0.0, 0.0)), attribute="vehicle.moving", visibility="4"),
    Track("human.pedestrian.adult", 3, ((5.0, 3.0, 0.0),), size=(0.6, 0.7, 1.7), visibility="4"),
]


def _predictions(file: Path, *, shift: float = 0.2, lost: bool = False) -> Path:
    """The car of two samples, a little beside where it is."""
    places = np.array([ego_position(0), ego_position(1)]) + np.array([[10.0, shift, 0.0], [12.0, shift, 0.0]])
    Predictions(
        tokens=SAMPLES,
        sample=np.array([0, 1], dtype=np.int32),
        translation=np.full_like(places, np.nan) if lost else places,
        size=np.array([[2.0, 4.0, 1.5]] * 2),
        rotation=np.array([[1.0, 0.0, 0.0, 0.0]] * 2),
        velocity=np.zeros((2, 2)),
        label=np.zeros(2, dtype=np.int8),
        attribute=np.full(2, 6, dtype=np.int8),
        score=np.array([0.9, 0.8]),
    ).write(file)
    return file


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    dataroot = write_folder(tmp_path_factory.mktemp("world") / "nuscenes", TRACKS)
    return Tables(ScoringTask(dataroot, "v1.0-mini", "mini_val"))


def _scored(tables: Tables, folder: Path, **ema: Any) -> StoredScores:
    files = {"raw": _predictions(folder / "raw.parquet"), "ema": _predictions(folder / "ema.parquet", **ema)}
    score_run(files, tables.task, folder / "metrics", run_key="k")
    return StoredScores("full seed 1", "k", files, folder / "metrics")


def _change(file: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_scores_as_they_were_written_are_confirmed(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that found something and of one whose boxes are no numbers, with the tables loaded once."""
    run, other = _scored(tables, tmp_path / "a", shift=0.4), _scored(tables, tmp_path / "b", lost=True)
    found = tables.compare(run)
    assert set(found) == {"raw", "ema"}
    assert max(each.difference for each in found.values()) <= 1e-9
    monkeypatch.setattr(stored_scores, "Arbiter", lambda *_: pytest.fail("loaded again"))
    assert set(tables.compare(other)) == {"raw", "ema"}


def _row(metric: str, class_: str, weights: str) -> Callable[[Any], None]:
    def change(scores: Any) -> None:
        place = {"metric": metric, "class": class_, "weights": weights}
        (row,) = (row for row in scores["rows"] if place.items() <= row.items())
        row["value"] = (row["value"] or 0.0) + 1e-6

    return change


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("metrics.json", _row("mAP", "all", "ema"), r"full seed 1, ema weights: .* disagree at mAP of all"),
        ("metrics.json", _row("NDS", "all", "raw"), r"full seed 1, raw weights: .* disagree at NDS of all"),
        ("metrics.json", _row("AP@0.5", "car", "ema"), r"disagree at AP@0\.5 of car"),
        ("metrics.json", _row("AVE", "traffic_cone", "ema"), r"disagree at AVE of traffic_cone: 1e-06 and nan"),
        ("metrics.json", lambda scores: scores["rows"].pop(0), r"disagree at mAP of all: 'missing'"),
        ("ema/metrics_summary.json", lambda s: s["tp_scores"].update(vel_err=0.5), "tp_scores: vel_err"),
        ("ema/metrics_details.json", lambda d: d["car:2.0"]["precision"].__setitem__(3, 0.1), "precision"),
        ("raw/metrics_details.json", lambda d: d.pop("bus:1.0"), "metrics_details"),
    ],
)
def test_a_number_that_is_not_the_devkits_is_named(
    tables: Tables, tmp_path: Path, file: str, change: Callable[[Any], None], words: str
) -> None:
    run = _scored(tables, tmp_path)
    _change(run.folder / file, change)
    with pytest.raises(GateError, match=words):
        tables.compare(run)


def test_predictions_that_changed_after_they_were_scored(tables: Tables, tmp_path: Path) -> None:
    run = _scored(tables, tmp_path)
    _predictions(tmp_path / "ema.parquet", shift=1.7)
    with pytest.raises(GateError, match="full seed 1, ema weights"):
        tables.compare(run)


@pytest.mark.parametrize("key", ["run_key", "tokens_sha256"])
def test_scores_of_another_run_or_of_other_samples(tables: Tables, tmp_path: Path, key: str) -> None:
    run = _scored(tables, tmp_path)
    _change(run.file, lambda scores: scores.update({key: "other"}))
    with pytest.raises(InputError, match=rf"metrics\.json: {key}: is other"):
        tables.compare(run)

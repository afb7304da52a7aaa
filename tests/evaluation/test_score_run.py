"""Scores of one run: slices and draws are kept, and predictions that are not numbers count as a run that diverged."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_nuscenes import SAMPLES, SCENES, Track, ego_position, write_folder

from labeldistill.errors import InputError
from labeldistill.evaluation.ingest import Origin, ingest
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.results_json import write_results
from labeldistill.evaluation.score_run import score_run
from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask

TRACKS = [
    Track("vehicle.car", 0, ((10.0, 0.0, 0.0), (12.0, 0.0, 0.0)), attribute="vehicle.moving", visibility="4"),
    Track("vehicle.car", 0, ((35.0, 5.0, 0.0),), attribute="vehicle.parked", visibility="1"),
    Track("human.pedestrian.adult", 3, ((5.0, 3.0, 0.0),), size=(0.6, 0.7, 1.7), visibility="4"),
]


@pytest.fixture
def dataroot(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "nuscenes", TRACKS)


def _predictions(file: Path, **changes: Any) -> Path:
    """The first car of each of its two samples, found with a high score."""
    places = np.array([ego_position(0), ego_position(1)]) + np.array([[10.0, 0.2, 0.0], [12.0, 0.2, 0.0]])
    columns = {
        "translation": places,
        "size": np.array([[2.0, 4.0, 1.5]] * 2),
        "rotation": np.array([[1.0, 0.0, 0.0, 0.0]] * 2),
        "velocity": np.zeros((2, 2)),
        "score": np.array([0.9, 0.8]),
    }
    label, attribute = np.zeros(2, dtype=np.int8), np.full(2, 6, dtype=np.int8)
    sample = np.array([0, 1], dtype=np.int32)
    Predictions(tokens=SAMPLES, sample=sample, label=label, attribute=attribute, **{**columns, **changes}).write(file)
    return file


def mini_val(dataroot: Path) -> ScoringTask:
    return ScoringTask(dataroot, "v1.0-mini", "mini_val")


def _score(dataroot: Path, out: Path, files: dict[str, Path], **more: Any) -> dict[str, Any]:
    more = {"arbiter": True, **more}
    score_run(files, mini_val(dataroot), out, ScoringOptions(split_name="val", **more), run_key="k")
    found: dict[str, Any] = json.loads(
        (out / "metrics.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )
    return found


def test_slices_stand_beside_the_whole_never_among_it(dataroot: Path, tmp_path: Path) -> None:
    file = _predictions(tmp_path / "p.parquet")
    plain = _score(dataroot, tmp_path / "plain", {"ema": file})
    sliced = _score(dataroot, tmp_path / "sliced", {"ema": file}, slices=("distance", "class"))
    assert sliced["rows"] == plain["rows"]
    assert plain["slices"] == []
    car = {row["part"]: row["value"] for row in sliced["slices"] if (row["metric"], row["class"]) == ("AP", "car")}
    assert car["0-20 m"] > 0.9
    assert car["30+ m"] == 0.0
    assert "20-30 m" not in car
    assert (sliced["scenes"], sliced["findings"], sliced["diverged"]) == (len(SCENES), {}, {})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"translation": np.full((2, 3), math.nan)}, "translation holds NaN or infinity (2 of 2 boxes)"),
        ({"size": np.array([[2.0, math.inf, 1.5], [2.0, 4.0, 1.5]])}, "size holds NaN or infinity (1 of 2 boxes)"),
        ({"size": np.array([[2.0, 4.0, 0.0], [2.0, 4.0, 1.5]])}, "size holds a number that is not positive"),
        ({"score": np.array([0.5, math.nan])}, "score is NaN or infinite"),
        ({"velocity": np.array([[math.inf, 0.0], [0.0, 0.0]])}, "velocity is infinite"),
    ],
)
def test_predictions_of_a_diverged_network_are_scored_as_nothing_found(
    dataroot: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    files = {"raw": _predictions(tmp_path / "raw.parquet"), "ema": _predictions(tmp_path / "ema.parquet", **changes)}
    found = _score(dataroot, tmp_path / "out", files, slices=("distance",))
    assert list(found["diverged"]) == ["ema"]
    assert words in found["diverged"]["ema"]
    values = {(row["weights"], row["metric"]): row["value"] for row in found["rows"] if row["class"] == "all"}
    assert values["ema", "mAP"] == values["ema", "boxes"] == 0
    assert values["raw", "mAP"] > 0


@pytest.mark.parametrize(("said", "wanted"), [({"run_key": "other"}, "k"), ({"weights": "raw"}, "ema")])
def test_predictions_of_another_run_or_other_weights_are_refused(
    dataroot: Path, tmp_path: Path, said: dict[str, str], wanted: str
) -> None:
    """One seed's file under the name of another, or raw weights under the name of EMA weights."""
    file = _predictions(tmp_path / "p.parquet")
    Predictions.read(file).write(file, said)
    with pytest.raises(InputError, match=f"scored here as {wanted}"):
        _score(dataroot, tmp_path / "out", {"ema": file})
    assert not (tmp_path / "out").exists()


def test_another_codes_file_of_nan_is_still_refused(dataroot: Path, tmp_path: Path) -> None:
    columns = Predictions.read(_predictions(tmp_path / "p.parquet"))
    official = tmp_path / "results_nusc.json"
    write_results(replace(columns, score=np.array([0.9, math.nan])), official)
    with pytest.raises(InputError, match="score"):
        ingest(
            official,
            Origin("s", "full", 7, "ema", ""),
            tmp_path / "run",
            mini_val(dataroot),
        )
    assert not list(tmp_path.glob("run/ingested-*"))


def test_an_ingested_file_scores_as_the_run_it_was_written_from(dataroot: Path, tmp_path: Path) -> None:
    file, official = _predictions(tmp_path / "p.parquet"), tmp_path / "results_nusc.json"
    own = _score(dataroot, tmp_path / "own", {"ema": file}, slices=("visibility",))
    write_results(Predictions.read(file), official)
    folder, _ = ingest(
        official,
        Origin("s", "full", 7, "ema", "ours"),
        tmp_path / "run",
        mini_val(dataroot),
        ScoringOptions(split_name="val", slices=("visibility",)),
        scores="metrics-x",
    )
    taken = json.loads((folder / "metrics-x" / "metrics.json").read_text())
    assert {**taken, "run_key": "k"} == own


def test_draws_are_kept_by_weights_and_metric(dataroot: Path, tmp_path: Path) -> None:
    files = {weights: _predictions(tmp_path / f"{weights}.parquet") for weights in ("raw", "ema")}
    _score(dataroot, tmp_path / "out", files, draws=lambda matches: {"mAP": np.array([0.1, 0.2, 0.3])})
    table = pd.read_parquet(tmp_path / "out" / "replicates.parquet")
    assert list(table.columns) == ["raw.mAP", "ema.mAP"]
    _score(dataroot, tmp_path / "none", files, draws=lambda matches: {})
    assert not (tmp_path / "none" / "replicates.parquet").exists()

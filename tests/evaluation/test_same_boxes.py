"""One result file is one run: ingesting it again, whole or nearly so, is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_nuscenes import SAMPLES, Track, write_folder

from labeldistill.config.run_files import INGESTED
from labeldistill.errors import InputError
from labeldistill.evaluation.ingest import Origin, ingest
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.results_json import write_results
from labeldistill.evaluation.same_boxes import shared_boxes
from labeldistill.evaluation.scoring_task import ScoringTask
from labeldistill.files import read_json

TRACKS = [Track("vehicle.car", 0, ((10.0, 0.0, 0.0), (12.0, 0.0, 0.0)))]
BOXES = 40


def _predictions(seed: int) -> Predictions:
    random = np.random.default_rng(seed)
    sample = np.sort(random.integers(0, len(SAMPLES), BOXES)).astype(np.int32)
    return Predictions(
        tokens=tuple(SAMPLES),
        sample=sample,
        translation=random.normal(500, 30, (BOXES, 3)),
        size=random.normal(2, 0.2, (BOXES, 3)),
        rotation=np.tile([1.0, 0.0, 0.0, 0.0], (BOXES, 1)),
        velocity=random.normal(0, 3, (BOXES, 2)),
        label=random.integers(0, 10, BOXES).astype(np.int8),
        score=random.uniform(0, 1, BOXES),
        attribute=np.zeros(BOXES, dtype=np.int8),
    )


def _without_one(found: Predictions) -> Predictions:
    return found.rows(np.arange(BOXES) != 7)


def _jittered(found: Predictions) -> Predictions:
    return replace(found, translation=found.translation + 2e-5, score=found.score * 0.99)


def _few(found: Predictions) -> Predictions:
    """Boxes that score little dropped, the others scaled."""
    return replace(found, score=found.score**2).rows(found.score > 0.4)


def _moved(found: Predictions) -> Predictions:
    """Each box by up to a metre, beyond what a score sees."""
    return replace(found, translation=found.translation + np.random.default_rng(9).uniform(-1, 1, (BOXES, 3)))


def _resized(found: Predictions) -> Predictions:
    return replace(_moved(found), size=found.size * 1.01)


def test_what_files_share_by_chance_is_taken_off() -> None:
    """Detectors that say a class's mean size and no velocity are not one for it."""
    one, other = (
        replace(_predictions(s), size=np.full((BOXES, 3), 2.0), velocity=np.zeros((BOXES, 2))) for s in (0, 1)
    )
    assert shared_boxes(one, other) < 0.1
    assert shared_boxes(one, _without_one(one)) == 1


def test_one_sample_is_enough() -> None:
    alone = replace(_predictions(0), tokens=("a",), sample=np.zeros(BOXES, dtype=np.int32))
    other = replace(_predictions(1), tokens=("a",), sample=np.zeros(BOXES, dtype=np.int32))
    assert shared_boxes(alone, _without_one(alone)) == 1
    assert shared_boxes(alone, other) == 0


def test_two_trainings_share_no_boxes() -> None:
    one, other = _predictions(0), _predictions(1)
    assert shared_boxes(one, other) == 0
    assert shared_boxes(one, one) == 1
    assert shared_boxes(one, _without_one(one)) == 1
    assert shared_boxes(one, _jittered(one)) > 0.8
    assert shared_boxes(one, one.rows(np.zeros(BOXES, dtype=bool))) == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda found: found, "one file is one run"),
        *((change, "in common") for change in (_without_one, _jittered, _few, _moved, _resized)),
    ],
)
def test_one_file_is_not_taken_in_as_another_seed(
    tmp_path: Path, changed: Callable[[Predictions], Predictions], words: str
) -> None:
    task = ScoringTask(write_folder(tmp_path / "world", TRACKS), "v1.0-mini", "mini_val")
    others: dict[str, Path] = {}
    for seed, found in enumerate((_predictions(0), _predictions(1))):
        file = tmp_path / f"{seed}.json"
        write_results(found, file)
        folder, _ = ingest(file, Origin("s", "full", seed, "ema", ""), tmp_path / f"{seed}", task, others=others)
        about = read_json(folder / INGESTED)
        assert about["meta"]["use_lidar"] is False
        others[about["sha256"][:12]] = folder / "detections" / "ema.parquet"
    file = tmp_path / "again.json"
    write_results(changed(_predictions(0)), file)
    with pytest.raises(InputError, match=words):
        ingest(file, Origin("s", "full", 2, "ema", ""), tmp_path / "2", task, others=others)
    assert not list((tmp_path / "2").glob("*"))

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from generated_split import Size, generate

from labeldistill.errors import InputError
from labeldistill.evaluation.prediction_checks import check_columns
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import ATTRIBUTES
from labeldistill.evaluation.results_json import read_results, write_results
from labeldistill.geometry.boxes import heading
from labeldistill.geometry.classes import CLASSES
from labeldistill.inference.format_boxes import predictions_from_detections
from labeldistill.models.centre_head.decode import Detections

COLUMNS = ("sample", "translation", "size", "rotation", "velocity", "label", "score", "attribute")


def detections(*rows: tuple[str, float, float]) -> Detections:
    """Boxes (class, vx, vy) at (10, 0, 1), length 4, width 2, height 1.5, heading 0.3."""
    boxes = [[10.0, 0.0, 1.0, 4.0, 2.0, 1.5, 0.3, vx, vy] for _, vx, vy in rows]
    return Detections(
        torch.tensor(boxes).reshape(-1, 9),
        torch.linspace(0.9, 0.1, len(rows)),
        torch.tensor([CLASSES.index(name) for name, _, _ in rows], dtype=torch.int64),
    )


def quarter_turn(x: float, y: float) -> torch.Tensor:
    """Ego to global: a quarter turn to the left and a shift."""
    return torch.tensor([[0, -1, 0, x], [1, 0, 0, y], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.float64)


def same(first: Predictions, second: Predictions) -> None:
    assert first.tokens == second.tokens
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
        assert getattr(first, name).dtype == getattr(second, name).dtype


def test_ego_boxes_become_global_boxes() -> None:
    got = predictions_from_detections([detections(("car", 1.0, 0.0))], ["a"], quarter_turn(100, 200)[None])
    np.testing.assert_allclose(got.translation, [[100, 210, 1]], atol=1e-6)
    np.testing.assert_allclose(got.size, [[2, 4, 1.5]])
    np.testing.assert_allclose(got.velocity, [[0, 1]], atol=1e-6)
    np.testing.assert_allclose(heading(got.rotation), [0.3 + math.pi / 2], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "still", "moving"),
    [
        ("car", "vehicle.parked", "vehicle.moving"),
        ("truck", "vehicle.parked", "vehicle.moving"),
        ("construction_vehicle", "vehicle.parked", "vehicle.moving"),
        ("trailer", "vehicle.parked", "vehicle.moving"),
        ("bus", "vehicle.stopped", "vehicle.moving"),
        ("bicycle", "cycle.without_rider", "cycle.with_rider"),
        ("motorcycle", "cycle.without_rider", "cycle.with_rider"),
        ("pedestrian", "pedestrian.standing", "pedestrian.moving"),
        ("barrier", "", ""),
        ("traffic_cone", "", ""),
    ],
)
def test_attribute_follows_the_speed(name: str, still: str, moving: str) -> None:
    found = detections((name, 0.14, 0.14), (name, 0.15, -0.15))  # 0.198 and 0.212 m/s
    got = predictions_from_detections([found], ["a"], torch.eye(4, dtype=torch.float64)[None])
    assert [ATTRIBUTES[code] for code in got.attribute] == [still, moving]


def test_samples_without_boxes_stay_and_repeated_tokens_add_up() -> None:
    car, bus = detections(("car", 0, 0)), detections(("bus", 0, 0))
    poses = torch.eye(4, dtype=torch.float64).repeat(4, 1, 1)
    got = predictions_from_detections([car, detections(), bus, bus], ["a", "b", "a", "c"], poses)
    assert got.tokens == ("a", "b", "c")
    assert got.sample.tolist() == [0, 0, 2]
    assert [CLASSES[code] for code in got.label] == ["car", "bus", "bus"]


def test_parquet_keeps_every_bit_and_the_metadata(tmp_path: Path) -> None:
    before, _ = generate(Size(samples=20, scenes=4, boxes_per_sample=30))
    before.velocity[3] = math.nan
    before.write(tmp_path / "p.parquet", {"run_key": "k", "weights": "ema"})
    after = Predictions.read(tmp_path / "p.parquet")
    same(before, after)
    assert after.metadata == {"run_key": "k", "weights": "ema"}
    assert after.meta == before.meta


def test_no_boxes_at_all_survive_both_formats(tmp_path: Path) -> None:
    poses = torch.eye(4, dtype=torch.float64)[None]
    before = predictions_from_detections([detections()], ["a"], poses)
    before.write(tmp_path / "p.parquet")
    write_results(before, tmp_path / "p.json")
    same(before, Predictions.read(tmp_path / "p.parquet"))
    same(before, read_results(tmp_path / "p.json"))


def test_concatenation_of_batches_and_of_padded_processes() -> None:
    one, _ = generate(Size(samples=6, scenes=2, boxes_per_sample=5))
    first, second = one.of_samples(one.tokens[:4]), one.of_samples(one.tokens[4:])
    same(one, Predictions.concatenate([first, second]))
    padded = one.of_samples([*one.tokens[4:], one.tokens[0]])
    with pytest.raises(InputError, match=one.tokens[0]):
        Predictions.concatenate([first, padded])
    same(one, Predictions.concatenate([first, padded], repeated="first"))
    extended = Predictions.concatenate([first, padded], repeated="extend")
    twice = np.array([2, 1, 1, 1, 1, 1])
    assert np.bincount(extended.sample).tolist() == (twice * np.bincount(one.sample)).tolist()


def test_samples_are_taken_in_the_order_asked_for() -> None:
    one, _ = generate(Size(samples=6, scenes=2, boxes_per_sample=5))
    got = one.of_samples([one.tokens[5], one.tokens[2]])
    last, third = one.score[one.sample == 5], one.score[one.sample == 2]
    np.testing.assert_array_equal(got.score, np.concatenate([last, third]))
    assert got.sample.tolist() == [0] * len(last) + [1] * len(third)
    with pytest.raises(InputError, match="nobody"):
        one.of_samples(["nobody"])


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing else", None])
def test_damaged_files_are_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "p.parquet"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"p\.parquet"):
        Predictions.read(file)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("translation", math.nan, "translation holds NaN"),
        ("size", math.inf, "size holds NaN or infinity"),
        ("size", 0.0, "not positive"),
        ("rotation", 0.0, "zero quaternion"),
        ("score", math.nan, "score is NaN"),
    ],
)
def test_columns_of_a_diverged_model_are_refused_by_token(name: str, value: float, words: str) -> None:
    one, _ = generate(Size(samples=6, scenes=2, boxes_per_sample=5))
    check_columns(one, "p.parquet")
    getattr(one, name)[one.starts[4]] = value
    with pytest.raises(InputError, match=rf"p\.parquet: {one.tokens[4]}: .*{words}"):
        check_columns(one, "p.parquet")


def test_too_many_boxes_and_ungrouped_rows_are_refused() -> None:
    one, _ = generate(Size(samples=2, scenes=1, boxes_per_sample=501))
    with pytest.raises(InputError, match="501 boxes"):
        check_columns(one, "p.parquet")
    with pytest.raises(InputError, match="not grouped"):
        check_columns(replace(one, sample=one.sample[::-1]), "p.parquet")

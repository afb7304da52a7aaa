"""Every stage once, on a small synthetic world: train, record, predict, measure; and what each refuses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from stage_runs import Runs

from labeldistill.checks.benchmark import benchmark
from labeldistill.config.study import BenchmarkSettings
from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Predictions
from labeldistill.inference.predict import predict
from labeldistill.records.run_record import read_record
from labeldistill.records.training_run import train_with_record
from labeldistill.training.job import Execution
from labeldistill.training.recipe import build_model
from labeldistill.training.state_hash import state_hash
from labeldistill.training.weights_file import WEIGHTS, read_weights, weights_path

CPU = Execution(device="cpu")


@pytest.mark.parametrize("unit", ["teacher", "label-encoder", "baseline", "full"])
def test_a_record_follows_its_schema_and_names_everything(runs: Runs, unit: str) -> None:
    record = read_record(runs.folder(unit) / "record.json")
    assert (record["run_key"], record["variant"], record["status"]) == (f"key-{unit}", unit, "finished")
    assert record["settings"] == runs.settings(unit).model_dump(mode="json")
    assert record["data"]["key_frame_offsets"] == ([0, -1] if unit in ("baseline", "full") else [0])
    assert record["data"]["training_samples"] == 4
    assert (
        record["parents"]
        == {
            "teacher": {},
            "baseline": {},
            "label-encoder": {"teacher": "key-teacher"},
            "full": {"teacher": "key-teacher", "label_encoder": "key-label-encoder"},
        }[unit]
    )
    assert set(record["frozen"]) == {
        "full": {"centerpoint", "label_encoder"},
        "label-encoder": {"centerpoint"},
    }.get(unit, set())
    assert record["optimisation"]["steps_done"] == 2
    assert record["usage"]["wall_s"] > 0
    assert str(runs.root) not in json.dumps({k: v for k, v in record.items() if k != "settings"})


def test_the_student_learns_from_the_weights_of_its_parents(runs: Runs) -> None:
    model = build_model(runs.settings("full"), runs.located("full").parents)
    teacher, _ = read_weights(weights_path(runs.folder("teacher"), "ema"))
    encoder, _ = read_weights(weights_path(runs.folder("label-encoder"), "ema"))
    assert state_hash(model.get_submodule("centerpoint").state_dict()) == state_hash(teacher)
    own = {k.removeprefix("label_encoder."): v for k, v in encoder.items() if k.startswith("label_encoder.")}
    assert state_hash(model.get_submodule("label_encoder").state_dict()) == state_hash(own)
    before = read_record(runs.folder("full") / "record.json")["frozen"]
    names = {name for name, _ in model.named_parameters()}
    weights = {k: v for k, v in model.state_dict().items() if k.startswith("centerpoint.") and k in names}
    assert before["centerpoint"]["before"]["weights"] == state_hash(weights)
    assert before["centerpoint"]["before"]["weights"] == before["centerpoint"]["after"]["weights"]


def test_every_variant_of_a_seed_starts_from_the_same_student(runs: Runs) -> None:
    def student(unit: str, seed: int) -> str:
        model = build_model(runs.settings(unit, seed), runs.located(unit).parents)
        return state_hash({k: v for k, v in model.state_dict().items() if k.startswith(("backbone.", "head."))})

    assert student("baseline", 0) == student("full", 0) != student("baseline", 1)


@pytest.mark.parametrize("unit", ["teacher", "label-encoder", "baseline", "full"])
def test_predictions_of_raw_and_ema_weights(runs: Runs, tmp_path: Path, unit: str) -> None:
    predict(runs.located(unit), "val", tmp_path, CPU)
    for weights in WEIGHTS:
        found = Predictions.read(tmp_path / f"predictions-{weights}.parquet")
        assert len(found.tokens) == 2
        assert found.metadata["run_key"] == f"key-{unit}"
        assert (found.metadata["weights"], found.metadata["split"]) == (weights, "val")
        assert found.meta["use_camera"] == (unit in ("baseline", "full"))


def test_weights_of_another_key_are_not_scored(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="belong to run key-baseline, not to asked"):
        predict(replace(runs.located("baseline"), key="asked"), "val", tmp_path, CPU)
    assert not list(tmp_path.iterdir())


def test_a_teacher_of_other_settings_is_refused(runs: Runs) -> None:
    run = runs.settings("full")
    wider = run.model_copy(update={"grid": run.grid.model_copy(update={"max_decoded_distance_m": 99.0})})
    with pytest.raises(InputError, match=r"grid: this teacher was trained with settings other"):
        build_model(wider, runs.located("full").parents)
    with pytest.raises(InputError, match="needs a trained teacher"):
        build_model(run)
    with pytest.raises(InputError, match="holds a student, not a teacher"):
        build_model(run, {"teacher": runs.folder("baseline")})


def test_a_finished_run_is_left_alone_and_another_key_refused(runs: Runs) -> None:
    folder = runs.folder("baseline")
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    runs.train("baseline")
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    with pytest.raises(InputError, match="holds run key-baseline, not key-new"):
        train_with_record(replace(runs.located("baseline"), key="key-new"), CPU, study="t", variant="baseline")


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["teacher", "full"])
def test_benchmark_measures_training_and_inference(runs: Runs, unit: str) -> None:
    settings = BenchmarkSettings(warmup=1, repeats=2)
    found = benchmark(runs.located(unit), settings=settings, device="cpu")
    metrics = found["metrics"]
    assert all(value >= 0 for value in metrics.values())
    assert metrics["latency_median_ms"] <= metrics["latency_p90_ms"]
    parts = [metrics[f"latency_{part}_ms"] for part in ("loader", "forward", "decode")]
    assert all(part > 0 for part in parts)
    assert max(parts) <= metrics["latency_p90_ms"]
    assert metrics["train_samples_per_s"] == pytest.approx(2e3 / metrics["train_step_median_ms"])
    assert metrics["peak_memory_mb"] > 100
    stages = {"backbone", "depth_net", "view_transform", "trunk", "head", "decode"}
    if unit == "teacher":
        stages = {"voxels", "sparse_encoder", "trunk", "head", "decode"}
    for prefix in ("latency", "batch"):
        assert all(metrics[f"{prefix}_{stage}_ms"] > 0 for stage in stages)
    for phase in ("forward", "backward", "optimizer"):
        assert metrics[f"train_{phase}_ms"] > 0
    assert metrics["loader_samples_per_s"] > 0
    assert all(low <= metrics[name] <= high for name, (low, high) in found["intervals"].items())
    assert found["coverage"] == 0.5  # the range of two repeats
    assert found["conditions"]["precision"] == "32-true"


def test_pretrained_backbone_is_loaded_and_must_fit(runs: Runs, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    fresh = build_model(runs.settings("baseline")).get_submodule("backbone.img_backbone").state_dict()
    file = tmp_path / "resnet.safetensors"
    save_file({k: torch.full_like(v, 7) for k, v in fresh.items()} | {"fc.weight": torch.ones(3, 3)}, file)
    run = runs.settings("baseline")
    student = run.student.model_copy(update={"pretrained_backbone": str(file)})  # type: ignore[union-attr]
    model = build_model(run.model_copy(update={"student": student}))
    assert all(bool((v == 7).all()) for v in model.get_submodule("backbone.img_backbone").state_dict().values())
    save_file({"conv1.weight": torch.ones(1)}, file)
    with pytest.raises(InputError, match=r"resnet\.safetensors: .*: lacks "):
        build_model(run.model_copy(update={"student": student}))

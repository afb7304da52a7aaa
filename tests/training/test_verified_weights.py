"""Weights that differ from their run's record are refused by every reader, and NaN is reported."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from labeldistill.errors import InputError
from labeldistill.inference.predict import load_run
from labeldistill.training.recipe import build_model
from labeldistill.training.weights_file import read_about, read_weights, weights_path, write_weights
from labeldistill.weights.export_weights import export_weights

if TYPE_CHECKING:
    from stage_runs import Runs


@pytest.fixture
def teacher(runs: "Runs", tmp_path: Path) -> Path:
    """A copy of a finished teacher's folder."""
    return Path(shutil.copytree(runs.folder("teacher"), tmp_path / "teacher"))


def flip_a_weight(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)


READERS: dict[str, Callable[["Runs", Path, Path], Any]] = {
    "read": lambda runs, folder, out: read_weights(weights_path(folder, "ema")),
    "predict": lambda runs, folder, out: load_run(runs.located("teacher", folder=folder), "ema"),
    "a child": lambda runs, folder, out: build_model(runs.settings("label-encoder"), {"teacher": folder}),
    "export": lambda runs, folder, out: export_weights(weights_path(folder, "ema"), out / "x.pth"),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
def test_a_damaged_or_replaced_file_is_refused(
    runs: "Runs", teacher: Path, tmp_path: Path, reader: Callable[["Runs", Path, Path], Any]
) -> None:
    reader(runs, teacher, tmp_path)
    file = weights_path(teacher, "ema")
    kept = file.read_bytes()
    flip_a_weight(file)
    with pytest.raises(InputError, match=r"weights-ema\.safetensors: sha256: is not the file that record\.json"):
        reader(runs, teacher, tmp_path)
    shutil.copy(weights_path(teacher, "raw"), file)
    with pytest.raises(InputError, match="another SHA-256"):
        reader(runs, teacher, tmp_path)
    file.write_bytes(kept)
    reader(runs, teacher, tmp_path)


def test_a_record_that_names_other_files_is_refused(teacher: Path) -> None:
    record = json.loads((teacher / "record.json").read_text())
    del record["weights"]["ema"]
    (teacher / "record.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"record\.json beside it names no such file"):
        read_weights(weights_path(teacher, "ema"))


def _with_nan(teacher: Path, **about: str) -> str:
    file = weights_path(teacher, "ema")
    told, state = read_about(file), load_file(file)
    name = sorted(state)[3]
    state[name] = torch.full_like(state[name], float("nan"))
    (teacher / "record.json").unlink()
    write_weights(file, state, {**told, **about})
    return name


def test_nan_weights_are_named(runs: "Runs", teacher: Path) -> None:
    name = _with_nan(teacher)
    with pytest.raises(InputError, match=rf"{name}: .* values are NaN or infinite"):
        build_model(runs.settings("label-encoder"), {"teacher": teacher})


def test_weights_of_a_run_that_diverged_are_read_as_such(teacher: Path) -> None:
    _with_nan(teacher, status="diverged")
    assert read_weights(weights_path(teacher, "ema"))[1]["status"] == "diverged"

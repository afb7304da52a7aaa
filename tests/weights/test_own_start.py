"""Weights of own finished runs as a start: shrunk beside their record, loaded strictly, verified when read."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from stage_runs import Runs

from labeldistill.config.load import load_study, start_file
from labeldistill.config.run_files import RECORD
from labeldistill.config.study import RunSettings
from labeldistill.errors import InputError
from labeldistill.records.run_record import read_record
from labeldistill.study.run_key import run_key
from labeldistill.study.start_weights import starts_of
from labeldistill.training.recipe import GEOMETRY, build_model
from labeldistill.training.verified_weights import refuse_other_file
from labeldistill.training.weights_file import read_weights, weights_path
from labeldistill.weights.shrink_weights import HALF, shrink_weights


def _starting(runs: Runs, unit: str, part: str, start: Path, **more: Any) -> RunSettings:
    run = runs.settings(unit, seed=7)
    settings = getattr(run, part).model_copy(update={"pretrained": str(start), **more})
    return run.model_copy(update={part: settings})


@pytest.mark.parametrize(
    ("source", "unit", "part"),
    [
        ("teacher", "teacher", "teacher"),
        ("label-encoder", "label-encoder", "label_encoder"),
        ("baseline", "baseline", "student"),
        ("baseline", "full", "student"),
    ],
)
def test_a_run_starts_from_the_shrunk_weights_of_another(
    runs: Runs, tmp_path: Path, source: str, unit: str, part: str
) -> None:
    done = shrink_weights(runs.folder(source), tmp_path / source)
    small = tmp_path / source / HALF
    assert small.stat().st_size < 0.6 * weights_path(runs.folder(source), "ema").stat().st_size
    trained, _ = read_weights(weights_path(runs.folder(source), "ema"))
    run = _starting(runs, unit, part, small)
    parents = runs.located(unit, run).parents
    loaded, fresh = (
        build_model(run, parents).state_dict(),
        build_model(runs.settings(unit, seed=7), parents).state_dict(),
    )
    small_names = [name for name in trained if name.rpartition(".")[2] not in GEOMETRY]
    assert len(small_names) == done["tensors"]
    kept = [name for name in small_names if part != "label_encoder" or name.startswith("label_encoder.")]
    for name in kept:
        wanted = trained[name].half().float() if trained[name].is_floating_point() else trained[name]
        assert torch.equal(loaded[name], wanted), name
    rest = set(loaded) - set(kept)
    assert all(torch.equal(loaded[name], fresh[name]) for name in rest), "only the start's own part may change"
    assert not all(torch.equal(loaded[name], fresh[name]) for name in kept)


def test_the_key_holds_what_a_run_starts_from_and_damage_is_refused(runs: Runs, tmp_path: Path) -> None:
    def key(run: RunSettings) -> str:
        return run_key(run, infos="i", code="c", parents={})

    shrink_weights(runs.folder("baseline"), tmp_path)
    run = _starting(runs, "baseline", "student", tmp_path / HALF)
    assert key(run) != key(runs.settings("baseline", seed=7))
    data = bytearray((tmp_path / HALF).read_bytes())
    data[-1] ^= 1
    (tmp_path / HALF).write_bytes(data)
    with pytest.raises(InputError, match="another SHA-256"):
        build_model(run)
    with pytest.raises(InputError, match="nobody"):
        key(_starting(runs, "baseline", "student", tmp_path / "nobody.safetensors"))


def test_a_start_of_other_networks_is_refused(runs: Runs, tmp_path: Path) -> None:
    shrink_weights(runs.folder("baseline"), tmp_path)
    with pytest.raises(InputError, match="another shape"):
        build_model(_starting(runs, "baseline", "student", tmp_path / HALF, trunk_base_channels=32))
    with pytest.raises(InputError, match="lacks"):
        build_model(_starting(runs, "teacher", "teacher", tmp_path / HALF))


def test_only_finished_runs_and_named_parts_are_shrunk(runs: Runs, tmp_path: Path) -> None:
    done = shrink_weights(runs.folder("baseline"), tmp_path, part="backbone.img_backbone")
    with_all = shrink_weights(runs.folder("baseline"), tmp_path / "all")
    assert 0 < done["values"] < with_all["values"]
    record = json.loads((tmp_path / RECORD).read_text())
    assert record["extra"]["shrunk"]["part"] == "backbone.img_backbone"
    with pytest.raises(InputError, match="no part of that name"):
        shrink_weights(runs.folder("baseline"), tmp_path / "none", part="nobody")
    with pytest.raises(InputError):
        shrink_weights(tmp_path / "nothing", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("study", ["quickstart", "effect", "poor-teacher"])
def test_what_is_shipped_is_whole_and_never_saw_the_world_of_a_study_that_starts_from_it(study: str) -> None:
    settings = load_study(study)
    starts = starts_of(settings)
    assert {start.setting for start in starts} == {
        f"{part}.pretrained" for part in ("student", "teacher", "label_encoder")
    }
    assert settings.data.synth is not None
    for start in starts:
        assert start.state == "there"
        file = start_file(str(start.value))
        refuse_other_file(file)
        record = read_record(file.with_name(RECORD))
        assert record["status"] == "finished"
        assert record["settings"]["data"]["synth"]["seed"] != settings.data.synth.seed
        assert file.stat().st_size < 3_000_000

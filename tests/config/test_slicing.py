"""Slices in a study: checked when it is read, and never part of training or prediction keys."""

from pathlib import Path

import pytest
import yaml

from labeldistill.config.load import load_study, studies_folder
from labeldistill.config.study import RunSettings, StudySettings
from labeldistill.errors import InputError
from labeldistill.study import code_hash as hashing


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in studies_folder().resolve().glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["distances"], "unknown slice"),
        (["distance=20-10"], "is not a range"),
        (["weather=0-1"], "does not take ranges"),
        (["distance=0-10,0-10"], "appears twice"),
        (["distance", "distance=0-5"], "appears twice"),
    ],
)
def test_a_wrong_slice_is_told_with_file_and_key(studies: Path, asked: list[str], words: str) -> None:
    (studies / "bad.yaml").write_text(yaml.safe_dump({"extends": "smoke", "evaluation_slices": asked}))
    with pytest.raises(InputError, match=rf"bad\.yaml: evaluation_slices: .*{words}"):
        load_study("bad")


def test_the_distance_ablations_ask_for_distance() -> None:
    for name in ("ablation-distance", "mini-ablation-distance"):
        study = load_study(name)
        assert any(criterion.startswith("distance") for criterion in study.evaluation_slices)
        assert list(study.variants) == ["baseline", "lidar-only", "label-only", "full"]


def test_no_run_knows_of_slices() -> None:
    assert not {"evaluation_slices", "evaluation_replicates"} & set(RunSettings.model_fields)
    assert {"evaluation_slices", "evaluation_replicates"} <= set(StudySettings.model_fields)


def _hash(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "study.py").write_text(source)
    monkeypatch.setattr(hashing, "_ROOT", tmp_path)
    hashing._module.cache_clear()
    hashing._memory.cache_clear()
    try:
        return hashing._module("labeldistill.config.study")[0]
    finally:
        hashing._module.cache_clear()


def test_what_only_scoring_reads_is_no_code_of_other_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = "class Study:\n    seeds: int = 3\n"
    scoring = (
        "from labeldistill.config.slicing import Slices\n"
        'class Study:\n    seeds: int = 3\n    evaluation_slices: Slices = ()\n    """Says this."""\n'
    )
    assert _hash(plain, tmp_path, monkeypatch) == _hash(scoring, tmp_path, monkeypatch)
    assert _hash(plain, tmp_path, monkeypatch) != _hash(plain.replace("3", "4"), tmp_path, monkeypatch)
    other = scoring.replace("Slices\n", "Slices, parse\n")
    assert _hash(plain, tmp_path, monkeypatch) != _hash(other, tmp_path, monkeypatch)


def test_scoring_alone_depends_on_slices_and_intervals() -> None:
    modules = {stage: set(hashing.modules_of(stage)) for stage in ("train", "predict", "benchmark", "evaluate")}
    mine = {"labeldistill.config.slicing", "labeldistill.statistics.scene_bootstrap"}
    assert mine <= modules["evaluate"]
    assert not any(mine & modules[stage] for stage in ("train", "predict", "benchmark"))

"""What a study starts from: files, public names, what is missing, and random weights only on request."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from planted_starts import fake_start
from random_checkpoints import random_state
from typer.testing import CliRunner

from labeldistill.claims.claims import load_claims
from labeldistill.claims.comparability import why_not_comparable
from labeldistill.cli.main import build
from labeldistill.config.load import load_study, studies_folder, study_names
from labeldistill.config.runs import run_settings
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError
from labeldistill.study.plan import StudyPlan
from labeldistill.study.start_weights import Start, check_starts, public_files, starts_of
from labeldistill.training.recipe import check_start
from labeldistill.weights.expected import expected
from labeldistill.weights.key_map import Kind

FULL_SIZE = [name for name in study_names() if name.startswith(("paper-", "ablation-", "bevdepth-"))]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start weights that somebody has in the working folder are not there."""
    studies = Path(__file__).resolve().parents[2] / "workflow" / "config"
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(studies))
    monkeypatch.chdir(tmp_path)


def _of(study: StudySettings) -> dict[str, Start]:
    return {start.setting: start for start in starts_of(study)}


def _type(*words: str | Path) -> Any:
    return CliRunner().invoke(build(str(words[0])), [str(word) for word in words])


@pytest.mark.parametrize("name", FULL_SIZE)
def test_full_size_studies_name_public_files(name: str) -> None:
    study = load_study(name)
    starts = _of(study)
    wanted = {"student.pretrained_backbone"} | ({"teacher.pretrained"} if study.method == "labeldistill" else set())
    assert set(starts) >= wanted
    depth = study.student.backbone_depth
    assert starts["student.pretrained_backbone"].public == public_files()[Path(_backbone(study)).stem]
    assert f"resnet{depth}-" in _backbone(study)
    assert {start.state for start in starts.values()} == {"missing"}
    assert all(start.public is not None and len(start.sha256) == 8 for start in starts.values())


def _backbone(study: StudySettings) -> str:
    return str(study.student.pretrained_backbone)


def test_public_names_and_claims_say_the_same_hashes() -> None:
    """Two hands wrote the digits: the references of the claims, and the list of public files."""
    listed = {Path(each.file).stem.rpartition("-")[2] for each in public_files().values()}
    assert listed == {"0676ba61", "63fe2227", "9061688e"}
    assert {Kind(each.kind) for each in public_files().values()} == {Kind.torchvision_resnet, Kind.mmdet3d_centerpoint}


def test_a_missing_file_stops_the_plan_with_the_whole_list(tmp_path: Path) -> None:
    plan = StudyPlan.load("paper-r50-3f", tmp_path / "results")
    plan.data_key = "0" * 12  # type: ignore[misc]
    with pytest.raises(InputError) as caught:
        _ = plan.runs
    for words in ("resnet50-0676ba61", "-9061688e", "weights list --study paper-r50-3f"):
        assert words in str(caught.value)
    for start in starts_of(plan.study):
        fake_start(Path(str(start.value)), start.sha256)
    assert len(plan.runs) == 14


def test_another_file_under_the_name_is_refused() -> None:
    study = load_study("bevdepth-r50-1f")
    fake_start(Path(_backbone(study)), "19c8e357")
    assert _of(study)["student.pretrained_backbone"].state == "another file"
    with pytest.raises(InputError, match=r"begins with 19c8e357"):
        check_starts(study)
    Path(_backbone(study)).write_bytes(b"no safetensors")
    with pytest.raises(InputError, match="nobody knows what"):
        check_starts(study)


def test_random_weights_are_asked_for_by_name_and_compare_with_nothing() -> None:
    study = load_study("paper-r50-3f")
    learns = study.student.model_copy(update={"pretrained_backbone": "random", "backbone_frozen_stages": -1})
    teacher = study.teacher.model_copy(update={"pretrained": "random"})
    free = study.model_copy(update={"student": learns, "teacher": teacher})
    check_starts(free)
    assert "random weights here" in why_not_comparable(free, "full", load_claims()["r50-3frames"])
    unsaid = study.model_copy(update={"student": learns.model_copy(update={"pretrained_backbone": None})})
    with pytest.raises(InputError, match="pretrained_backbone: not said; name a file, or `random`"):
        check_starts(unsaid)
    with pytest.raises(InputError, match="does not say what"):
        check_start(run_settings(unsaid, "student", "baseline", 0))


def test_a_frozen_stem_of_random_weights_is_an_error(tmp_path: Path) -> None:
    for parent in ("smoke", "_tiny", "_defaults"):
        (tmp_path / f"{parent}.yaml").write_text((studies_folder() / f"{parent}.yaml").read_text())
    file = tmp_path / "frozen.yaml"
    file.write_text("{extends: smoke, student: {backbone_frozen_stages: 0}}")
    with pytest.raises(InputError, match=r"frozen\.yaml: student\.backbone_frozen_stages: .*freezes random weights"):
        load_study(str(file))
    run = run_settings(load_study("smoke"), "student", "baseline", 0)
    assert run.student is not None
    frozen = run.model_copy(update={"student": run.student.model_copy(update={"backbone_frozen_stages": 0})})
    check_start(run)
    with pytest.raises(InputError, match="freezes random weights"):
        check_start(frozen)


def test_the_list_as_a_user_reads_it() -> None:
    done = _type("weights", "list", "--study", "paper-r101-3f")
    assert done.exit_code == 0
    for words in ("resnet101-63fe2227.pth", "about 179 MB", "63fe2227...", "from memory", "--out weights/", "missing"):
        assert words in done.output
    fake_start(Path("weights/resnet101-63fe2227.safetensors"), "63fe2227")
    tree = json.loads(_type("weights", "list", "--study", "paper-r101-3f", "--format", "json").output)
    states = {start["setting"]: start["state"] for start in tree["starts"]}
    assert states == {"student.pretrained_backbone": "there", "teacher.pretrained": "missing"}
    assert "random" in _type("weights", "list", "--study", "smoke").output


def test_a_plan_says_the_costs_and_then_stops() -> None:
    done = _type("plan", "bevdepth-r50-1f")
    assert "GPU-hours" in done.stdout
    assert done.exit_code == 2
    assert "resnet50-0676ba61.safetensors is missing" in done.stderr


def test_an_import_lands_where_the_study_looks() -> None:
    """A file as torchvision has it, of random values: under the true hash of its content, then under a false one."""
    shapes = expected(Kind.torchvision_resnet, "smoke")[0].shapes
    state = {name.removeprefix("unused."): value for name, value in random_state(shapes).items()}
    torch.save(state, "resnet18-00000000.pth")
    done = _type("weights", "import", "resnet18-00000000.pth", "--study", "smoke")
    assert done.exit_code == 2
    assert "its name says 00000000" in done.stderr
    Path("resnet18-00000000.pth").rename("resnet18.pth")
    done = _type("weights", "import", "resnet18.pth", "--study", "smoke")
    assert done.exit_code == 0, done.output
    study = load_study("smoke")
    student = study.student.model_copy(update={"pretrained_backbone": "weights/resnet18.safetensors"})
    assert _of(study.model_copy(update={"student": student}))["student.pretrained_backbone"].state == "there"

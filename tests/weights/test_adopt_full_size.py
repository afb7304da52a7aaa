"""The released architecture at full size with random values, from a checkpoint file to scores on made-up frames."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from workplace import Workplace

from labeldistill.config.load import load_study
from labeldistill.study.plan import StudyPlan
from labeldistill.training.recipe import untrained_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STUDY = {
    "extends": "paper-r50-3f",
    "description": "full-size networks on two made-up key frames",
    "data!": {
        "synth": {"scenes": {"train": 1, "val": 1}, "key_frames_per_scene": 2, "image_size_px": [900, 1600]},
        "splits": {"train": "synth_train", "val": "synth_val"},
    },
    "teacher": {"pretrained": "random"},
    "student": {"pretrained_backbone": "random", "backbone_frozen_stages": -1},  # nothing is trained here
    "device": "cpu",
    "comparable": False,
    "not_comparable_because": "made up",
}


def test_a_full_size_checkpoint_all_the_way_to_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Workplace(tmp_path)
    (place.studies / "big.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(place.studies))
    run = StudyPlan(load_study("big")).adoptable("full", 0)
    torch.manual_seed(1)
    state = {f"model.{name}": value for name, value in untrained_model(run).state_dict().items()}
    torch.save({"state_dict": state, "epoch": 23}, tmp_path / "23.pth")
    for command in ("synth --study big", "infos --study big", "adopt 23.pth --study big --variant full"):
        done = place.run("labeldistill", *command.split())
        assert done.returncode == 0, done.stderr
    (tmp_path / "23.pth").unlink()
    (folder,) = tmp_path.glob("results/big/full/seed-0/adopted-*")
    for verb in ("predict", "score"):
        done = place.run("labeldistill", verb, "full", "--study", "big", "--key", folder.name)
        assert done.returncode == 0, done.stderr
    done = place.run("labeldistill", "table", "main", "--study", "big")
    assert "full (adopted)" in done.stdout, done.stderr
    shutil.rmtree(tmp_path / "results")

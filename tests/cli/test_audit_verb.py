"""The verbs `audit gradients` and `audit determinism`: exit codes, JSON, and a planted fault that is named."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.config.load import studies_folder
from labeldistill.models.depth_net import DepthNet


def run(*arguments: str) -> Any:
    return CliRunner().invoke(build(arguments[0]), list(arguments))


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in studies_folder().resolve().glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path))
    return tmp_path


def test_gradients_of_a_sound_variant(tmp_path: Path) -> None:
    done = run("audit", "gradients", "--study", "smoke", "--variant", "label-only", "--results", str(tmp_path / "none"))
    assert done.exit_code == 0, done.output
    for words in ("label_feature @0", "scale", "frame", "PASS", "random weights: label encoder"):
        assert words in done.output
    assert not (tmp_path / "none").exists()


def test_gradients_fail_where_a_term_trains_nothing(studies: Path) -> None:
    terms = {"detection": 1.0, "depth": 0.0}
    study = {"extends": "smoke", "variants!": {"baseline": {"terms": terms}}, "claims!": {}}
    (studies / "mute.yaml").write_text(yaml.safe_dump(study))
    done = run("audit", "gradients", "--study", "mute", "--format", "json")
    assert done.exit_code == 1
    tree = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    (variant,) = tree["variants"]
    assert variant["failed"]
    assert {row["about"]: row["verdict"] for row in variant["findings"]}["depth"] == "FAIL"
    assert "gradient audit failed: baseline: depth" in done.stderr


def test_gradients_of_an_unknown_variant() -> None:
    done = run("audit", "gradients", "--study", "smoke", "--variant", "nobody")
    assert done.exit_code == 2
    assert "nobody" in done.output


def test_audit_of_a_sound_run(tmp_path: Path) -> None:
    done = run(
        "audit", "determinism", "--unit", "label-encoder", "--steps", "1", "--results", str(tmp_path), "-f", "json"
    )
    assert done.exit_code == 0, done.output
    tree = json.loads(done.output)
    assert tree["identical"]
    assert tree["calls"] > 300
    assert tree["losses"][0][0] == tree["losses"][0][1]
    assert "key frames: random numbers in the run's shapes" in tree["notes"]
    assert not any(row["forward_differ"] for row in tree["by_module"])
    assert not list(tmp_path.iterdir())


def test_audit_names_a_planted_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = DepthNet.forward

    def restless(self: DepthNet, features: Tensor, *rest: Any) -> Any:
        noise = torch.from_numpy(np.frombuffer(os.urandom(4), np.uint8).copy()).sum()
        return sound(self, features * (1 + 1e-6 * noise), *rest)

    monkeypatch.setattr(DepthNet, "forward", restless)
    done = run("audit", "determinism", "--unit", "baseline", "--steps", "1", "--batch", "1", "--results", str(tmp_path))
    assert done.exit_code == 1
    assert "first difference in step 1: operator aten." in done.output
    assert "module backbone.depth_net" in done.output.splitlines()[-1]


def test_audit_of_an_unknown_unit() -> None:
    done = run("audit", "determinism", "--unit", "nobody")
    assert done.exit_code == 2
    assert "nobody" in done.output

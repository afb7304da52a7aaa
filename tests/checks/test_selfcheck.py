"""The machine check: its oracles, that a broken operator fails it, and what it imports."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor
from workplace import Workplace

from labeldistill.checks import device_rows
from labeldistill.checks.op_oracles import FLOAT32, HALF, OpCase, op_cases, op_error
from labeldistill.checks.selfcheck import Sizes, selfcheck
from labeldistill.config.load import load_study
from labeldistill.ops.rulebook import Rulebook
from labeldistill.ops.sparse_backends import BACKENDS
from labeldistill.ops.sparse_conv import reference_convolve

CPU = torch.device("cpu")
WITHOUT = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("nuscenes", "snakemake", "dvc"):
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, Refused())
from labeldistill.cli.main import run
run()
"""


@pytest.mark.parametrize("case", op_cases(), ids=lambda case: case.name)
def test_operators_agree_with_their_definition(case: OpCase) -> None:
    assert op_error(case, CPU, None) <= FLOAT32
    assert op_error(case, CPU, torch.bfloat16) <= HALF


@pytest.mark.parametrize("wrong", [lambda out: out * 1.01, lambda out: out * torch.nan, lambda out: out[:-1]])
def test_a_broken_backend_fails(monkeypatch: pytest.MonkeyPatch, wrong: object) -> None:
    def broken(features: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
        return wrong(reference_convolve(features, weight, rulebook))  # type: ignore[operator,no-any-return]

    monkeypatch.setitem(BACKENDS, "broken", replace(BACKENDS["reference"], convolve=broken))
    first = {check.name: check for check in _ops_alone()}
    assert first["sparse convolution (broken), float32"].passed is False
    assert first["sparse convolution (reference), float32"].passed is True


def _ops_alone() -> list[object]:
    found = []
    for check in selfcheck(load_study("smoke"), "cpu", Sizes(batch=1, full_size=False)):
        if check.name.startswith("the same steps"):
            break
        found.append(check)
    return found


def test_what_no_time_is_left_for_is_not_run_and_not_passed() -> None:
    found = list(selfcheck(load_study("smoke"), "cpu", Sizes(batch=1, full_size=False, seconds=-1)))
    assert len(found) > 20
    assert {check.passed for check in found} == {None}


def test_inference_and_the_sparse_race_have_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = device_rows.inference(load_study("smoke"), "full", "cpu", repeats=1, batch=1)
    assert found.values["frames_per_s"] == pytest.approx(1e3 / found.values["latency_median_ms"])
    assert {"latency_backbone_ms", "latency_head_ms", "latency_decode_ms", "inference_samples_per_s"} <= {*found.values}
    monkeypatch.setattr(device_rows, "RACE", ((200, 4),))
    race = list(device_rows.sparse_race("cpu", repeats=1))
    assert [row.values["ms"] > 0 for row in race] == [True] * len(BACKENDS)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_verb_needs_no_devkit_snakemake_or_dvc(tmp_path: Path) -> None:
    terms = {"detection": 1.0, "depth": 3.0, "lidar_feature": 0.3, "label_feature": 0.3, "response": 1.0}
    study = {"extends": "smoke", "variants!": {"baseline": {"terms": {"detection": 1.0}}, "full": {"terms": terms}}}
    place = Workplace(tmp_path)
    (place.studies / "one.yaml").write_text(yaml.safe_dump(study))
    options = [
        "--study",
        str(place.studies / "one.yaml"),
        "--steps",
        "2",
        "--minutes",
        "20",
        "--device",
        "cpu",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "selfcheck", *options, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["device"]["type"] == "cpu"
    checks = {check["name"]: check for check in found["checks"]}
    assert {name for name, check in checks.items() if check["passed"] is None} == {
        "CPU against cpu, baseline",
        "CPU against cpu, full",
    }
    assert checks["the same steps twice, full"]["passed"] is True
    assert checks["2 steps stay finite, full"]["passed"] is True
    speed = checks["speed and memory, full"]["values"]
    assert {"samples_per_s", "peak_memory_mb", "forward_ms", "backward_ms", "optimizer_ms"} <= speed.keys()

"""The workflow as Snakemake sees it: plans every study, draws its graph, passes lint, shows what a change reruns."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from planted_starts import fake_start

from labeldistill.config.load import load_study, studies_folder
from labeldistill.study.start_weights import starts_of

ROOT = Path(__file__).resolve().parents[2]


def snakemake(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow/Snakefile"), *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=200, check=False)


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    folder = tmp_path / "studies"
    folder.mkdir()
    for file in studies_folder().resolve().glob("*.yaml"):
        (folder / file.name).write_text(file.read_text())
    return folder


def test_the_embedded_study_is_planned_whole(tmp_path: Path) -> None:
    plan = snakemake("-n", "--cores", "2", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr
    counts = dict(
        line.split()[:2]
        for line in plan.stdout.splitlines()
        if line.startswith(("train_", "score", "arbitrate", "synth"))
    )
    assert counts == {
        "train_student": "8",
        "train_teacher": "1",
        "train_label_encoder": "1",
        "score": "10",
        "arbitrate": "1",
        "synth": "1",
    }


def test_the_graph_is_drawn(tmp_path: Path) -> None:
    graph = snakemake("--dag", cwd=tmp_path)
    assert graph.returncode == 0, graph.stderr
    assert graph.stdout.startswith("digraph")


def test_lint_has_nothing_to_say_but_about_containers(tmp_path: Path) -> None:
    lint = snakemake("--lint", cwd=tmp_path)
    remarks = [line.strip() for line in (lint.stdout + lint.stderr).splitlines() if line.strip().startswith("*")]
    assert all("environment" in remark or "container" in remark for remark in remarks), remarks


def test_a_mistake_in_a_study_is_told_at_parse_time(tmp_path: Path, studies: Path) -> None:
    (studies / "bad.yaml").write_text(yaml.safe_dump({"extends": "smoke", "student_training": {"lr": -1}}))
    result = snakemake("-n", "--config", "study=bad", cwd=tmp_path, LABELDISTILL_STUDIES=str(studies))
    assert result.returncode != 0
    assert "bad.yaml: student_training.lr" in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_full_size_studies_are_planned_on_a_data_root(tmp_path: Path) -> None:
    """Planning reads table checksums and start weights only: a folder with the version's name is enough."""
    tables = tmp_path / "data/nuscenes/v1.0-trainval"
    tables.mkdir(parents=True)
    (tables / "sample.json").write_text("[]")
    refused = snakemake("-n", "--cores", "4", "--config", "study=paper-r50-3f", cwd=tmp_path)
    assert refused.returncode != 0
    assert "weights/resnet50-0676ba61.safetensors is missing" in refused.stdout + refused.stderr
    for start in starts_of(load_study("paper-r50-3f")):
        fake_start(tmp_path / str(start.value), start.sha256)
    plan = snakemake("-n", "--cores", "4", "--config", "study=paper-r50-3f", cwd=tmp_path)
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert re.search(r"^train_student\s+12$", plan.stdout, re.MULTILINE)
    blocks = {
        name: plan.stdout.split(f"rule {name}:")[1].split("rule ")[0] for name in ("predict", "score", "arbitrate")
    }
    assert "gpu=1" in blocks["predict"]
    assert "gpu=" not in blocks["score"] + blocks["arbitrate"], "no GPU waits while a CPU scores"

"""The `kubernetes` profile as far as possible without a cluster: Snakemake plans with it and its real executor."""

import os
import subprocess
import sys

import pytest
from workplace import ROOT

PLUGINS = ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_fs")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> str:
    for plugin in PLUGINS:
        pytest.importorskip(plugin, reason="needs the extra `kubernetes`: pip install -e '.[kubernetes]'")
    command = (sys.executable, "-m", "snakemake", "-n", "--snakefile", str(ROOT / "workflow/Snakefile"))
    profile = ("--profile", str(ROOT / "workflow/profiles/kubernetes"))
    gpus = ("--set-resources", "train_student:gpu=4")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
    folder = tmp_path_factory.mktemp("plan")
    done = subprocess.run(
        (*command, *profile, *gpus), cwd=folder, env=env, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_training_is_planned(plan: str) -> None:
    assert plan.count("\n    rule train_student:") + plan.count("\nrule train_student:") == 8


def test_results_live_on_the_volume(plan: str) -> None:
    made = [line.split()[1] for line in plan.splitlines() if line.strip().startswith("output:")]
    assert made
    assert all(path.startswith("/labeldistill/") for path in made)


def test_pods_are_asked_for_the_gpus_of_a_rule(plan: str) -> None:
    """The default profile's one GPU job at a time must not cut them down."""
    block = plan.split("rule train_student:")[1].split("rule ")[0]
    assert "gpu=4" in block
    assert "gpu_manufacturer=nvidia" in block


def test_small_steps_share_a_pod(plan: str) -> None:
    for group in ("data", "report"):
        assert f"Group job {group}" in plan

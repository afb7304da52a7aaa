"""DVC around Snakemake: old results never pass for those of a changed setting, whichever way the pipeline is run.

Where results lie under fixed names, DVC puts the old ones back and Snakemake finds nothing to do: the new setting is
recorded with the old numbers. Four ways lead there; each is played, and its numbers held against an independent run.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.api import metrics_show
from workplace import NANO as SMALLEST
from workplace import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

# one student and nothing optional: what is played is which numbers are recorded, not what they are
NANO = {
    **SMALLEST,
    "student_training": {**SMALLEST["student_training"], "lr": 0.002},  # type: ignore[dict-item]
    "variants!": {"baseline": SMALLEST["variants!"]["baseline"]},  # type: ignore[index]
    "claims!": {},
    "evaluation_slices": [],
    "evaluation_replicates": 0,
}
SETTING = "workflow/config/nano.yaml:student_training.lr"
CHANGED = 0.01


class Place:
    """A clone in which a user works."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str) -> str:
        """What the command printed; it must end well."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
        env |= {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}", "DVC_NO_ANALYTICS": "1"}
        env |= {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        if command[0] in ("snakemake", "labeldistill"):  # as the stage calls them: with this clone's code
            env["PYTHONPATH"] = "."
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        logs = "".join(f"\n{f.name}: {f.read_text()[-500:]}" for f in self.folder.glob("results/nano/logs/*.log"))
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}\n{logs[-3000:]}"
        return done.stdout + done.stderr

    def json(self, *command: str) -> Any:
        out = self.run(*command)
        return json.loads(out[min(at for at in (out.find("{"), out.find("[")) if at >= 0) :])

    def snakemake(self, *options: str) -> str:
        return self.run("snakemake", "--cores", "all", *options, "--config", "study=nano")

    def clone(self, folder: Path) -> "Place":
        self.run("git", "clone", "-q", str(self.folder), str(folder))
        return Place(folder)

    def change(self) -> None:
        file = self.folder / "workflow/config/nano.yaml"
        settings = yaml.safe_load(file.read_text())
        settings["student_training"]["lr"] = CHANGED
        file.write_text(yaml.safe_dump(settings))

    def metrics(self, revision: str | None = None) -> Any:
        """The study's numbers as DVC tells them, of the workspace or of a revision."""
        return metrics_show(repo=str(self.folder), rev=revision)

    def made(self) -> dict[str, int]:
        """When each result was written."""
        return {
            str(file): file.stat().st_mtime_ns for file in self.folder.glob("results/nano/*/**/*") if file.is_file()
        }


def _project(folder: Path) -> Place:
    """The project with study `nano` in the place of `smoke`, committed, with a DVC remote beside it."""
    listed = ("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file() and name != "dvc.lock" and not name.startswith("metrics/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    shipped = pipeline["stages"]["study"]["foreach"].pop("smoke")
    pipeline["stages"]["study"]["foreach"] = {"nano": {**shipped, "extends": "smoke"}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    (folder / "workflow/config/nano.yaml").write_text(yaml.safe_dump(NANO))
    place = Place(folder)
    place.run("git", "init", "-q")
    place.run("dvc", "remote", "add", "-d", "store", str(folder.parent / "store"))
    place.run("git", "add", "--all")
    place.run("git", "commit", "-q", "-m", "project")
    return place


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Run by Snakemake, then recorded by DVC, committed and pushed."""
    folder = tmp_path_factory.mktemp("dvc") / "project"
    folder.mkdir()
    place = _project(folder)
    place.snakemake("--quiet", "all")
    before = place.made()
    place.run("dvc", "repro")
    assert place.made() == before, "dvc repro after snakemake made results anew"
    place.run("git", "add", "--all")
    place.run("git", "commit", "-q", "-m", "base")
    place.run("dvc", "push", "-q")
    return place


@pytest.fixture(scope="module")
def expected(project: Place) -> Any:
    """The changed setting's numbers from an independent run: Snakemake alone, in a clone without any result."""
    place = project.clone(project.folder.parent / "independent")
    place.change()
    place.snakemake("--quiet", "all")
    place.run("labeldistill", "publish", "nano")
    found = json.loads((place.folder / "metrics/nano/metrics.json").read_text())
    base = project.metrics("HEAD")
    assert found["baseline"]["loss"] != base["baseline"]["loss"], "the setting makes no difference: nothing is proved"
    assert found["teacher"] == base["teacher"]
    return found


def test_a_fresh_clone_pulls_and_reproduces(project: Place, expected: Any, tmp_path: Path) -> None:
    place = project.clone(tmp_path / "clone")
    place.run("dvc", "pull", "-q")
    weights = sorted(
        file.relative_to(project.folder) for file in project.folder.glob("results/nano/*/*/*/*.safetensors")
    )
    assert len(weights) == 6
    assert all((place.folder / file).read_bytes() == (project.folder / file).read_bytes() for file in weights)
    assert "Nothing to be done" in place.snakemake("-n")
    assert "didn't change" in place.run("dvc", "repro")
    place.change()
    assert place.json("dvc", "params", "diff", "--json")[SETTING.split(":")[0]] == {
        "student_training.lr": {"old": 0.002, "new": CHANGED, "diff": pytest.approx(CHANGED - 0.002)}
    }
    place.run("dvc", "repro")
    assert place.metrics() == expected
    changes = place.json("dvc", "metrics", "diff", "--json")["metrics/nano/metrics.json"]
    assert changes["baseline.loss"]["new"] == expected["baseline"]["loss"]
    place.run("dvc", "plots", "diff", "HEAD")
    page = (place.folder / "dvc_plots/index.html").read_text()
    assert "http" not in page, "DVC's page of plots asks the network for something"
    pictures = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert len(pictures) == 4  # losses and scores of two revisions; one variant has no differences
    assert all((place.folder / "dvc_plots" / picture).is_file() for picture in pictures)


@pytest.mark.parametrize("way", ["--temp", "--queue"])
def test_an_experiment_elsewhere(project: Place, expected: Any, way: str) -> None:
    name = f"way{way.strip('-')}"
    project.run("dvc", "exp", "run", way, "--name", name, "--set-param", f"{SETTING}={CHANGED}")
    if way == "--queue":
        project.run("dvc", "exp", "run", "--run-all")
    assert project.metrics(name) == expected
    shown = project.run("dvc", "exp", "show", "--csv")
    row = next(line for line in shown.splitlines() if name in line)
    assert str(CHANGED) in row.split(",")
    assert str(expected["baseline"]["loss"]) in row.split(",")


def test_a_workspace_that_lost_snakemakes_memory(project: Place, expected: Any) -> None:
    shutil.rmtree(project.folder / ".snakemake")
    assert "Nothing to be done" in project.snakemake("-n")
    project.change()
    project.run("dvc", "repro")
    assert project.metrics() == expected

"""The recipes of CONTRIBUTING, carried out in a copy of the package: what comes of them works."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^```\w+\n# (?P<file>\S+?)(?:, after `(?P<after>[^\n]+?)`)?(?P<last>, last)?\n(?P<text>.*?)^```", re.S | re.M
)
RECIPES = dict(re.findall(r"^### An? ([^\n]+)\n(.*?)(?=^##)", (ROOT / "CONTRIBUTING.md").read_text(), re.S | re.M))

TERM = """
from labeldistill.checks.dry_run import Places, prepare, small
from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.config.study import StudySettings

tree = load_study("smoke").model_dump()
tree |= {"variants": {"baseline": {"terms": {"detection": 1.0, "heatmap_match": 0.5}}}, "claims": {}}
run = run_settings(StudySettings.model_validate(tree), "student", "baseline", 0)
ready = prepare(small(run), Places(), batch=1, device="cpu")
losses = ready.job.model.losses(ready.job.items.collate([ready.job.items.item(0, 0)]))
assert float(losses["heatmap_match"].detach()) > 0
"""
METRIC = """
import numpy as np
from generated_split import Size, generate
from labeldistill.config.load import load_study
from labeldistill.config.metrics import HEADLINE
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import all_curves, metrics_of
from labeldistill.statistics.scene_scores import scene_intervals

matches = match(*generate(Size(samples=12, scenes=3, truths_per_sample=9, boxes_per_sample=12)))
metrics = metrics_of(all_curves(matches), matches.protocol)
rows = {metric: value for metric, name, value in metrics.rows() if name == "all"}
assert abs(rows["mTS"] - np.mean(list(metrics.tp_scores.values()))) < 1e-12
assert scene_intervals(matches, replicates=10)["mTS"].value == rows["mTS"]
assert "mTS" in HEADLINE and load_study("smoke").verdict.margins["mTS"] == 0.5
"""
CLAIM = """
from labeldistill.claims.claims import load_claims
claim = load_claims()["my-claim"]
assert claim.values == {"mAP": 35.1, "NDS": 47.5} and claim.reference is None
"""
AUGMENTATION = """
import numpy as np
from labeldistill.config.model import BevAugmentationSettings
from labeldistill.data.augmentation import draw_bev_augmentation

def turns(**settings):
    rng = np.random.RandomState(0)
    drawn = [draw_bev_augmentation(BevAugmentationSettings(**settings), rng) for _ in range(50)]
    return {round(abs(one.rotation_deg) / 90) for one in drawn}

assert turns() == {0}
assert turns(quarter_turns=True) == {0, 1, 2, 3}
"""


@dataclass(frozen=True)
class Copy:
    """A copy of what the recipes touch."""

    folder: Path

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        paths = (self.folder, ROOT / "tests" / "support")
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=300)

    def python(self, code: str) -> None:
        done = self.run(sys.executable, "-c", code)
        assert done.returncode == 0, done.stderr


def carry_out(recipe: str, folder: Path) -> int:
    """Write or extend the files of a recipe's blocks; returns how many there are."""
    blocks = list(BLOCK.finditer(RECIPES[recipe]))
    for block in blocks:
        file = folder / block["file"]
        if block["after"] is None:
            file.parent.mkdir(parents=True, exist_ok=True)
            assert not file.exists(), f"{file} is there already"
            file.write_text(block["text"])
            continue
        before, line, rest = (file.read_text().rpartition if block["last"] else file.read_text().partition)(
            block["after"] + "\n"
        )
        assert line, f"{block['file']} has no line {block['after']}"
        file.write_text(before + line + block["text"] + rest)
    return len(blocks)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    for name in ("labeldistill", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".snakemake"))
    return Copy(tmp_path)


def plans(copy: Copy) -> None:
    done = copy.run(sys.executable, "-m", "labeldistill.cli.main", "plan", "my-study")
    assert done.returncode == 0, done.stderr
    assert "response" in done.stdout


def dry_runs(copy: Copy) -> None:
    profile = ("--profile", "workflow/profiles/my-cluster")
    done = copy.run(sys.executable, "-m", "snakemake", "-n", "--quiet", *profile, "--config", "study=smoke")
    assert done.returncode == 0, done.stderr


def python(code: str) -> Callable[[Copy], None]:
    return lambda copy: copy.python(code)


TRIED: dict[str, tuple[int, Callable[[Copy], None]]] = {
    "loss term": (2, python(TERM)),
    "metric": (2, python(METRIC)),
    "claim": (1, python(CLAIM)),
    "augmentation": (2, python(AUGMENTATION)),
    "study": (1, plans),
    "cluster": (1, dry_runs),
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", TRIED)
def test_a_recipe_works_as_written(recipe: str, copy: Copy) -> None:
    files, works = TRIED[recipe]
    with pytest.raises(AssertionError):  # what it adds is not there before
        works(copy)
    assert carry_out(recipe, copy.folder) == files
    works(copy)


def test_a_method_is_its_own_folder_and_two_registries() -> None:
    package = ROOT / "labeldistill"
    mention = [path.relative_to(package) for path in package.rglob("*.py") if "fitnet" in path.read_text().lower()]
    outside = {str(path) for path in mention if path.parts[0] != "fitnet"}
    assert outside == {"config/terms.py", "config/methods.py"}


def test_every_recipe_with_a_file_is_tried_and_every_named_place_is_there() -> None:
    assert {name for name, text in RECIPES.items() if BLOCK.search(text)} == set(TRIED)
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", text))
    missing = [name for name in named if not any((ROOT / start / name).exists() for start in ("labeldistill", "."))]
    assert not missing

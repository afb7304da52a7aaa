"""Names and folders with special characters of shells, Snakemake, pages and tables have no effect there."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from workplace import NANO, ROOT, Workplace

pytestmark = pytest.mark.slow

SNAKEFILE = ("--snakefile", str(ROOT / "workflow/Snakefile"), "--cores", "1")
HOSTILE = "a $(touch pwned);touch pwned`touch pwned`&'\"|#%~*\\"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "place")


@pytest.mark.parametrize(
    "config", ["study=x$(touch pwned)", "study={unit}", "results=r{seed}", "reports=r<x>", "study=12"]
)
def test_a_hostile_choice_is_one_message(place: Workplace, config: str) -> None:
    done = place.run("snakemake", "-n", *SNAKEFILE, "--config", "study=nano", config)
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "Traceback" not in told
    assert "unknown study" in told or "give it another name" in told, told
    assert not list(place.folder.rglob("pwned*"))


def test_a_hostile_variant_never_reaches_a_rule(place: Workplace) -> None:
    place.write(
        {
            **NANO,
            "variants!": {"baseline": {"terms": {"detection": 1.0}}, "x$(touch pwned)": {"terms": {"detection": 2.0}}},
        }
    )
    done = place.run("snakemake", *SNAKEFILE, "--config", "study=nano")
    assert done.returncode != 0
    assert "variants" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(place.folder.rglob("pwned*"))


def test_hostile_folders_are_quoted_in_every_rule(place: Workplace) -> None:
    """A study file in a folder, and results under a name, that a shell would run; the whole chain."""
    folder = place.folder / HOSTILE.replace("/", "")
    folder.mkdir()
    for file in place.studies.glob("*.yaml"):
        shutil.copy(file, folder)
    (folder / "nano.yaml").write_text(yaml.safe_dump({**NANO, "seeds": [3]}))
    config = (f"study={HOSTILE}/nano.yaml", f"results=results {HOSTILE}", f"reports=reports {HOSTILE}")
    done = place.run("snakemake", *SNAKEFILE, "--config", *config)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (place.folder / f"reports {HOSTILE}").glob("nano/*/index.html")
    assert not list(place.folder.rglob("pwned*"))
    again = place.run("snakemake", *SNAKEFILE, "--config", *config)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_every_wildcard_and_path_of_a_rule_is_quoted() -> None:
    for file in [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]:
        for line in file.read_text().splitlines():
            if "labeldistill " in line and not line.startswith(("#", "from", "import")):
                assert not re.findall(r"\{(?:wildcards|params|input|output|log)[\w.]*\}", line), line

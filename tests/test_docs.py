"""README and the pages of docs: what they lead to is there, the site builds, and its reference is whole."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from labeldistill.cli.verbs import VERBS
from labeldistill.config.study import StudySettings
from labeldistill.config.switches import Switches
from labeldistill.records.gather_rows import COLUMNS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE = {"settings.md", "verbs.md", "results.md"}
"""Pages of the reference, made when the site is built."""


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    pytest.importorskip("mkdocs", reason="no mkdocs (the extra `docs`)")
    spec = importlib.util.spec_from_file_location("reference_pages", ROOT / "docs/reference_pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    local = [link for link in links if not link.startswith("http")]
    assert [link for link in local if not (page.parent / link).exists() and Path(link).name not in MADE] == []


def test_readme_is_one_page_and_says_how_to_judge_a_file() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 80
    judge = next(number for number, line in enumerate(lines) if "labeldistill judge results_nusc.json" in line)
    assert judge < 40


def test_the_reference_has_every_setting_verb_and_column(reference: ModuleType) -> None:
    settings, verbs, results = reference.settings_page(), reference.verbs_page(), reference.results_page()
    for name in (*StudySettings.model_fields, *Switches.model_fields):
        assert f"| `{name}` |" in settings
    assert "BGR pixels under RGB statistics" in settings  # what the source says beside a switch
    for verb in VERBS:
        assert re.search(rf"^### {verb}\b", verbs, re.MULTILINE)
    assert all(f"`{column}`" in results for column in COLUMNS)


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_nobody(reference: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?://[^\"> ]+)", page.read_text())
        assert loaded == []

"""An older report made again with today's code, from its own table and records."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labeldistill.claims.claims import claims_file
from labeldistill.cli.main import build

REPORTS = claims_file().resolve().parents[2] / "reports"


@pytest.fixture
def older() -> Path:
    return sorted((REPORTS / "mini").glob("*/records.json"))[0].parent


def _again(older: Path, study: str, out: Path) -> tuple[int, str]:
    done = CliRunner().invoke(build("report"), ["report", study, "--again", str(older), "--reports", str(out)])
    return done.exit_code, done.output


def test_the_numbers_are_the_older_reports(older: Path, tmp_path: Path) -> None:
    code, page = _again(older, "mini", tmp_path)
    assert code == 0, page
    folder = Path(page.strip()).parent
    for name in ("table.csv", "summary.json"):
        assert (folder / name).read_text() == (older / name).read_text()
    assert json.loads((folder / "records.json").read_text()) == json.loads((older / "records.json").read_text())
    text = (folder / "index.html").read_text()
    assert older.name in text
    assert "NOT COMPARABLE" in text
    assert (folder / "figures" / "losses.png").is_file()


def test_another_studys_report_is_refused(older: Path, tmp_path: Path) -> None:
    code, message = _again(older, "smoke", tmp_path)
    assert code == 2
    assert "is of mini, not of smoke" in message
    code, message = _again(tmp_path, "mini", tmp_path)
    assert (code, "records.json" in message) == (2, True)

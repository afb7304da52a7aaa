"""The sound study, made once; and the matrix of faults and gates, printed at the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gated_study import GatedStudy, make

from labeldistill.preflight import first_steps
from labeldistill.preflight.run import GATES


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatedStudy]:
    """A study that passes every gate; its first steps are few, for it is asked again and again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_steps, "STEPS", 4)
        patch.setattr(first_steps, "OVERFIT_STEPS", 10)
        patch.setenv("LABELDISTILL_STUDIES", "")
        yield make(tmp_path_factory.mktemp("gated") / "study")


@pytest.fixture
def study(sound: GatedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GatedStudy:
    """A copy in which a fault may be planted."""
    made = sound.copy(tmp_path / "study")
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(made.folder / "config"))
    return made


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    rows = [dict(report.user_properties) for report in reports if dict(report.user_properties).get("fault")]
    if not rows:
        return
    terminalreporter.section("faults x gates (. passes as before, blank: not asked)")
    names = list(GATES)
    terminalreporter.write_line(" " * 50 + " ".join(f"{name[:8]:8}" for name in names))
    for row in rows:
        terminalreporter.write_line(f"{row['fault']:50}" + " ".join(f"{row.get(name, ''):8}" for name in names))

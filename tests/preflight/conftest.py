"""The sound study, made once; and the matrix of faults and gates, printed at the end."""

from pathlib import Path
from typing import Any

import pytest
from gated_study import GatedStudy, make

from labeldistill.preflight import first_steps
from labeldistill.preflight.gate import Gate
from labeldistill.preflight.run import GATES


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> GatedStudy:
    """A study that passes every gate. What it patches is undone at once: other tests run in the same process."""
    made = tmp_path_factory.mktemp("gated") / "study"
    with pytest.MonkeyPatch.context() as patch:
        few_steps(patch, made)
        return make(made)


def few_steps(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Ask the studies of `folder`, with few first steps, for they are asked again and again."""
    patch.setattr(first_steps, "STEPS", 4)
    patch.setattr(first_steps, "OVERFIT_STEPS", 10)
    patch.setenv("LABELDISTILL_STUDIES", str(folder / "config"))


@pytest.fixture(scope="session")
def before(sound: GatedStudy) -> dict[str, Gate]:
    """What each gate says of the sound study."""
    with pytest.MonkeyPatch.context() as patch:
        few_steps(patch, sound.folder)
        return sound.gates()


@pytest.fixture
def study(sound: GatedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GatedStudy:
    """A copy in which a fault may be planted."""
    made = sound.copy(tmp_path / "study")
    few_steps(monkeypatch, made.folder)
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

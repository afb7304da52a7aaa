"""Every planted fault trips its gate, and of the gates before it none."""

import re
from pathlib import Path
from typing import Any

import pytest
from faults import FAULTS
from gated_study import GatedStudy

from labeldistill.preflight.gate import Gate, Verdict
from labeldistill.preflight.run import GATES

pytestmark = pytest.mark.slow

HEAVY = ("gradients", "first-steps")
"""These train: they are asked where the fault is theirs. All others are behind no fault of these two."""
DOCS = Path(__file__).resolve().parents[2] / "docs" / "preflight.md"


def test_the_sound_study_passes(before: dict[str, Gate]) -> None:
    verdicts = {name: gate.verdict.value for name, gate in before.items()}
    # two steps teach teacher and label encoder little, and the gates say so
    assert verdicts == dict.fromkeys(GATES, "PASS") | {"teacher": "WARN", "label-encoder": "WARN"}, before


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_trips_its_gate(
    fault: str,
    study: GatedStudy,
    before: dict[str, Gate],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Any,
) -> None:
    plant, expected = FAULTS[fault]
    plant(study, monkeypatch)
    found = study.gates(*(name for name in HEAVY if name not in expected))
    tripped = {
        name: gate.verdict.value
        for name, gate in found.items()
        if gate.tripped and before[name].verdict is not gate.verdict
    }
    record_property("fault", fault)
    for name in found:
        record_property(name, tripped.get(name, "."))
    assert tripped == expected, {name: found[name] for name in {*tripped, *expected}}
    assert all(found[name].advice for name in tripped)


def test_the_documentation_shows_this_matrix() -> None:
    lines = [line for line in DOCS.read_text().partition("## Planted faults")[2].splitlines() if line.startswith("| ")]
    table = {(cells := [cell.strip() for cell in line.strip("|").split("|")])[0]: cells[1:] for line in lines}
    assert table["fault"] == list(GATES)
    shown = {
        fault: {gate: verdict for gate, verdict in zip(GATES, row, strict=True) if verdict}
        for fault, row in table.items()
        if fault != "fault" and not re.match("-+$", fault)
    }
    assert shown == {fault: expected for fault, (_, expected) in FAULTS.items()}


def test_verdicts_have_an_order() -> None:
    assert [verdict.value for verdict in Verdict] == ["SKIPPED", "PASS", "WARN", "FAIL"]

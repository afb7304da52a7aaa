"""The verb `preflight`: JSON, exit codes, and a waiver that stands in what follows."""

import json
from typing import Any

import pytest
from faults import renamed_key
from gated_study import GatedStudy
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.records.waivers import waivers


def run(study: GatedStudy, *arguments: str) -> Any:
    asked = ["preflight", "gated", "--results", str(study.folder / "results"), *arguments]
    return CliRunner().invoke(build("preflight"), asked)


def test_a_failing_gate_stops_until_it_is_waived(study: GatedStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed_key(study, monkeypatch)
    file = study.plan.preflight("teachers")
    done = run(study, "--step", "teachers", "--json")
    assert done.exit_code == 1, done.output
    found = json.loads(done.stdout)
    assert [list(gate) for gate in found] == [["gate", "verdict", "figure", "advice"]] * 3
    assert [gate["verdict"] for gate in found if gate["gate"] == "start-weights"] == ["FAIL"]
    assert "--waive start-weights" in done.stderr
    assert not file.exists()

    done = run(study, "--step", "teachers", "--waive", "start-weights", "--reason", "renamed by hand")
    assert done.exit_code == 0, done.output
    assert "FAIL (waived) start-weights" in done.stdout
    assert json.loads(file.read_text())["waived"] == {"start-weights": "renamed by hand"}
    assert waivers(study.plan) == {"start-weights": "renamed by hand"}
    assert waivers(study.plan, [{"extra": {"waived": {"boxes": "own rig"}}}]).keys() == {"start-weights", "boxes"}


def test_what_was_not_needed_is_no_waiver(study: GatedStudy) -> None:
    done = run(study, "--step", "first-student", "--waive", "boxes", "--reason", "just in case")
    assert done.exit_code == 0, done.output
    assert "adapted features decode to mAP" in done.stdout
    assert waivers(study.plan) == {}


@pytest.mark.parametrize(
    ("more", "words"), [(("--waive", "nothing", "--reason", "x"), "no such gate"), (("--waive", "boxes"), "--reason")]
)
def test_a_waiver_names_a_gate_and_a_reason(study: GatedStudy, more: tuple[str, ...], words: str) -> None:
    done = run(study, *more)
    assert done.exit_code == 2
    assert words in done.stderr

"""A loss term that needs the teacher, added in this file alone, trained through the command line."""

import json
from pathlib import Path

import pytest
from workplace import NANO, Workplace

from labeldistill.config.load import load_study
from labeldistill.config.terms import TermSpec, register_term
from labeldistill.errors import InputError

TERM = '''
from labeldistill.config.terms import TermSpec, register_term

register_term(TermSpec("heatmap_match", "my_terms:heatmap_match", teacher=True))


def heatmap_match(inputs, options):
    """Mean squared difference between the heatmap logits of student and teacher."""
    pairs = zip(inputs.predictions, inputs.teacher.predictions)
    return sum((ours["heatmap"] - theirs["heatmap"]).square().mean() for ours, theirs in pairs)
'''
VARIANTS = {
    "baseline": {"terms": {"detection": 1.0}},
    "matched": {"terms": {"heatmap_match": 0.5, "detection": 1.0}},
}


def train(place: Workplace, unit: str) -> None:
    done = place.run("labeldistill", "train", unit, "--study", "nano", "--seed", "0" if unit == "teacher" else "3")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_new_term_is_one_function_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Workplace(tmp_path / "place")
    place.write({**NANO, "variants!": VARIANTS})
    plugin = place.folder / "my_terms.py"
    plugin.write_text(TERM)
    unknown = place.run("labeldistill", "plan", "nano")
    assert unknown.returncode == 2
    assert "`terms.heatmap_match` is not a loss term; known: detection, depth" in unknown.stderr
    monkeypatch.setenv("LABELDISTILL_PLUGINS", "my_terms")
    # the folder itself, for the plugin, before the package's
    place.run = lambda *command, run=place.run: run(*command, first=place.folder)  # type: ignore[method-assign,misc]
    for verb in ("synth", "check-data", "infos"):
        assert place.run("labeldistill", verb, "--study", "nano").returncode == 0
    for unit in ("teacher", "matched"):
        train(place, unit)
    (record,) = place.folder.glob("results/nano/matched/seed-3/*/record.json")
    content = json.loads(record.read_text())
    assert set(content["parents"]) == {"teacher"}  # it asked for the teacher, and for no label encoder
    assert content["losses"]["first"]["heatmap_match"] > 0
    # an edited term is another run; the baseline, which does not list it, keeps its key
    before = _keys(place)
    plugin.write_text(TERM.replace(".square().mean()", ".abs().mean()"))
    after = _keys(place)
    assert {unit for unit in before if before[unit] != after[unit]} == {"matched"}


def _keys(place: Workplace) -> dict[str, str]:
    done = place.run("labeldistill", "status", "nano", "--format", "json")
    assert done.returncode in (0, 1), done.stderr
    return {row["unit"]: row["run_key"] for row in json.loads(done.stdout)["runs"]}


def test_a_term_of_another_method_is_refused(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "place")
    variants = {"baseline": {"terms": {"detection": 1.0}}, "mine": {"terms": {"detection": 1.0, "imitation": 1.0}}}
    place.write({**NANO, "variants!": variants})
    with pytest.raises(InputError, match=r"terms\.imitation` is not a term of the method labeldistill"):
        load_study(str(place.studies / "nano.yaml"))


def test_two_terms_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="another term `depth`"):
        register_term(TermSpec("depth", "somewhere:else"))


def test_a_plugin_that_cannot_be_imported_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELDISTILL_PLUGINS", "no_such_plugin")
    with pytest.raises(InputError, match="LABELDISTILL_PLUGINS: no_such_plugin: can't be imported"):
        load_study("smoke")

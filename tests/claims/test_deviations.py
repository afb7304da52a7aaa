"""The deviations ledger: complete, true to the tree, and filled in from a study's table."""

import ast
import math
import re
import shutil
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from labeldistill.claims.deviations import (
    Effect,
    ledger_folder,
    ledger_texts,
    load_ledger,
    parsed,
    switch_of_variant,
    with_effects,
)
from labeldistill.cli.main import build
from labeldistill.config.load import load_study, studies_folder
from labeldistill.config.switches import STAGES_OF_SWITCH, Switches
from labeldistill.errors import InputError
from labeldistill.parity.case import all_cases
from labeldistill.records.gather_rows import ALL, DOCUMENTED
from labeldistill.reporting.deviation_table import deviation_table, effects, measured_switches
from labeldistill.reporting.study_tables import StudyTables

ROOT = Path(__file__).resolve().parents[2]
TRAPS = {
    *("teacher-mode", "partition-axis", "response-target", "label-extent", "sweeps", "first-frame-sweeps"),
    *("ema-warmup", "label-encoder-eval", "epochs-name", "hparams"),
}
LEDGER = load_ledger()
ROWS = (*LEDGER.switches, *LEDGER.kept)
NAMED = sorted(
    {t for row in LEDGER.switches for ts in row.tests.values() for t in ts} | {t for r in LEDGER.kept for t in r.tests}
)


def test_every_switch_has_a_row_with_its_stages_and_default() -> None:
    assert {row.id for row in LEDGER.switches} == set(Switches.model_fields)
    assert {row.id: row.stages for row in LEDGER.switches} == STAGES_OF_SWITCH


def test_every_known_oddity_is_accounted_for() -> None:
    assert {number for row in ROWS for number in row.quirks} == set(range(1, 47))
    assert {trap for row in ROWS for trap in row.traps} == TRAPS


def test_the_numbers_are_those_of_the_list_of_facts(shared: Path) -> None:
    text = (shared / "reference" / "quirks.md").read_text()
    assert {int(n) for n in re.findall(r"^(\d+)\. ", text, re.MULTILINE)} == set(range(1, 47))
    traps = (shared / "reference" / "released_implementation.md").read_text().split("## Traps")[1].split("## ")[0]
    assert set(re.findall(r"^\| ([a-z-]+) \|", traps, re.MULTILINE)) - {"id"} == TRAPS


@cache
def functions(file: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("named", NAMED)
def test_every_named_test_is_in_the_tree(named: str) -> None:
    file, _, test = named.partition("::")
    assert (ROOT / file).is_file()
    function, _, parameter = test.partition("[")
    assert function in functions(file)
    if parameter:
        assert parameter.removesuffix("]") in all_cases()


@pytest.mark.parametrize("file", sorted({file for row in ROWS for file in row.where.ours}))
def test_every_named_file_is_in_the_tree(file: str) -> None:
    assert (ROOT / file).is_file()


def test_every_switch_has_an_effect_or_a_reason_and_the_study_flips_the_rest() -> None:
    study = load_study("deviations")
    flipped = {switch_of_variant(study, variant) for variant in study.variants} - {None}
    assert {switch for switch, _ in flipped} == {  # type: ignore[misc]
        row.id for row in LEDGER.switches if row.effect.status != "not measurable on synthetic data"
    }
    assert study.baseline == "full"


CHANGES = [
    ("  - id: label_extent\n", "  - id: label_extents\n", "not a switch"),
    ("    quirks: [19]\n", "    quirks: [19]\n    surprise: 1\n", "not permitted"),
    ("    stages: [student]\n", "    stages: [teacher]\n", "`stages`"),
    ("status: measured, study: deviations,", "status: measured,", "names `study`"),
    ("  - id: label_border\n", "  - id: label_extent\n", "twice|stages"),
]


@pytest.mark.parametrize(("old", "new", "message"), CHANGES)
def test_a_wrong_ledger_names_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = tmp_path / "deviations"
    shutil.copytree(ledger_folder(), folder)
    file = next(file for file, text in ledger_texts(folder).items() if old in text)
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        load_ledger(folder)
    assert str(folder) in str(error.value)


def test_a_wrong_row_of_what_is_kept_names_its_own_file(tmp_path: Path) -> None:
    folder = tmp_path / "deviations"
    shutil.copytree(ledger_folder(), folder)
    kept = folder / "kept.yaml"
    text = kept.read_text()
    kept.write_text(text.replace("    kept: mended\n", "    kept: forgotten\n", 1))
    with pytest.raises(InputError, match="as released") as error:
        load_ledger(folder)
    assert f"{kept}: kept.label_map_axes.kept" in str(error.value)
    kept.write_text(text + "switches: []\n")
    with pytest.raises(InputError, match=r"kept\.yaml.*one list"):
        load_ledger(folder)


def test_a_missing_or_broken_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file of the ledger"):
        load_ledger(tmp_path / "none")
    with pytest.raises(InputError, match="YAML"):
        parsed({tmp_path / "x.yaml": "switches: ["})
    shutil.copytree(ledger_folder(), tmp_path / "deviations")
    closed = tmp_path / "deviations" / "kept.yaml"
    closed.unlink()
    closed.mkdir()
    with pytest.raises(InputError, match=r"kept\.yaml.*can't be read"):
        load_ledger(tmp_path / "deviations")


STUDY = {
    "extends": "_tiny",
    "description": "three switches",
    "baseline": "full",
    "seeds": [0, 1, 2, 3],
    "data": {"synth": {"scenes": {"train": 2, "val": 1, "tuning": 1}}},
    "variants!": {
        "full": {"terms": {"detection": 1.0, "response": 1.0}},
        "colours": {"terms": {"detection": 1.0, "response": 1.0}, "overrides": {"switches.colour_order": "corrected"}},
        "bias": {"terms": {"detection": 1.0, "response": 1.0}, "overrides": {"switches.head_bias": "released"}},
        "failed": {"terms": {"detection": 1.0, "response": 1.0}, "overrides": {"switches.ego_pose": "corrected"}},
    },
}
MAP = {"full": [0.20, 0.21, 0.22, 0.23], "colours": [0.23, 0.245, 0.25, 0.262], "bias": [0.10, 0.12, 0.11, 0.13]}


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ledger_folder(), tmp_path / "claims" / "deviations")
    folder = tmp_path / "config"
    folder.mkdir()
    for file in studies_folder().resolve().glob("*.yaml"):
        (folder / file.name).write_text(file.read_text())
    (folder / "flips.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(folder))
    return folder


def made_up_table() -> pd.DataFrame:
    """mAP as in MAP, NDS twice that; `failed` diverged with every seed."""
    rows = []
    for variant in ("full", "colours", "bias", "failed"):
        for seed in range(4):
            about = ["flips", variant, seed, f"k-{variant}-{seed}"]
            if variant == "failed":
                rows.append([*about, "diverged", "ema", "val", "mAP", "all", math.nan])
                rows.append([*about, "diverged", "ema", "val", "NDS", "all", math.nan])
                continue
            value = MAP[variant][seed]
            rows.append([*about, "finished", "ema", "val", "mAP", "all", value])
            rows.append([*about, "finished", "ema", "val", "NDS", "all", 2 * value])
            rows.append([*about, "finished", "raw", "val", "mAP", "all", 0.0])
    return pd.DataFrame(rows, columns=DOCUMENTED).assign(slice=ALL)


def measured(studies: Path):
    study = load_study("flips")
    return study, measured_switches(study, StudyTables(made_up_table(), tuple(study.variants), "full"))


def test_effects_are_corrected_less_released_in_points(studies: Path) -> None:
    _, rows = measured(studies)
    table = deviation_table(rows).set_index(["switch", "metric"])
    differences = [3.0, 3.5, 3.0, 3.2]
    assert table.loc[("colour_order", "mAP"), "effect"] == pytest.approx(sum(differences) / 4)
    assert table.loc[("colour_order", "NDS"), "effect"] == pytest.approx(sum(differences) / 2)
    mean, sd = pd.Series(differences).mean(), pd.Series(differences).std()
    half = 3.182446305 * sd / 2  # t quantile of 3 degrees of freedom
    assert table.loc[("colour_order", "mAP"), "low"] == pytest.approx(mean - half)
    assert table.loc[("colour_order", "mAP"), "high"] == pytest.approx(mean + half)
    # the study has this one corrected: its variant is the released side
    assert table.loc[("head_bias", "mAP"), "flipped to"] == "released"
    assert table.loc[("head_bias", "mAP"), "effect"] == pytest.approx(10.0)
    assert table.loc[("ego_pose", "mAP"), ["n", "failed"]].tolist() == [0, 4]


def test_what_was_measured_goes_into_its_rows_and_nowhere_else(studies: Path) -> None:
    study, rows = measured(studies)
    found = effects(rows, study, "0.1-abc", "ema")
    assert set(found) == {"colour_order", "head_bias"}  # nothing is said of the diverged one
    before = ledger_texts(ledger_folder())
    after = with_effects(before, found)
    ledger = parsed(after)
    effect = ledger.row("colour_order").effect
    assert (effect.status, effect.study, effect.version, effect.seeds) == ("measured", "flips", "0.1-abc", (0, 1, 2, 3))
    assert effect.mAP is not None
    assert effect.mAP.mean == pytest.approx(3.175)
    assert effect.because == ""
    for row in ledger.switches:
        if row.id not in found:
            assert row == LEDGER.row(row.id)
    assert ledger.kept == LEDGER.kept
    lines = [pair for file in before for pair in zip(before[file].splitlines(), after[file].splitlines(), strict=True)]
    changed = [pair for pair in lines if pair[0] != pair[1]]
    assert len(changed) == 2
    assert all(line.startswith("    effect: {") for pair in changed for line in pair)
    assert with_effects(after, found) == after


def test_an_effect_without_a_row_is_refused() -> None:
    with pytest.raises(InputError, match="no line `effect:`"):
        with_effects({Path("x.yaml"): "switches:\n  - id: a\n"}, {"a": Effect(status="not measured yet")})


def test_the_verb_prints_and_writes(studies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeldistill.records.gather.gather", lambda plan: made_up_table())
    run = CliRunner().invoke(build("deviations"), ["deviations", "flips", "--format", "csv"])
    assert run.exit_code == 0, run.output
    assert "colour_order,corrected,mAP,3.175" in run.stdout
    before = ledger_texts(ledger_folder())
    assert [*before.values()] == [*ledger_texts(ROOT / "workflow/claims/deviations").values()]
    run = CliRunner().invoke(build("deviations"), ["deviations", "flips", "--write"])
    assert run.exit_code == 0, run.output
    assert "2 effects written" in run.output
    assert load_ledger().row("head_bias").effect.status == "measured"
    unknown = CliRunner().invoke(build("deviations"), ["deviations", "flips", "--weights", "none"])
    assert unknown.exit_code == 2


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"overrides": {"switches.ego_pose": "corrected", "switches.head_bias": "released"}}, "more than one"),
        ({"terms": {"detection": 1.0}, "overrides": {"switches.ego_pose": "corrected"}}, "more than one"),
        ({"overrides": {"switches.ego_pose": "released"}}, "already"),
    ],
)
def test_a_variant_that_flips_more_or_nothing_is_refused(studies: Path, variant: dict, message: str) -> None:
    terms = {"terms": {"detection": 1.0, "response": 1.0}}
    tree = {**STUDY, "variants!": {"full": terms, "odd": terms | variant}}
    (studies / "odd.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(InputError, match=message):
        switch_of_variant(load_study("odd"), "odd")


def test_a_study_that_flips_nothing_has_no_effects(studies: Path) -> None:
    study = load_study("smoke")
    with pytest.raises(InputError, match="flips a switch"):
        measured_switches(study, StudyTables(made_up_table(), tuple(study.variants), study.baseline))


def test_a_variants_own_teacher_does_not_stand_for_the_studys() -> None:
    rows = [
        ["s", "teacher", 0, "own", "finished", "ema", "val", "mAP", "all", 0.4],
        ["s", "teacher", 0, "of a variant", "finished", "ema", "val", "mAP", "all", 0.1],
    ]
    tables = StudyTables(pd.DataFrame(rows, columns=DOCUMENTED).assign(slice=ALL), ("full",), "full")
    assert tables.values("teacher", "mAP") == {0: 0.4}

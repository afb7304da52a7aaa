"""The paper's table and the paired one, in every format."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from labeldistill.claims.claims import load_claims
from labeldistill.cli.main import build
from labeldistill.config.load import load_study
from labeldistill.reporting.paper_table import MAIN, main_table, pairs_table
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.table_formats import formatted
from labeldistill.reporting.text_table import TableFormat, latex_text
from labeldistill.statistics.summary import summarise

STUDY = load_study("paper-r50-3f")
NOISE = np.random.default_rng(0).normal(0, 0.002, (4, 6))


def _tables(seeds: int = 6) -> StudyTables:
    gains = {"baseline": 0.0, "lidar-only": 0.01, "label-only": 0.01, "full": 0.03}
    rows = [
        {"variant": variant, "seed": seed, "status": "finished", "weights": "ema", "split": "val", "metric": metric}
        | {"study": "x", "run_key": "k", "class": "all", "value": base + gain + NOISE[row, seed]}
        for row, (variant, gain) in enumerate(gains.items())
        for seed in range(seeds)
        for metric, base in (("mAP", 0.363), ("NDS", 0.477))
    ]
    return StudyTables(pd.DataFrame(rows), tuple(STUDY.variants), STUDY.baseline)


def _main(seeds: int = 6) -> pd.DataFrame:
    return main_table(STUDY, _tables(seeds), load_claims())


def test_a_row_for_each_of_the_four_variants_and_both_metrics() -> None:
    table = _main()
    assert list(table.columns) == list(MAIN)
    assert [*zip(table["variant"], table["metric"], strict=True)] == [
        (variant, metric) for variant in STUDY.variants for metric in ("mAP", "NDS")
    ]


def test_numbers_are_points_and_every_run_is_there() -> None:
    row = _main().set_index(["variant", "metric"]).loc[("full", "mAP")]
    expected = summarise(list(100 * (0.393 + NOISE[3])))
    assert row["published"] == pytest.approx(39.29)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((expected.mean, expected.low, expected.high))
    assert row["difference"] == pytest.approx(expected.mean - 39.29)
    assert len(row["runs"].split()) == row["n"] == 6
    assert row["verdict"] == "NOT COMPARABLE"  # nothing lies beside the scores that would prove where they are from


def test_no_baseline_is_made_of_headline_and_gain() -> None:
    table = _main().set_index("variant")
    assert table.loc["baseline", "published"].isna().all()
    assert set(table.loc["baseline", "verdict"]) == {"NOT COMPARABLE"}
    assert "make no baseline" in table.loc["baseline", "reason"].iloc[0]
    claims = load_claims()
    made_up = {round(100 * claims["headline"].value(m) - claims["gain"].delta(m), 2) for m in ("mAP", "NDS")}
    assert not made_up & set(table["published"].dropna().round(2))


def test_csv_holds_every_number() -> None:
    text = formatted(_main(), TableFormat.csv, "caption")
    back = pd.read_csv(io.StringIO(text))
    assert list(back.columns) == list(MAIN)
    assert back["mean"].to_numpy() == pytest.approx(_main()["mean"].to_numpy(), rel=1e-5)


def test_markdown_is_a_table_with_notes() -> None:
    lines = formatted(_main(), TableFormat.markdown, "caption").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 8
    assert len({row.count("|") for row in rows}) == 1
    assert any(line.startswith("1. no value was published") for line in lines)


def test_latex_is_balanced_and_escaped() -> None:
    text = formatted(_main(), TableFormat.latex, "a 95 % interval of x_y")
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "&" in line]
    assert len(rows) == 1 + 8
    columns = text.split(r"\begin{tabular}{")[1].split("}")[0]
    assert {row.count(" & ") + 1 for row in rows} == {len(columns)}
    assert r"95 \% interval of x\_y" in text
    for environment in ("table*", "tabular", "flushleft"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}") == 1


def test_latex_escapes() -> None:
    assert latex_text(r"50% & a_b ~ \x {y}") == r"50\% \& a\_b \textasciitilde{} \textbackslash{}x \{y\}"


def test_paired_differences_are_corrected_over_the_family() -> None:
    table = pairs_table(STUDY, _tables()).set_index(["variant", "metric"])
    assert len(table) == 6
    full = table.loc[("full", "mAP")]
    assert full["difference"] == pytest.approx(100 * np.mean(0.03 + NOISE[3] - NOISE[0]))
    assert full["finding"] == "BETTER"
    assert (table["p_holm"] >= table["p_t"]).all()
    assert full["p_sign_flip"] == 2 / 64
    assert "p (Holm)" in formatted(pairs_table(STUDY, _tables()), TableFormat.markdown, "")


def test_one_seed_has_no_interval_and_no_finding() -> None:
    text = formatted(_main(1), TableFormat.markdown, "")
    assert "nan" not in text
    assert set(pairs_table(STUDY, _tables(1))["finding"]) == {"CAN'T TELL"}


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """The verb `table` on a study that was gathered, in no folder where one has run."""
    gathered = _tables().table
    monkeypatch.setattr("labeldistill.records.gather.gather", lambda plan: gathered)
    return lambda *arguments: CliRunner().invoke(build("table"), ["table", *arguments, "--results", str(tmp_path)])


def test_the_verb_prints_each_format(verb: Callable[..., Any]) -> None:
    assert r"\toprule" in verb("main", "--study", "smoke", "--format", "latex").output
    markdown = verb("main", "--study", "smoke").output
    assert "margins of equivalence: mAP 0.5, NDS 0.5" in markdown
    assert "REPRODUCED" not in markdown  # a synthetic world reproduces nothing
    assert verb("pairs", "--study", "smoke", "--format", "csv").output.startswith("variant,metric,difference")


def test_the_verb_refuses_weights_that_nobody_scored(verb: Callable[..., Any]) -> None:
    done = verb("main", "--study", "smoke", "--weights", "swa")
    assert done.exit_code == 2
    assert "--weights" in done.output


def test_the_verb_refuses_an_unfinished_study(tmp_path: Path) -> None:
    done = CliRunner().invoke(build("table"), ["table", "main", "--study", "smoke", "--results", str(tmp_path)])
    assert done.exit_code == 2
    assert "not scored" in done.output


HOSTILE = "<script>alert(1)</script> a|b\n\n\\input{/etc/passwd} [x](javascript:y) $z^2$ #1 %"


def test_hostile_text_is_text_in_latex() -> None:
    table = _main()
    table["reason"] = HOSTILE
    text = formatted(table, TableFormat.latex, HOSTILE)
    for plain in ("\\input", "<script>", " $z", "^2"):
        assert plain not in text
    assert r"\textbackslash{}input\{/etc/passwd\}" in text
    assert not any(line.strip() == "" for line in text.splitlines())


def test_hostile_text_is_text_in_markdown() -> None:
    table = _main()
    table["reason"], table["variant"] = HOSTILE, HOSTILE
    text = formatted(table, TableFormat.markdown, HOSTILE)
    assert "<script>" not in text
    assert "](" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1
    assert len(rows) == 2 + len(table)

"""Diffs of planted changes: pairing, findings, causes, and possible sources of both sides."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from typer.testing import CliRunner

from labeldistill.cli.diff_markdown import diff_markdown
from labeldistill.cli.main import build
from labeldistill.compare.diff import Diff, compare_sides
from labeldistill.compare.diff_causes import causes
from labeldistill.compare.diff_rows import DiffOptions, DiffRow
from labeldistill.compare.diff_runs import read_side
from labeldistill.compare.diff_sources import opened
from labeldistill.errors import InputError
from labeldistill.records.gather import COLUMNS
from labeldistill.statistics.holm import Finding

VARIANTS = ("baseline", "full")
RATE = "train_samples_per_cpu_s"
Shift = Callable[[str, str, int], float]


def _none(variant: str, metric: str, seed: int) -> float:
    return 0.0


def _score(variant: str, metric: str, seed: int) -> float:
    return 0.3 + 0.1 * (metric == "NDS") + 0.01 * seed + 0.02 * (variant == "full")


def _record(variant: str, seed: int, key: str, **changes: Any) -> dict[str, Any]:
    return {
        "run_key": key,
        "study": "toy",
        "variant": variant,
        "stage": "student",
        "seed": seed,
        "status": "finished",
        "finished": "2026-01-01T00:00:00+00:00",
        "settings": {"seed": seed, "training": {"lr": 1e-3}},
        "code": {"commit": "a" * 40, "dirty": False},
        "environment": {"packages": {"torch": "2.13.0"}, "cpu": "X", "hosts": [f"node{seed}"]},
        "data": {"manifest_hash": "b" * 64, "samples": 8},
        "optimisation": {"steps_done": 100, "global_batch": 4, "effective_lr": 1e-3},
        "device": {"type": "cpu", "name": "X", "processes": 1},
        "parents": {},
        "usage": {"cpu_s": 100.0 + seed, "wall_s": 50.0},
    } | changes


def write_results(folder: Path, shift: Shift = _none, seeds: int = 6, key: str = "k", **changes: Any) -> Path:
    """A results folder as the workflow leaves it: record.json and metrics.json of every run, one benchmark."""
    units: dict[str, Any] = {}
    for variant in VARIANTS:
        for seed in range(seeds):
            run_key = f"{key}-{variant}-{seed}"
            run = folder / "toy" / variant / f"seed-{seed}" / run_key
            scores = run / "predictions-val-p" / "metrics-m"
            scores.mkdir(parents=True)
            rows = [
                {"weights": weights, "split": "val", "metric": metric, "class": "all"}
                | {"value": _score(variant, metric, seed) + shift(variant, metric, seed)}
                for weights in ("raw", "ema")
                for metric in ("mAP", "NDS", "mATE")
            ]
            (scores / "metrics.json").write_text(json.dumps({"run_key": run_key, "rows": rows}))
            (run / "record.json").write_text(json.dumps(_record(variant, seed, run_key, **changes)))
        first = {"run_key": f"{key}-{variant}-0", "metrics": {"train_samples_per_s": 8.0, "latency_median_ms": 20.0}}
        units[variant] = first
    (folder / "toy" / "benchmark-x.json").write_text(json.dumps({"units": units}))
    return folder


def write_report(folder: Path, shift: Shift = _none, seeds: int = 6, **changes: Any) -> Path:
    """A report folder: table.csv and records.json."""
    folder.mkdir(parents=True)
    about = {"study": "toy", "status": "finished", "weights": "ema", "split": "val", "class": "all"}
    rows = [
        {
            **about,
            "variant": v,
            "seed": s,
            "run_key": f"r-{v}-{s}",
            "metric": m,
            "value": _score(v, m, s) + shift(v, m, s),
        }
        for v in VARIANTS
        for s in range(seeds)
        for m in ("mAP", "NDS")
    ]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "table.csv", index=False, float_format="%.10g")
    records = [_record(v, s, f"r-{v}-{s}", **changes) for v in VARIANTS for s in range(seeds)]
    (folder / "records.json").write_text(json.dumps(records))
    return folder


def noisy(mean: float, variant: str = "full", metric: str = "mAP") -> Shift:
    noise = np.random.default_rng(0).normal(0, 0.002, 20)
    return lambda v, m, s: (mean if (v, m) == (variant, metric) else 0.0) + noise[(s + 3 * len(m) + len(v)) % 20]


def _diff(a: Path, b: Path, **options: Any) -> Diff:
    return compare_sides(read_side(a, "a"), read_side(b, "b"), DiffOptions(**options))


def _row(diff: Diff, variant: str, metric: str) -> DiffRow:
    return next(row for row in diff.rows if (row.variant, row.metric) == (variant, metric))


def test_a_planted_regression_is_found_and_nothing_else(tmp_path: Path) -> None:
    diff = _diff(write_results(tmp_path / "a"), write_results(tmp_path / "b", noisy(-0.02), key="n"))
    assert [(row.variant, row.metric) for row in diff.regressions] == [("full", "mAP")]
    row = _row(diff, "full", "mAP")
    expected = [100 * noisy(-0.02)("full", "mAP", seed) for seed in range(6)]
    assert row.pairs.differences == pytest.approx(expected)
    assert (row.a, row.b) == pytest.approx((34.5, 34.5 + np.mean(expected)))
    assert row.unit == "points"
    assert _row(diff, "baseline", "mAP").finding in (Finding.NOT_SHOWN, Finding.BETTER)


def test_findings_are_corrected_over_all_rows(tmp_path: Path) -> None:
    diff = _diff(write_results(tmp_path / "a"), write_results(tmp_path / "b", noisy(-0.02), key="n"))
    tested = [row for row in diff.rows if np.isfinite(row.p_holm)]
    raw = [1.0 if row.finding is Finding.EQUAL else row.pairs.p_t for row in tested]
    assert [row.p_holm for row in tested] == pytest.approx(multipletests(raw, method="holm")[1])
    assert len(tested) == 4  # mAP and NDS of two variants


def test_markdown_tells_the_regression_and_no_name_breaks_its_table(tmp_path: Path) -> None:
    found = _diff(write_results(tmp_path / "a"), write_results(tmp_path / "b", noisy(-0.05)))
    text = diff_markdown(replace(found, a="a|<img src=x>", notes=["[x](javascript:1)"]))
    lines = text.splitlines()
    assert found.regressions
    assert lines[0].startswith(f"**{len(found.regressions)} rows are worse**")
    rows = [line for line in lines if line.startswith("| ") and "full | mAP" in line]
    assert len(rows) == 1
    assert "WORSE" in rows[0]
    assert "<img" not in text
    assert "](javascript" not in text
    assert "a\\|" in lines[0]


def test_an_improvement_is_no_regression(tmp_path: Path) -> None:
    diff = _diff(write_results(tmp_path / "a"), write_results(tmp_path / "b", noisy(0.02), key="n"))
    assert _row(diff, "full", "mAP").finding is Finding.BETTER
    assert not diff.regressions


def test_lower_errors_are_better(tmp_path: Path) -> None:
    b = write_results(tmp_path / "b", noisy(-0.05, metric="mATE"), key="n")
    diff = _diff(write_results(tmp_path / "a"), b, metrics=("mATE",))
    row = _row(diff, "full", "mATE")
    assert (row.finding, row.unit) == (Finding.BETTER, "mATE")
    assert row.pairs.summary.mean == pytest.approx(-0.05, abs=0.003)


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_can_not_tell(tmp_path: Path, seeds: int) -> None:
    b = write_results(tmp_path / "b", lambda *_: -0.1, seeds, key="n")
    diff = _diff(write_results(tmp_path / "a", seeds=seeds), b)
    assert _row(diff, "full", "mAP").finding is Finding.CANT_TELL
    assert "too few" in _row(diff, "full", "mAP").reason
    assert not diff.regressions


def test_the_same_shift_in_every_run_has_no_interval_but_is_seen_with_six(tmp_path: Path) -> None:
    a = write_results(tmp_path / "a")
    row = _row(_diff(a, write_results(tmp_path / "b", lambda *_: -0.03, key="n")), "full", "mAP")
    assert row.finding is Finding.WORSE
    assert "no interval" in row.reason


def test_equal_results_are_equal(tmp_path: Path) -> None:
    diff = _diff(write_results(tmp_path / "a"), write_results(tmp_path / "b"))
    assert {row.finding for row in diff.rows} == {Finding.EQUAL}
    assert not diff.causes


def test_the_digits_that_a_table_keeps_make_no_difference(tmp_path: Path) -> None:
    def rounding(variant: str, metric: str, seed: int) -> float:
        return 1e-11 * (1 + seed % 3)

    diff = _diff(write_results(tmp_path / "a"), write_results(tmp_path / "b", rounding))
    assert {row.finding for row in diff.rows} == {Finding.EQUAL}


def test_slower_training_is_a_regression_and_another_machine_is_not(tmp_path: Path) -> None:
    a = write_results(tmp_path / "a")
    slow = write_results(tmp_path / "b", key="n")
    for number, file in enumerate(sorted(slow.rglob("record.json"))):
        record = json.loads(file.read_text())
        record["usage"]["cpu_s"] *= 1.3 + 0.01 * (number % 3)
        file.write_text(json.dumps(record))
    shift = _row(_diff(a, slow, speed=True), "all variants", RATE)
    assert (shift.finding, shift.unit) == (Finding.WORSE, "%")
    assert shift.summary.mean == pytest.approx(-23.7, abs=0.5)
    alone = _row(_diff(a, slow, speed=True), "full", f"{RATE} beside all variants")
    assert alone.summary.mean == pytest.approx(0, abs=0.5)
    assert not _diff(a, slow, speed=True).regressions  # all variants lost the same: the machine, perhaps
    assert not [row for row in _diff(a, slow).rows if row.family == "speed"]
    other = write_results(tmp_path / "c", key="o", device={"type": "cpu", "name": "Y", "processes": 1})
    row = _row(_diff(a, other, speed=True), "full", RATE)
    assert row.finding is Finding.CANT_TELL
    assert "other devices" in row.reason


def test_one_slower_variant_is_found_on_a_slower_machine(tmp_path: Path) -> None:
    a, b = (write_results(tmp_path / side, key=side) for side in "ab")
    for number, file in enumerate(sorted(b.rglob("record.json"))):
        record = json.loads(file.read_text())
        record["usage"]["cpu_s"] *= (1.5 if record["variant"] == "full" else 1.2) + 0.002 * (number % 3)
        file.write_text(json.dumps(record))
    found = _diff(a, b, speed=True)
    assert [row.variant for row in found.regressions] == ["full"]
    family = [row for row in found.rows if row.family == "speed" and np.isfinite(row.p_holm)]
    raw = [row.pairs.p_t for row in family]
    assert [row.p_holm for row in family] == pytest.approx(multipletests(raw, method="holm")[1])


def test_a_diverged_run_is_counted(tmp_path: Path) -> None:
    b = write_results(tmp_path / "b", noisy(-0.02), key="n")
    file = next((b / "toy" / "full" / "seed-2").rglob("record.json"))
    file.write_text(json.dumps({**json.loads(file.read_text()), "status": "diverged"}))
    row = _row(_diff(write_results(tmp_path / "a"), b), "full", "mAP")
    assert (row.pairs.n, row.pairs.summary.failed) == (5, 1)


def test_what_only_one_side_has_is_listed(tmp_path: Path) -> None:
    diff = _diff(write_results(tmp_path / "a", seeds=3), write_results(tmp_path / "b", seeds=4, key="n"))
    assert diff.only_a == []
    assert diff.only_b == ["toy/baseline seed 3", "toy/full seed 3"]
    assert _row(diff, "full", "mAP").pairs.n == 3


def test_causes_are_what_differs_in_the_records(tmp_path: Path) -> None:
    environment = {"packages": {"torch": "2.14.0"}, "cpu": "X", "hosts": ["elsewhere"]}
    settings = {"seed": 9, "training": {"lr": 2e-3}}
    a, b = (
        write_results(tmp_path / "a"),
        write_results(tmp_path / "b", key="n", environment=environment, settings=settings),
    )
    found = {(cause.part, cause.key): cause for cause in _diff(a, b).causes}
    assert set(found) == {("settings", "training.lr"), ("environment", "packages.torch")}
    cause = found["settings", "training.lr"]
    assert (cause.a, cause.b, cause.runs, cause.variants) == (1e-3, 2e-3, 12, ("toy/baseline", "toy/full"))
    assert causes([]) == []


def test_reports_and_results_can_be_compared(tmp_path: Path) -> None:
    a, b = write_report(tmp_path / "reports" / "v1"), write_results(tmp_path / "b", noisy(-0.02))
    diff = _diff(a, b)
    assert _row(diff, "full", "mAP").finding is Finding.WORSE
    assert not _diff(a, write_report(tmp_path / "v2")).regressions


def test_the_newest_of_several_keys_and_reports_is_taken(tmp_path: Path) -> None:
    both = write_results(tmp_path / "both", lambda *_: -0.1, key="old")
    write_results(both, key="new", finished="2026-02-01T00:00:00+00:00")
    side = read_side(both, "both")
    assert {run.run_key.split("-")[0] for run in side.runs.values()} == {"new"}
    assert any("several run keys" in note for note in side.notes)
    reports = tmp_path / "reports"
    write_report(reports / "1", lambda *_: -0.1)
    write_report(reports / "2", finished="2026-02-01T00:00:00+00:00")
    side = read_side(reports, "reports")
    assert side.runs["toy", "full", 0].scores["ema", "mAP"] == pytest.approx(0.32)
    assert any("several reports; the newest, 2" in note for note in side.notes)


def test_nothing_in_common_and_nothing_there_are_refused(tmp_path: Path) -> None:
    a = write_results(tmp_path / "a")
    other = write_results(tmp_path / "b", study="other")
    with pytest.raises(InputError, match=r"no run in common.*toy/full.*other/full"):
        _diff(a, other)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no results"):
        read_side(tmp_path / "empty", "empty")
    for confidence in (0.8, 0.0, 1.0, float("nan")):
        with pytest.raises(InputError, match="--confidence"):
            _diff(a, a, confidence=confidence)
    with pytest.raises(InputError, match="no metric `MAP`"):
        _diff(a, a, metrics=("MAP",))


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits with a report each, the second one worse."""
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "-q", "-b", "main")
    for number, shift in enumerate((_none, noisy(-0.02))):
        write_report(folder / "reports" / "toy" / f"v{number}", shift)
        (folder / "reports" / "toy" / f"v{number}" / "index.html").write_text("large")
        if number:
            _git(folder, "rm", "-r", "-q", "reports/toy/v0")
        _git(folder, "add", ".")
        _git(folder, "commit", "-q", "-m", str(number))
    return folder


def test_two_git_revisions(repository: Path) -> None:
    with opened("main~1", repository) as a, opened("main", repository) as b:
        assert not list(a.rglob("index.html"))
        diff = _diff(a, b)
    assert [(row.variant, row.metric) for row in diff.regressions] == [("full", "mAP")]


def test_a_revision_without_results_and_a_name_that_is_nothing(repository: Path) -> None:
    _git(repository, "rm", "-r", "-q", "reports")
    _git(repository, "commit", "-q", "-m", "none")
    with pytest.raises(InputError, match="no results in this revision"), opened("main", repository):
        pass
    with pytest.raises(InputError, match="neither a folder nor a revision"), opened("nowhere", repository):
        pass


@pytest.fixture
def verb() -> Callable[..., Any]:
    app = build("diff")
    return lambda *arguments: CliRunner().invoke(app, ["diff", *map(str, arguments)])


def test_fail_on_regression_exits_1_after_printing(tmp_path: Path, verb: Callable[..., Any]) -> None:
    a, b = write_results(tmp_path / "a"), write_results(tmp_path / "b", noisy(-0.02), key="n")
    done = verb(a, b, "--fail-on", "regression")
    assert done.exit_code == 1
    assert "WORSE" in done.output
    assert "toy/full mAP" in done.output
    assert verb(a, b).exit_code == 0
    assert verb(b, a, "--fail-on", "regression").exit_code == 0


def _diverge(folder: Path, variant: str) -> None:
    for file in (folder / "toy" / variant).rglob("record.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "status": "diverged"}))


GATES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "one seed": (lambda f: write_results(f, noisy(-0.2), seeds=1, key="n"), "undecided"),
    "two seeds": (lambda f: write_results(f, noisy(-0.2), seeds=2, key="n"), "undecided"),
    "all of B diverged": (lambda f: (write_results(f, key="n"), _diverge(f, "full"))[0], "without a score: toy/full"),
    "a variant missing": (lambda f: (write_results(f, key="n"), shutil.rmtree(f / "toy" / "full"))[0], "missing: toy"),
}


@pytest.mark.parametrize("way", GATES)
def test_the_gate_does_not_take_silence_for_success(tmp_path: Path, verb: Callable[..., Any], way: str) -> None:
    make, words = GATES[way]
    a, b = write_results(tmp_path / "a"), make(tmp_path / "b")
    done = verb(a, b, "--fail-on", "regression")
    assert done.exit_code == 1
    assert words in done.stderr
    allowed = verb(a, b, "--fail-on", "regression", "--allow-undecided")
    assert allowed.exit_code == (0 if words == "undecided" else 1)


def _scored_on(folder: Path, samples: int) -> Path:
    for file in folder.rglob("metrics.json"):
        scores = json.loads(file.read_text())
        file.write_text(json.dumps({**scores, "samples": samples, "tokens_sha256": f"{samples:064}"}))
    return folder


def test_scores_of_a_part_of_the_split_are_not_compared_with_those_of_all(
    tmp_path: Path, verb: Callable[..., Any]
) -> None:
    a, b = (_scored_on(write_results(tmp_path / name, key=name), n) for name, n in (("a", 6019), ("b", 81)))
    done = verb(a, b, "--fail-on", "regression")
    assert done.exit_code == 1
    assert "undecided" in done.stderr
    assert "scored on other samples (81 and 6,019)" in " ".join(done.output.split())
    assert verb(a, _scored_on(write_results(tmp_path / "c", key="c"), 6019), "--fail-on", "regression").exit_code == 0


def test_a_metric_that_no_run_has_passes_no_gate(tmp_path: Path, verb: Callable[..., Any]) -> None:
    a, b = write_results(tmp_path / "a"), write_results(tmp_path / "b", noisy(-0.2), key="n")
    done = verb(a, b, "--metric", "mAVE", "--fail-on", "regression")
    assert done.exit_code == 1
    assert "undecided" in done.stderr


def test_seeds_that_are_not_shared_are_no_failures(tmp_path: Path, verb: Callable[..., Any]) -> None:
    a, b = write_results(tmp_path / "a", seeds=6), write_results(tmp_path / "b", seeds=4, key="n")
    done = verb(a, b, "--fail-on", "regression")
    assert done.exit_code == 0, done.output
    assert "only in A: toy/baseline seed 4" in done.output
    assert "--unpaired" in done.output


def test_runs_of_other_seeds_are_compared_as_groups(tmp_path: Path, verb: Callable[..., Any]) -> None:
    a, b = write_results(tmp_path / "a"), write_results(tmp_path / "b", noisy(-0.1), key="n")
    for folder in sorted((b / "toy").glob("*/seed-*")):
        for file in folder.rglob("record.json"):
            file.write_text(json.dumps({**json.loads(file.read_text()), "seed": 100 + int(folder.name[5:])}))
        folder.rename(folder.with_name(f"seed-{100 + int(folder.name[5:])}"))
    refused = verb(a, b)
    assert refused.exit_code == 2
    assert "--unpaired" in refused.stderr
    found = _diff(a, b, unpaired=True)
    assert [(row.variant, row.metric) for row in found.regressions] == [("full", "mAP")]
    row = _row(found, "full", "mAP")
    ours, theirs = (
        [100 * (_score("full", "mAP", s) + shift("full", "mAP", s)) for s in range(6)] for shift in (noisy(-0.1), _none)
    )
    expected = stats.ttest_ind(ours, theirs, equal_var=False)
    assert row.pairs.p == pytest.approx(expected.pvalue)
    assert (row.summary.low, row.summary.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert verb(a, b, "--unpaired", "--fail-on", "regression").exit_code == 1


def test_unchanged_results_are_said_to_be_the_same_files(tmp_path: Path, verb: Callable[..., Any]) -> None:
    a = write_results(tmp_path / "a")
    shutil.copytree(a, tmp_path / "b")
    done = verb(a, tmp_path / "b")
    assert "12 of 12 paired runs are the same files on both sides: nothing was rerun" in done.output
    assert "Paired records agree" not in done.output
    again = write_results(tmp_path / "c", finished="2026-03-01T00:00:00+00:00")
    assert "Paired records agree" in verb(a, again).output


def test_nothing_is_said_of_what_has_no_record(tmp_path: Path, verb: Callable[..., Any]) -> None:
    for side in "ab":
        scores = tmp_path / side / "toy" / "full" / "seed-7" / "ingested-x" / "metrics-m"
        scores.mkdir(parents=True)
        about = {"study": "toy", "variant": "full", "seed": 7, "sha256": side * 64, "weights": "ema"}
        (scores.parent / "ingested.json").write_text(json.dumps(about))
        rows = [
            {"weights": "ema", "split": "val", "metric": m, "class": "all", "value": 0.3 + (side == "b") / 100}
            for m in ("mAP", "NDS")
        ]
        (scores / "metrics.json").write_text(json.dumps({"rows": rows}))
    done = verb(tmp_path / "a", tmp_path / "b")
    assert "1 of 1 paired runs have no record" in done.output
    assert "agree" not in done.output


def test_json_has_no_nan(tmp_path: Path, verb: Callable[..., Any]) -> None:
    a, b = write_results(tmp_path / "a", seeds=1), write_results(tmp_path / "b", noisy(-0.02), seeds=1)
    done = verb(a, b, "--format", "json")
    tree = json.loads(done.output, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    row = next(row for row in tree["rows"] if row["metric"] == "mAP")
    assert row["low"] is None
    assert row["finding"] == "CAN'T TELL"
    assert tree["regressions"] == 0


def test_bad_input_exits_2(tmp_path: Path, verb: Callable[..., Any]) -> None:
    done = verb(tmp_path / "missing", tmp_path)
    assert done.exit_code == 2
    assert "neither a folder nor a revision" in done.output


@pytest.mark.slow
def test_a_revision_whose_results_dvc_stores(tmp_path: Path) -> None:
    from dvc.repo import Repo

    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "-q", "-b", "main")
    dvc = Repo.init(str(folder))
    for number, shift in enumerate((_none, noisy(-0.02))):
        shutil.rmtree(folder / "results", ignore_errors=True)
        write_results(folder / "results", shift, key=str(number))
        dvc.add([str(folder / "results")])
        _git(folder, "add", "-A")
        _git(folder, "commit", "-q", "-m", str(number))
    shutil.rmtree(folder / "results")
    with opened("main~1", folder) as a, opened("main", folder) as b:
        diff = _diff(a, b)
    assert [(row.variant, row.metric) for row in diff.regressions] == [("full", "mAP")]

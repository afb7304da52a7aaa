"""A whole study, end to end through Snakemake: smaller than `smoke`, every stage real."""

import base64
import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from workplace import NANO, ROOT, Workplace

pytestmark = pytest.mark.slow


def test_every_stage_left_its_result(finished: Workplace) -> None:
    assert {unit for unit, _ in finished.records()} == {"teacher", "label-encoder", "baseline", "full"}
    report = next(finished.folder.glob("reports/nano/*/index.html"))
    assert {p.name for p in report.parent.iterdir()} >= {"table.csv", "records.json", "summary.json", "figures"}
    figures = {file.name for file in (report.parent / "figures").iterdir()}
    assert figures >= {"features.svg", "precision_recall.svg", "frame-fullest.jpg", "frame-teacher.jpg", "frames.csv"}
    page = report.read_text().partition("</style>")[2]
    assert all(f'id="{section}"' in page for section in ("curves", "key-frames", "features", "usage", "recipe"))
    assert "NOT COMPARABLE" in page
    assert "REPRODUCED" not in page


def test_the_table_holds_both_weights_of_every_run_and_throughput(finished: Workplace) -> None:
    table = pd.read_parquet(next(finished.folder.glob("results/nano/table-*.parquet")))
    overall = table[(table["class"] == "all") & (table["metric"] == "NDS")]
    assert sorted(zip(overall["variant"], overall["weights"], strict=True)) == sorted(
        (unit, weights) for unit in ("teacher", "label-encoder", "baseline", "full") for weights in ("raw", "ema")
    )
    speed = table[table["metric"] == "train_samples_per_s"]
    assert set(speed["variant"]) == {"teacher", "baseline", "full"}
    assert (speed["value"] > 0).all()


def test_the_end_is_shown_with_verdict_and_report(finished: Workplace) -> None:
    shown = finished.run("labeldistill", "show", "nano")
    assert shown.returncode == 0, shown.stderr
    assert "NOT COMPARABLE" in shown.stdout
    assert "reports/nano/" in shown.stdout


def test_a_second_run_does_nothing(finished: Workplace) -> None:
    again = finished.snakemake()
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


def test_file_times_and_snakemakes_memory_play_no_part(finished: Workplace) -> None:
    shutil.rmtree(finished.folder / ".snakemake")
    inputs = [*finished.folder.glob("results/data/*/*.json"), *finished.folder.glob("results/nano/*/*/*/record.json")]
    for file in inputs:
        os.utime(file)
    again = finished.snakemake("-n")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_mark_left_by_a_killed_snakemake_hides_no_missing_work(finished: Workplace) -> None:
    """Killed after a record was written, before Snakemake struck its mark out: what is missing is still asked for."""
    record = next(finished.folder.glob("results/nano/full/*/*/record.json")).relative_to(finished.folder)
    mark = finished.folder / ".snakemake/incomplete" / base64.b64encode(str(record).encode()).decode()
    report = next(finished.folder.glob("reports/nano/*/index.html"))
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text('{"external_jobid": null}')
    aside = report.rename(report.with_suffix(".aside"))
    try:
        without_profile = finished.snakemake("-n", "--workflow-profile", "none", "--rerun-incomplete")
        plan = finished.snakemake("-n")
    finally:
        aside.rename(report)
        mark.unlink()
    assert "rule report:" in plan.stdout
    assert "rule train_student:" not in plan.stdout
    assert "rule train_student:" in without_profile.stdout, "Snakemake reads no such marks any more"


def test_one_of_two_prediction_files_is_no_result(finished: Workplace, tmp_path: Path) -> None:
    """What a prediction leaves that was killed between them: it is asked for again, the scores after it."""
    scores = next(finished.folder.glob("results/nano/full/seed-3/*/pred*/metrics-*/metrics.json"))
    away = [scores, scores.parents[1] / "detections/predictions-ema.parquet"]
    for file in away:
        shutil.move(file, tmp_path / file.name)
    try:
        plan = finished.snakemake("-n", str(scores.relative_to(finished.folder)))
    finally:
        for file in away:
            shutil.move(tmp_path / file.name, file)
    assert re.findall(r"^rule (\w+):", plan.stdout, flags=re.MULTILINE) == ["predict", "score"]


def test_a_loss_weight_retrains_its_variant_alone(finished: Workplace) -> None:
    terms = {"detection": 1.0, "depth": 3.0, "label_feature": 0.7}
    finished.write({**NANO, "variants!": {**NANO["variants!"], "full": {"terms": terms}}})  # type: ignore[dict-item]
    try:
        plan = finished.snakemake("-n")
    finally:
        finished.write(NANO)
    assert "train_student" in plan.stdout
    trained = [line for line in plan.stdout.splitlines() if "output:" in line and "record.json" in line]
    assert len(trained) == 1
    assert "/full/" in trained[0]


def test_another_runs_artefact_is_refused(finished: Workplace) -> None:
    metrics = next(finished.folder.glob("results/nano/full/seed-3/*/pred*/metrics-*/metrics.json"))
    text = metrics.read_text()
    metrics.write_text(text.replace(json.loads(text)["run_key"], "0123456789ab"))
    try:
        result = finished.run("labeldistill", "gather", "nano")
    finally:
        metrics.write_text(text)
    assert result.returncode == 2
    assert "0123456789ab" in result.stderr
    assert "metrics.json" in result.stderr


def test_the_same_seed_twice_gives_the_same_bits(finished: Workplace) -> None:
    """A second full run elsewhere: metrics are equal to the last bit."""
    metrics = next(finished.folder.glob("results/nano/full/seed-3/*/pred*/metrics-*/metrics.json"))
    run = metrics.parents[2]
    before, weights = metrics.read_bytes(), (run / "weights-raw.safetensors").read_bytes()
    shutil.rmtree(run)
    again = finished.snakemake(str(metrics.relative_to(finished.folder)))
    assert again.returncode == 0, again.stderr
    assert metrics.read_bytes() == before
    assert (run / "weights-raw.safetensors").read_bytes() == weights


def _readme_commands() -> list[str]:
    """Commands that README and the pages of docs show in indented blocks; fenced ones need data that is not here."""
    pages = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    lines = [line for page in pages for line in page.read_text().splitlines()]
    shown = dict.fromkeys(line.split("#")[0].strip() for line in lines if line.startswith("    "))
    return [line for line in shown if line.startswith(("make ", "snakemake ", "labeldistill "))]


def test_the_readme_shows_commands() -> None:
    assert _readme_commands()[:2] == ["make study", "make test"]


@pytest.mark.parametrize("command", _readme_commands())
def test_the_readmes_commands_run(finished: Workplace, command: str) -> None:
    """Verbs run for real on the small study; make and snakemake say what they would do (they run whole elsewhere)."""
    words = command.replace("smoke", "nano").replace("quickstart", "nano").split()
    if words[0] == "make":
        done = finished.run("make", "-C", str(ROOT), "-n", *words[1:])
    elif words[0] == "snakemake":
        words = [str(ROOT / word) if word.startswith("workflow/") else word for word in words]
        done = finished.run("snakemake", "-n", "--snakefile", str(ROOT / "workflow/Snakefile"), *words[1:])
        if "paper-" in command:  # no start weights and no nuScenes here: one clear message
            assert "the start weights of the study paper-r50-3f are not there" in done.stdout + done.stderr
            return
    else:
        if words[1] == "check":
            assert finished.run("labeldistill", "check", "nano", "--write").returncode == 0
        done = finished.run(*words)
        if words[1] == "check":  # one seed of a study that detects nothing: no gate
            assert done.returncode == 1
            assert "can serve as a gate" in done.stderr
            return
    assert done.returncode == 0, done.stdout + done.stderr

"""Results as the workflow leaves them, with scores that a test chooses, under the keys of a plan."""

import json
from collections.abc import Callable
from typing import Any

from labeldistill.config.run_files import predictions_path
from labeldistill.evaluation.result import Agreement
from labeldistill.study.confirmed import confirm, of_ingested, of_run, scored
from labeldistill.study.ingested import IngestedRun
from labeldistill.study.plan import PlannedRun, StudyPlan

AGREED = dict.fromkeys(("raw", "ema"), Agreement(0.0, ""))
"""What an arbiter says that finds no difference."""
Score = Callable[[str, str, int], float]
"""Unit, metric, seed -> fraction."""


def record(run: PlannedRun, study: str = "smoke") -> dict[str, Any]:
    """A toy record, without most of what the schema asks for."""
    about = {"run_key": run.key, "variant": run.unit, "stage": run.stage, "seed": run.seed, "study": study}
    return {**about, "status": "finished", "reason": None, "finished": "2026-01-01"}


def score_rows(unit: str, seed: int, score: Score) -> list[dict[str, Any]]:
    about = {"split": "val", "class": "all"}
    return [
        {**about, "weights": weights, "metric": metric, "value": score(unit, metric, seed)}
        for weights in ("raw", "ema")
        for metric in ("mAP", "NDS")
    ]


def finish(
    plan: StudyPlan, run: PlannedRun, score: Score, scores: dict[str, Any] | None = None, **changes: Any
) -> None:
    """Leave a trained and scored run; `scores` go into metrics.json, `changes` into the record."""
    plan.metrics(run).mkdir(parents=True)
    run.record.write_text(json.dumps({**record(run, plan.study.name), **changes}))
    plan.predictions(run).mkdir()
    for weights in ("raw", "ema"):
        predictions_path(plan.predictions(run), weights).touch()
    found = {"run_key": run.key, "scenes": 2, "rows": score_rows(run.unit, run.seed, score), "slices": []}
    found |= {"findings": {}, "diverged": {}} | (scores or {})
    (plan.metrics(run) / "metrics.json").write_text(json.dumps(found))
    confirm(plan, of_run(plan, run), AGREED)


def confirm_all(plan: StudyPlan) -> None:
    """Scores that a test changed, as if the devkit had computed the same."""
    for run in scored(plan):
        confirm(plan, run, AGREED)


def benchmark(plan: StudyPlan) -> None:
    units = {run.unit: {"run_key": run.key, "metrics": {"latency_median_ms": 20.0}} for run in plan.benchmarked}
    plan.benchmark.write_text(json.dumps({"units": units}))


def take_in(plan: StudyPlan, variant: str, seed: int, score: Score, weights: str = "ema", digit: str = "a") -> None:
    """Leave an ingested run."""
    folder = plan.folder / variant / f"seed-{seed}" / f"ingested-{digit * 12}"
    scores = folder / f"metrics-{plan.scorer}"
    scores.mkdir(parents=True)
    about = {"variant": variant, "seed": seed, "weights": weights, "sha256": digit * 64, "source": "theirs"}
    (folder / "ingested.json").write_text(json.dumps({"study": plan.study.name, **about}))
    rows = [row for row in score_rows(variant, seed, score) if row["weights"] == weights]
    found = {"run_key": digit * 12, "scenes": 2, "rows": rows, "slices": [], "findings": {}, "diverged": {}}
    (scores / "metrics.json").write_text(json.dumps(found))
    plan.__dict__.pop("ingested", None)  # what lies there is looked up once
    run = IngestedRun(variant, seed, weights, digit * 12, "theirs", folder)
    confirm(plan, of_ingested(plan, run), AGREED)

"""The page of a report: the answers first, then the main table, then the evidence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from labeldistill.claims.claims import load_claims
from labeldistill.claims.hypotheses import load_hypotheses
from labeldistill.config.metrics import METRICS
from labeldistill.records.gather_rows import FINISHED
from labeldistill.records.provenance import code_provenance
from labeldistill.reporting.answers import study_answers
from labeldistill.reporting.hypothesis_table import hypothesis_rows
from labeldistill.reporting.intervals import interval_rows, pair_scenes
from labeldistill.reporting.pages import environment
from labeldistill.reporting.pairs import pair_rows
from labeldistill.reporting.paper_table import main_table
from labeldistill.reporting.recipe_table import deviations, recipe_section
from labeldistill.reporting.run_figures import Drawn
from labeldistill.reporting.run_sources import unit_sources
from labeldistill.reporting.slice_table import slice_rows
from labeldistill.reporting.sources import ReportSources
from labeldistill.reporting.usage_table import usage_table
from labeldistill.statistics.holm import Finding, family_size
from labeldistill.statistics.sensitivity import failure_words

_ABOUT_RUN = ("variant", "seed", "run_key", "status", "reason")


def report_page(made: ReportSources, drawn: Drawn, folder: Path, *, patch: bool) -> str:
    """The page as HTML.

    Args:
        made: what it tells of. drawn: its figures.
        folder: the report's, with the figures' files.
        patch: whether `uncommitted.diff` lies beside it.
    """
    parts = {**_about(made), **_statistics(made), **_runs(made)}
    parts |= {"pictures": drawn.pictures, "frames": drawn.frames, "patch": patch}
    return environment(folder / "figures").get_template("report.html").render(**parts, contents=_contents(parts))


def _contents(parts: dict[str, Any]) -> list[tuple[str, str]]:
    """Id and name of each section that the page has."""
    pictures = parts["pictures"]
    every = [
        ("answers", "What this study says", True),
        ("main-table", "Published and reproduced", True),
        ("metrics", "Every metric", True),
        ("differences", "Differences to the baseline", True),
        ("looks", "Looks", parts["looks"] and parts["pairs"]),
        ("intervals", "Intervals", True),
        ("hypotheses", "Tests of the conclusions", True),
        ("slices", "Parts of the split", parts["slices"]),
        ("classes", "Classes", "per_class" in pictures),
        ("curves", "Precision and recall", "precision_recall" in pictures),
        ("key-frames", "Key frames", parts["frames"]),
        ("features", "Features", "features" in pictures),
        ("training", "Training", "losses" in pictures),
        ("throughput", "Throughput and memory", parts["device"] and parts["throughput"]),
        ("usage", "What the runs took", parts["usage"]),
        ("recipe", "Unlike the release", True),
        ("runs", "Every run", True),
        ("files", "Files and settings", True),
    ]
    return [(id, name) for id, name, there in every if there]


def _about(made: ReportSources) -> dict[str, Any]:
    study = made.study
    code = made.records[0]["code"] if made.records else code_provenance()
    return {
        "study": study,
        "tables": made.tables,
        "version": made.version,
        "remade": made.remade,
        "commit": code.get("commit") or "unknown",
        "dirty": bool(code.get("dirty")),
        "source": "a synthetic world" if study.data.synth else f"nuScenes {study.data.version}",
        "metrics": METRICS,
        "main": made.tables.main(),
        "registration": made.evidence.registration,
        "device": made.device,
        "ingested": made.ingested,
        "adopted": made.adopted,
        "looks": made.looks,
        "waived": made.waived,
        "settings": yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False),
    }


def _statistics(made: ReportSources) -> dict[str, Any]:
    """Answers, the paper's table, intervals, paired tests, slices, and what must be said of single runs."""
    study, tables, scored = made.study, made.tables, made.scored
    confidence, claims = study.verdict.confidence, load_claims()
    rows = pair_rows(tables, study, made.scored, confidence=confidence, evidence=made.evidence)
    pairs = [(row, pair_scenes(tables, scored, row, confidence=confidence)) for row in rows]
    paper = main_table(study, tables, claims, made.evidence)
    hypotheses = hypothesis_rows(study, tables, scored, load_hypotheses(), claims, made.evidence)
    return {
        "percent": f"{confidence * 100:g} %",
        "alpha": f"{study.verdict.alpha * 100:g} %",
        "said": study_answers(study, tables, scored, made.evidence),
        "paper": paper.to_dict("records"),
        "paper_notes": list(dict.fromkeys(paper["reason"])),
        "scored": scored,
        "findings": [run for run in scored if run.findings],
        "unfinished": [run for run in scored if run.status != FINISHED],
        "failures": _failures(made),
        "pairs": pairs,
        "family": family_size([row.p_holm for row in rows]),
        # a p value says why no difference is shown; every other finding has its reason below the table
        "pair_notes": list(dict.fromkeys(row.reason for row in rows if row.finding is not Finding.NOT_SHOWN)),
        "pair_caveats": list(dict.fromkeys(s.both.caveat for _, s in pairs if s.both.caveat)),
        "intervals": interval_rows(tables, scored, confidence=confidence),
        "hypotheses": hypotheses,
        "slices": slice_rows(tables, confidence=confidence),
    }


def _failures(made: ReportSources) -> list[str]:
    """The rate of runs without a score of every unit that has one, with its exact interval."""
    found: list[str] = []
    for unit in made.tables.units_present():
        summary = made.tables.summary(unit, "mAP")
        if summary.failed:
            rate = failure_words(summary.failed, summary.n + summary.failed, confidence=made.study.verdict.confidence)
            found.append(f"{unit}: {rate}")
    return found


def _runs(made: ReportSources) -> dict[str, Any]:
    """Where every number comes from, each run's scores, and what was measured of speed and memory."""
    runs = made.tables.runs()
    columns = [str(name) for name in runs.columns if name not in _ABOUT_RUN]
    scores = {(str(r["variant"]), int(r["seed"]), str(r["run_key"])): r for r in runs.to_dict("records")}
    speed, took = made.tables.throughput(), usage_table(made.records)
    return {
        "sources": unit_sources(made),
        "run_columns": columns,
        "run_scores": scores,
        "throughput": _Measured(speed) if not speed.empty else None,
        "usage": _Measured(took) if not took.empty else None,
        "recipe": recipe_section(made.study),
        "deviations": deviations(made.study),
    }


class _Measured:
    """Columns and rows of a table, as a template walks through them."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.columns = [str(name) for name in table.columns]
        self.rows = [(str(name), np.asarray(row, dtype=float).tolist()) for name, row in table.iterrows()]

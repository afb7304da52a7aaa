"""The paper's further tables: components, channel ratios, label encoder and student, distances, auto-encoder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from labeldistill.claims.evidence import evidence_of
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.errors import InputError
from labeldistill.reporting import ablation_rows
from labeldistill.reporting.ablation_rows import About
from labeldistill.reporting.numbers import NOTHING, interval, spread
from labeldistill.reporting.pairs import PairRow, pair_rows
from labeldistill.reporting.scored_runs import ScoredRun
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.text_table import Bold, TextTable
from labeldistill.statistics.holm import FEWEST_PAIRS, Finding, family_size
from labeldistill.statistics.summary import Summary
from labeldistill.study.plan import StudyPlan


@dataclass(frozen=True)
class Ablation:
    """A table for a paper: `text` for readers; `numbers`, one row per unit and metric, for CSV."""

    text: TextTable
    numbers: pd.DataFrame


@dataclass(frozen=True)
class Scored:
    """What the tables are made from; `about` says of which study, weights and split."""

    plan: StudyPlan
    tables: StudyTables
    runs: Sequence[ScoredRun]
    about: str

    @property
    def percent(self) -> str:
        """Of the intervals."""
        return f"{self.plan.study.verdict.confidence * 100:g} %"


def components(made: Scored) -> Ablation:
    """Which loss terms each variant has, its scores, and the difference to the baseline."""
    return _compared(made, "Components of the method", ablation_rows.terms_of(made.plan), _headline())


def partition(made: Scored) -> Ablation:
    """How the channels are divided into groups, and what the student makes of it."""
    return _compared(made, "Shares of channels of each group", ablation_rows.shares_of(made.plan), _headline())


def label_encoder(made: Scored) -> Ablation:
    """How good the label encoder is by itself, and the student that learnt from it."""
    about = ablation_rows.lengths_of(made.plan)
    tables, users = ablation_rows.by_encoder(made.tables, made.plan)
    behind = {variant: name for name, variants in users.items() for variant in variants}
    rows = {
        variant: {**row, **{f"its {m}": _own(tables, behind.get(variant), m) for m in HEADLINE}}
        for variant, row in about.items()
    }
    return _compared(
        made, "Label encoder and student: scores of the label encoder are boxes in, boxes out", rows, _headline()
    )


def _own(tables: StudyTables, encoder: str | None, metric: str) -> str:
    return NOTHING if encoder is None else spread(tables.summary(encoder, metric), metric)


def distance(made: Scored) -> Ablation:
    """mAP of each distance range.

    Raises:
        InputError: the study was not scored by distance.
    """
    parts = made.tables.slices().get("distance")
    if not parts:
        raise InputError(f"{made.plan.study.name} was not scored by `distance`", key="evaluation_slices")
    about: About = {variant: {} for variant in made.plan.study.variants}
    columns = {part.removeprefix("distance "): f"mAP@{part}" for part in parts}
    truths = ", ".join(f"{made.tables.truths(part)} in {part.removeprefix('distance ')}" for part in parts)
    return _compared(made, f"mAP by distance from the ego vehicle; annotated boxes: {truths}", about, columns)


def auto_encoder(made: Scored) -> Ablation:
    """What the frozen head decodes of the label encoder's features, beside the LiDAR teacher whose head it is.

    Raises:
        InputError: the study has no label encoder.
    """
    tables, users = ablation_rows.by_encoder(made.tables, made.plan)
    there = [name for name in users if tables.summary(name, HEADLINE[0]).n]
    if not there:
        raise InputError(f"{made.plan.study.name} has no scored label encoder", key="variants")
    teachers = [unit for unit in ablation_rows.stages_of(tables) if unit == "teacher"]
    units = {**dict.fromkeys(teachers, "points"), **dict.fromkeys(there, "annotated boxes")}
    head = ["unit", "input", "n", *(f"{name} ({spec.unit})" for name, spec in METRICS.items())]
    found = {unit: {metric: tables.summary(unit, metric) for metric in METRICS} for unit in units}
    body = [
        [unit, given, _count(found[unit]), *(spread(s, m) for m, s in found[unit].items())]
        for unit, given in units.items()
    ]
    numbers = [
        {"unit": unit, "input": units[unit], "metric": metric, **_numbers(summary, metric)}
        for unit, of in found.items()
        for metric, summary in of.items()
    ]
    caption = f"Label auto-encoder: {made.about}; mean ± sd over runs"
    lines = [
        "A label encoder reads the annotation, so its scores bound what its features can teach and are no detector's."
    ]
    return Ablation(TextTable(caption, head, body, frozenset({"unit", "input"}), (), lines), pd.DataFrame(numbers))


KINDS: Mapping[str, Callable[[Scored], Ablation]] = {
    "components": components,
    "partition": partition,
    "label-encoder": label_encoder,
    "distance": distance,
    "auto-encoder": auto_encoder,
}
"""Name of each table -> how it is made."""


def _headline() -> dict[str, str]:
    return {metric: metric for metric in HEADLINE}


def _compared(made: Scored, what: str, about: About, columns: Mapping[str, str]) -> Ablation:
    """One row per variant: what it is, each metric with spread, and the difference to the baseline with interval.

    Args:
        made: scores and plan. what: the caption's beginning.
        about: variant -> heading -> cell; every variant has the same headings.
        columns: heading -> metric of the tidy table.
    """
    study, tables = made.plan.study, made.tables
    rows = pair_rows(
        tables,
        study,
        made.runs,
        confidence=study.verdict.confidence,
        metrics=tuple(columns.values()),
        evidence=evidence_of(made.plan),
    )
    pairs = {(row.variant, row.metric): row for row in rows}
    kinds = list(next(iter(about.values())))
    head = ["variant", *kinds, "n", *(name for column in columns for name in (column, f"Δ {column}"))]
    body: list[list[str]] = []
    numbers: list[dict[str, object]] = []
    for unit, cells in about.items():
        found = {metric: tables.summary(unit, metric) for metric in columns.values()}
        row = [unit, *cells.values(), _count(found)]
        for metric, summary in found.items():
            pair = pairs.get((unit, metric))
            scale = metric.partition("@")[0]
            row += [spread(summary, scale), _difference(pair, scale)]
            numbers.append({"variant": unit, **cells, "metric": metric, **_numbers(summary, scale), **_tested(pair)})
        body.append(row)
    family = family_size([row.p_holm for row in rows])
    shown = [
        f"{row.variant}, {row.metric}: {row.reason}" for row in rows if row.finding in (Finding.BETTER, Finding.WORSE)
    ]
    caption = (
        f"{what}: {made.about}; mean ± sd over runs; Δ: paired difference to {study.baseline} with its {made.percent} "
        f"t interval over seeds; bold: a difference shown after Holm's correction over {family} comparisons"
    )
    untested = f"No comparison was tested: at least {FEWEST_PAIRS} shared seeds are needed."
    lines = shown or [f"No difference to {study.baseline} is shown." if family else untested]
    return Ablation(TextTable(caption, head, body, frozenset({"variant"}), (), lines), pd.DataFrame(numbers))


def _count(found: Mapping[str, Summary]) -> str:
    first = next(iter(found.values()))
    return f"{first.n}" + (f" ({first.failed} failed)" if first.failed else "")


def _difference(pair: PairRow | None, metric: str) -> str:
    if pair is None:
        return NOTHING
    text = interval(pair.pairs.summary, metric)
    return Bold(text) if pair.finding in (Finding.BETTER, Finding.WORSE) else text


def _numbers(summary: Summary, metric: str) -> dict[str, object]:
    scale = METRICS[metric].scale
    return {name: getattr(summary, name) * scale for name in ("mean", "sd", "low", "high")} | {
        "n": summary.n,
        "failed": summary.failed,
    }


def _tested(pair: PairRow | None) -> dict[str, object]:
    if pair is None:
        return {}
    found, scale = pair.pairs.summary, METRICS[pair.metric.partition("@")[0]].scale
    numbers = {
        f"difference{end}": getattr(found, name) * scale
        for end, name in (("", "mean"), ("_low", "low"), ("_high", "high"))
    }
    return {**numbers, "p_holm": pair.p_holm, "finding": str(pair.finding), "reason": pair.reason}

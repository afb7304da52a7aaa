"""A plan in the terminal."""

import sys
from collections.abc import Sequence
from math import isnan
from typing import Any

from rich.console import Console
from rich.table import Table

from labeldistill.cli.console import plain_console
from labeldistill.config.metrics import HEADLINE
from labeldistill.config.study import StudySettings
from labeldistill.planning.forecast import Forecast
from labeldistill.planning.seed_planning import Standing
from labeldistill.statistics.equivalence import margin_is_hopeless
from labeldistill.statistics.interim import FUTILE
from labeldistill.statistics.paired import pairs_for_sign_flip
from labeldistill.statistics.sequential import looks_at, sequential_design


def _console() -> Console:
    return plain_console(160)


def _table(title: str, left: Sequence[str], right: Sequence[str], last: str = "") -> Table:
    table = Table(title=title, title_justify="left")
    for name in left:
        table.add_column(name)
    for name in right:
        table.add_column(name, justify="right")
    if last:
        table.add_column(last)
    return table


def print_plan(study: StudySettings, found: Forecast) -> None:
    """Print jobs, hours, disk space and seeds."""
    console = _console()
    table = _table(f"Study {study.name}: jobs", ["job"], ["all", "there already", "to run"])
    for job in found.jobs:
        table.add_row(job.kind, str(job.total), str(job.there), str(job.to_run))
    total, there = (sum(getattr(job, name) for job in found.jobs) for name in ("total", "there"))
    table.add_row("all", str(total), str(there), str(total - there))
    console.print(table)
    if found.unknown:
        console.print(f"Keys are unknown, so reuse is unknown: {found.unknown}")
    _print_hours(console, study, found)
    _print_needs(console, study, found)


def _print_hours(console: Console, study: StudySettings, found: Forecast) -> None:
    if not found.hours:
        console.print("No training is left.")
        return
    gpu = any(entry.gpu_hours for entry in found.hours)
    kind = "GPU-hours" if gpu else "CPU-hours"
    table = _table("Remaining training", ["unit"], ["runs", kind, "disk GB"], "from")
    for entry in found.hours:
        hours = entry.gpu_hours if gpu else entry.cpu_hours
        table.add_row(entry.unit, str(entry.runs), f"{hours:.3g}", f"{entry.bytes / 1e9:.2g}", entry.basis)
    if found.index_bytes:
        table.add_row("(index)", "", "", f"{found.index_bytes / 1e9:.2g}", "points in every image, assumed")
    hours = sum(entry.gpu_hours if gpu else entry.cpu_hours for entry in found.hours)
    runs = sum(entry.runs for entry in found.hours)
    table.add_row("all", str(runs), f"{hours:.3g}", f"{found.bytes / 1e9:.2g}", f"{found.free_bytes / 1e9:.0f} GB free")
    console.print(table)
    if found.bytes > found.free_bytes:
        console.print("The disk is too small for these runs.", style="bold")


def _print_needs(console: Console, study: StudySettings, found: Forecast) -> None:
    verdict = study.verdict
    title = f"Seeds for a verdict with {verdict.power * 100:g} % power; the study has {found.seeds}"
    seeds = ["seeds to show equivalence", f"power with {found.seeds}", "pairs to show a difference"]
    table = _table(title, ["metric", "spread (points)"], ["sd [95 %]", "margin", *seeds])
    for need in found.needs:
        numbers = [str(n) if n else "none suffices" for n in (need.equivalence, need.difference)]
        table.add_row(
            need.metric,
            need.basis,
            f"{need.sd:.2f}" + ("" if need.sd_low is None else f" [{need.sd_low:.2f}, {need.sd_high:.2f}]"),
            f"{need.margin:g}",
            numbers[0],
            f"{need.power_now * 100:.0f} %",
            numbers[1],
        )
    console.print(table)
    comparisons = len(HEADLINE) * (len(study.variants) - 1)
    console.print(
        f"Equivalence: {' and '.join(HEADLINE)} of a claim together, after Holm's correction, taken as independent. "
        f"Difference: after Holm over {comparisons} comparison{'' if comparisons == 1 else 's'} with the baseline."
    )
    for metric, noise, margin in dict.fromkeys((n.metric, n.published_sd, n.margin) for n in found.needs):
        if margin_is_hopeless(margin, noise, verdict.alpha):
            console.print(
                f"{metric} can't be REPRODUCED within {margin:g} by any number of seeds: the published "
                f"value is one run, taken to vary by {noise:.2g} points (`noise` in the claims file). Declare a wider "
                "margin before the first score, or expect BETTER, WORSE or INCONCLUSIVE."
            )
    if not comparisons:
        return  # a study with one variant has no comparison with a baseline
    alone, in_family = pairs_for_sign_flip(verdict.alpha), pairs_for_sign_flip(verdict.alpha, comparisons)
    console.print(
        f"A sign-flip verdict needs at least {alone} pairs ({in_family} after Holm over {comparisons} comparisons); "
        "the paired t test needs fewer but assumes normal noise."
    )


def print_sequential(study: StudySettings, standing: list[Standing]) -> None:
    """Print the looks with their levels, then the state of every question and the seeds to run next."""
    console = _console()
    verdict = study.verdict
    looks = looks_at(len(study.seeds), verdict.seeds_per_look)
    console.print(
        "Group-sequential rule, O'Brien-Fleming spending: very little of the error rate is spent early and nearly all "
        "of it at the last look, so the last test is almost that of a fixed number of seeds. Over all looks together "
        f"each kind of false verdict stays at {verdict.alpha * 100:g} %; comparisons with the baseline share it "
        "evenly. "
        f"A look that leaves less than a {FUTILE:.0%} chance of a verdict ends the question as futile; this can be "
        "ignored without harm. Whoever looks between the planned looks may use the e-value alone: above "
        f"{1 / verdict.alpha:g} it shows a difference at {verdict.alpha * 100:g} % however often one looks (each "
        "comparison on its own), at a price in power."
    )
    table = _table("Looks", ["look"], ["seeds", "equivalence: p at most", "difference to a claim: p at most"])
    for number, look in enumerate(sequential_design(looks, verdict.alpha).looks, start=1):
        levels = [f"{level:.2g}" for level in (look.levels.equivalence, look.levels.difference)]
        table.add_row(str(number), f"{look.seeds}: {', '.join(map(str, study.seeds[: look.seeds]))}", *levels)
    console.print(table)
    state = _table("Current state", ["question"], ["seeds seen", "e-value"], "verdict")
    for entry in standing:
        decision = entry.decision
        where = f"{decision.judgement.verdict}: {decision.reason}" if decision.stop else decision.reason
        evidence = "-" if isnan(decision.e_value) else f"{decision.e_value:.2g}"
        state.add_row(entry.question, str(decision.seeds), evidence, where)
    console.print(state)
    wanted = [entry.decision.next_seeds for entry in standing if entry.decision.next_seeds]
    if not wanted:
        console.print("Every question is settled or has no looks left: no more seeds are needed.")
        return
    seeds = study.seeds[: min(wanted)]
    console.print(f"Next look with seeds {', '.join(map(str, seeds))}.")


def told_look(look: dict[str, Any], last: bool) -> None:
    """Report a look on stderr as soon as it is made."""
    questions = look["questions"]
    settled = sum(answer["settled"] for answer in questions)
    seeds = ", ".join(map(str, look["seeds"]))
    then = "no more seeds are needed" if last else "more seeds are run"
    head = f"look {look['look']} of {look['of']}, seeds {seeds}"
    print(f"{head}: {settled} of {len(questions)} questions settled; {then}", file=sys.stderr, flush=True)

"""How a judgement of one result file is printed."""

import math
from typing import Any

from rich.table import Table

from labeldistill.cli.console import plain_console
from labeldistill.config.metrics import METRICS
from labeldistill.evaluation.metrics import OVERALL
from labeldistill.judging.beside_claims import ClaimBeside, as_json
from labeldistill.judging.judge import Judgement, limits
from labeldistill.reporting.numbers import number, signed


def judgement_json(found: Judgement) -> dict[str, Any]:
    """Everything that is printed, as JSON values; what is not a number is null."""
    scored = found.scored
    rows = [{"metric": m, "class": c, "value": v} for m, c, v in scored.result.metrics.rows()]
    value = {
        "file": str(scored.file),
        "version": scored.version,
        "split": scored.split,
        "samples": len(scored.predictions.tokens),
        "boxes": len(scored.predictions),
        "scores": rows,
        "signatures": [vars(each) for each in found.signatures],
        "findings": scored.result.findings,
        "claims": [as_json(each) for each in found.claims],
        "agrees": found.agrees,
        "identity": found.identity,
        "limits": limits(found),
    }
    return {key: _without_nan(each) for key, each in value.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_judgement(found: Judgement) -> None:
    """Print scores, mistakes, the claims, differences from those with more than two numbers, and what it can't say."""
    console, scored = plain_console(120), found.scored
    console.print(
        f"{scored.file}: {len(scored.predictions.tokens)} samples of {scored.split} ({scored.version}), "
        f"{len(scored.predictions)} boxes"
    )
    console.print(_overall(found))
    for signature in found.signatures:
        console.print(f"Mistake: {signature}", style="red")
    if not found.signatures:
        for finding in scored.result.findings:
            console.print(f"Finding: {finding}", style="red")
    if found.identity:
        console.print(f"Note: {found.identity}.")
    if found.claims:
        console.print(_claims(found.claims))
        for each in found.claims:
            console.print(f"{each.claim.id}: {each.verdict}: {each.reason} ({_noise(each)})", soft_wrap=True)
        for each in found.claims:
            _print_differences(console, each)
    else:
        console.print(f"No published claim is about {scored.split}.")
    for line in limits(found):
        console.print(line, soft_wrap=True)


def _overall(found: Judgement) -> Table:
    table = Table(*METRICS, box=None)
    table.add_row(*(number(float(OVERALL[name](found.scored.result.metrics)), 4) for name in METRICS))
    return table


def _claims(claims: list[ClaimBeside]) -> Table:
    table = Table("claim", "metric", "this file", "published", "difference", "further runs", "", box=None)
    for each in claims:
        for index, row in enumerate(each.metrics):
            digits = 2 if METRICS[row.metric].unit == "points" else 3
            interval = f"{number(row.low, digits)} to {number(row.high, digits)}"
            cells = [number(row.ours, digits), number(row.published, digits), signed(row.ours - row.published, digits)]
            table.add_row(
                "" if index else each.claim.id, row.metric, *cells, interval, "inside" if row.inside else "OUTSIDE"
            )
    return table


def _noise(each: ClaimBeside) -> str:
    return "; ".join(dict.fromkeys(f"{row.metric}: {row.noise}" for row in each.metrics[:2]))


def _print_differences(console: Any, each: ClaimBeside) -> None:
    if not each.classes:
        return
    table = Table(f"AP beside {each.claim.id}", "this file", "published", "difference", box=None)
    for name, (ours, published) in sorted(each.classes.items(), key=lambda item: item[1][0] - item[1][1]):
        table.add_row(name, number(ours, 1), number(published, 1), signed(ours - published, 1))
    console.print(table)

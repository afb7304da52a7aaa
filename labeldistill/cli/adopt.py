"""Verb `adopt`: add a released or foreign checkpoint to a study as a run that is predicted and scored."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from labeldistill.cli.options import (
    LayoutChoice,
    LayoutOption,
    ResultsOption,
    SeedOption,
    StudyOption,
    TableOrJson,
    TableOrJsonOption,
    WhichOption,
)


def adopt(
    file: Annotated[Path, typer.Argument(help="The checkpoint (.pth, .ckpt).")],
    study: StudyOption,
    variant: Annotated[str, typer.Option("--variant", help="Variant that it belongs to, or `teacher`.")],
    weights: WhichOption = None,
    seed: SeedOption = 0,
    sparse_layout: LayoutOption = LayoutChoice.auto,
    source: Annotated[str, typer.Option("--source", help="Origin of the checkpoint in words.")] = "",
    results: ResultsOption = Path("results"),
    format: TableOrJsonOption = TableOrJson.table,
) -> None:
    """Adopt a checkpoint trained elsewhere; every name and shape must fit the study, or nothing is written.

    `predict` and `score` then accept its --key. In `gather` and everything that reads its table it is called `VARIANT
    (adopted)` and never averaged with runs of the study. Wrappers (`module.`, `_orig_mod.`, ...) are removed.

    Example: labeldistill adopt 29.pth --study paper-r50-5f --variant full --source "released model zoo"
    """
    from labeldistill.study.apart import label
    from labeldistill.study.plan import StudyPlan
    from labeldistill.weights.adopt import adopt as take_in
    from labeldistill.weights.convert import UnmatchedError
    from labeldistill.weights.layouts import Layout
    from labeldistill.weights.weight_sets import WeightsName

    plan = StudyPlan.load(study, results)
    which: WeightsName | None = None if weights is None else weights.value
    layout = None if sparse_layout.value == "auto" else Layout(sparse_layout.value)
    try:
        record = take_in(plan, file, variant, seed=seed, which=which, layout=layout, source=source)
    except UnmatchedError as error:
        for problem in error.problems:
            typer.echo(problem)
        raise
    if format is TableOrJson.json:
        typer.echo(json.dumps(record, indent=1))
        return
    _print(record, label(variant, "adopted"), f"{variant} --study {study} --seed {seed} --key {record['run_key']}")


def _print(record: dict[str, Any], unit: str, place: str) -> None:
    named = {
        "the file": "as the file says",
        "the user": "as you say; the file has one set without a name",
        "nobody": "assumed, because the file has one set without a name; use --weights raw if it is raw",
    }[record["weights_named_by"]]
    typer.echo(f"{unit} seed {record['seed']}: {record['values']:,} values in {record['tensors']} tensors, all matched")
    typer.echo(f"weights   {record['weights']} ({named})")
    typer.echo(f"file      {record['file']}, SHA-256 {record['sha256']}")
    for part, held in record["left_out"].items():
        typer.echo(f"left out  {part}: {held['tensors']} tensors that are not needed to detect")
    for note in record["notes"]:
        typer.echo(f"note      {note}")
    typer.echo(f"next      labeldistill predict {place}\n          labeldistill score {place}")

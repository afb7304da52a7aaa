"""Verb `judge`: one result file of any code base beside the published claims."""

import json
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import CacheOption, DatarootOption, TableOrJson, TableOrJsonOption


def judge(
    file: Annotated[Path, typer.Argument(help="results_nusc.json of any code base.")],
    dataroot: DatarootOption,
    claim: Annotated[
        str | None, typer.Option("--claim", help="One claim; exit code 1 unless the file agrees with it.")
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="Default: the one that has its samples.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Default: the one that is its samples.")] = None,
    cache: CacheOption = Path(".cache/tables"),
    format: TableOrJsonOption = TableOrJson.table,
) -> None:
    """Score a result file, name known mistakes in it, and set it beside every published claim of its split.

    The metadata tables are all that is read of nuScenes. AGREES means that the file could be another run of the
    published method, no more: one run says nothing about a mean.

    Example: labeldistill judge results_nusc.json --dataroot data/nuscenes --claim r50
    """
    from labeldistill.cli.judge_text import judgement_json, print_judgement
    from labeldistill.errors import GateError
    from labeldistill.judging.beside_claims import Beside
    from labeldistill.judging.judge import judge as judged
    from labeldistill.judging.which_split import Place

    found = judged(file, Place(dataroot, version, split, cache), claim)
    if format is TableOrJson.json:
        typer.echo(json.dumps(judgement_json(found), indent=1))
    else:
        print_judgement(found)
    if claim is not None and found.claims[0].verdict is not Beside.AGREES:
        raise GateError(f"{claim}: {found.claims[0].verdict}: {found.claims[0].reason}")

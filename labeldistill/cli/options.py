"""Options shared by several verbs, so that they have the same name and meaning everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a verb prints its result."""

    table = "table"
    json = "json"
    csv = "csv"


StudyOption = Annotated[str, typer.Option("--study", "-s", help="Name of a study, or a YAML file.")]
UnitArgument = Annotated[str, typer.Argument(help="`teacher`, `label-encoder` or the name of a variant.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the run.")]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", help="Expected run key; refused if settings, data or code give another."),
]
ResultsOption = Annotated[Path, typer.Option("--results", help="Folder of results.")]
ReportsOption = Annotated[Path, typer.Option("--reports", help="Folder of reports.")]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="table for people; json or csv for programs.")]
DatarootOption = Annotated[Path, typer.Option("--dataroot", help="nuScenes folder (holds VERSION/).")]
CacheOption = Annotated[Path, typer.Option("--cache", help="Folder for caching tables as columns.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]


class TableOrJson(StrEnum):
    """How a verb prints a result that is not a table of numbers."""

    table = "table"
    json = "json"


TableOrJsonOption = Annotated[TableOrJson, typer.Option("--format", "-f", help="table for people, json for programs.")]


class WhichWeights(StrEnum):
    """Kind of weights in a file that may have two sets."""

    raw = "raw"
    ema = "ema"


WhichOption = Annotated[WhichWeights | None, typer.Option("--weights", help="raw or ema; needed if the file has both.")]


class LayoutChoice(StrEnum):
    """Layout of sparse-convolution weights."""

    auto = "auto"
    mmcv = "mmcv"
    spconv2 = "spconv2"


LayoutOption = Annotated[
    LayoutChoice, typer.Option("--sparse-layout", help="mmcv 1.x: (kz, ky, kx, in, out); spconv 2.x: out first.")
]

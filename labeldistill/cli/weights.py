"""Verb `weights`: convert released checkpoints to ours and back."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import (
    LayoutChoice,
    LayoutOption,
    StudyOption,
    TableOrJson,
    TableOrJsonOption,
    WhichOption,
)
from labeldistill.weights.key_map import Kind

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Read released checkpoints into our files and write them back, strictly; list what a study starts from.\n\n"
    "Example: labeldistill weights import 29.pth --kind auto --out student.safetensors",
)


class KindChoice(StrEnum):
    """Kind of a checkpoint; `auto` determines it from the names."""

    auto = "auto"
    labeldistill = "labeldistill"
    label_encoder = "label-encoder"
    centerpoint = "centerpoint"
    mmdet3d_centerpoint = "mmdet3d-centerpoint"
    bevdepth = "bevdepth"
    torchvision_resnet = "torchvision-resnet"


KindOption = Annotated[
    KindChoice, typer.Option("--kind", help="Kind of the checkpoint; auto determines it from the names.")
]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A released checkpoint (.pth, .ckpt).")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The .safetensors file to write; default: weights/NAME.safetensors."),
    ] = None,
    kind: KindOption = KindChoice.auto,
    study: Annotated[
        str | None, typer.Option("--study", "-s", help="The study whose model it must fit; default: a released one.")
    ] = None,
    sparse_layout: LayoutOption = LayoutChoice.auto,
    weights: WhichOption = None,
) -> None:
    """Read a checkpoint without running its code; every name and shape must match, or nothing is written.

    A parity report (JSON) is written beside the safetensors file.

    Example: labeldistill weights import centerpoint.pth --kind centerpoint --out teacher.safetensors
    """
    from labeldistill.weights.convert import UnmatchedError
    from labeldistill.weights.import_weights import import_weights, report_path
    from labeldistill.weights.layouts import Layout

    out = out or Path("weights") / f"{file.stem}.safetensors"
    try:
        report = import_weights(
            file,
            out,
            kind=None if kind.value == "auto" else Kind(kind.value),
            study=study,
            layout=None if sparse_layout.value == "auto" else Layout(sparse_layout.value),
            which=None if weights is None else weights.value,
        )
    except UnmatchedError as error:
        for problem in error.problems:
            typer.echo(problem)
        raise
    counts = report["counts"]
    typer.echo(f"{report['model']}: {counts['matched']} of {counts['expected']} names matched, 0 unmatched")
    typer.echo(f"parameters    {counts['parameters']:,}" + _unused(counts))
    typer.echo(f"sparse layout {report['sparse_layout'] or '-'}; bit for bit back: {report['bit_for_bit']}")
    typer.echo(f"written       {out}, {report_path(out)}")


def _unused(counts: dict[str, int]) -> str:
    return f" (and {counts['unused_values']:,} unused values kept for export)" if counts["unused_tensors"] else ""


@app.command("list")
def list_(study: StudyOption, format: TableOrJsonOption = TableOrJson.table) -> None:
    """List the public files that a study's trainings start from, where they belong, and which of them exist.

    Example: labeldistill weights list --study paper-r50-3f
    """
    from dataclasses import asdict

    from labeldistill.config.load import load_study, start_file
    from labeldistill.config.run_files import RECORD
    from labeldistill.study.start_weights import starts_of

    found = starts_of(load_study(study))
    if format is TableOrJson.json:
        rows = [{**asdict(start), "public": start.public and start.public.model_dump()} for start in found]
        typer.echo(json.dumps({"study": study, "starts": rows}, indent=1))
        return
    for start in found:
        typer.echo(f"{start.setting} of {', '.join(start.units)}: {start.state}")
        if start.value is None or start.state == "random":
            continue
        typer.echo(f"  file    {start.value}")
        if start.public is None and start_file(start.value).with_name(RECORD).is_file():
            typer.echo(f"  a finished run's weights, beside its {RECORD}")
            continue
        typer.echo(f"  SHA-256 of the public file: {start.sha256 + '...' if start.sha256 else 'not known'}")
        if start.public is None:
            typer.echo("  no public file of this name is known (workflow/claims/start_weights.yaml)")
            continue
        public = start.public
        size = "size not known" if public.megabytes is None else f"about {public.megabytes:g} MB"
        typer.echo(f"  made of {public.file} ({public.what}; {size})")
        typer.echo(f"  from    {public.place}")
        typer.echo(f"  known   {public.known}")
        if start.state != "there":
            typer.echo(f"  then    labeldistill weights import {public.file} --kind {public.kind} --out {start.value}")


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="One of our .safetensors files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint to write (.pth).")],
    kind: KindOption = KindChoice.auto,
    sparse_layout: LayoutOption = LayoutChoice.auto,
) -> None:
    """Write one of our files as a checkpoint of the released code; an imported one is restored bit for bit.

    Example: labeldistill weights export teacher.safetensors --out centerpoint.pth
    """
    from labeldistill.weights.export_weights import export_weights
    from labeldistill.weights.layouts import Layout

    done = export_weights(
        file,
        out,
        kind=None if kind.value == "auto" else Kind(kind.value),
        layout=None if sparse_layout.value == "auto" else Layout(sparse_layout.value),
    )
    typer.echo(json.dumps({**done, "written": str(out)}, indent=1))


@app.command("shrink")
def shrink(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: results/STUDY/UNIT/seed-N/KEY.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write: weights and the run's record.")],
    part: Annotated[
        str, typer.Option("--part", help="Only this part of the network, e.g. backbone.img_backbone; default: all.")
    ] = "",
) -> None:
    """Keep a finished run's EMA weights in half precision beside its record, to be shipped as start weights.

    Example: labeldistill weights shrink results/mini/teacher/seed-0/0123456789ab --out workflow/weights/mini/teacher
    """
    from labeldistill.weights.shrink_weights import shrink_weights

    typer.echo(json.dumps({**shrink_weights(run, out, part), "written": str(out)}, indent=1))

"""Verb `evaluate`: score any predictions file on any nuScenes folder."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import CacheOption, DatarootOption, Format, FormatOption


def evaluate(
    predictions: Annotated[Path, typer.Option("--predictions", "-p", help="Parquet of `predict`, or official .json.")],
    dataroot: DatarootOption,
    version: Annotated[str, typer.Option("--version", help="For example v1.0-mini or v1.0-trainval.")],
    split: Annotated[str, typer.Option("--split", help="Split of splits.json or of the devkit, e.g. mini_val.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for metrics_summary.json and metrics_details.json.")],
    arbiter: Annotated[
        bool, typer.Option("--arbiter", help="Also run the devkit; fail on a difference > 1e-9.")
    ] = False,
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            help="class, distance, visibility, lidar_points, scene, time or weather; ranges: distance=0-15,15-. "
            "Give it several times.",
        ),
    ] = None,
    scenes: Annotated[
        str | None, typer.Option("--scenes", help="Only these scenes (comma-separated); partial.")
    ] = None,
    samples: Annotated[
        str | None, typer.Option("--samples", help="Only these sample tokens (comma-separated, or @FILE); partial.")
    ] = None,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Scene-bootstrap replicates for 95 % intervals, e.g. 1000.")
    ] = 0,
    cache: CacheOption = Path(".cache/tables"),
    format: FormatOption = Format.table,
) -> None:
    """Score a predictions file with the nuScenes detection metrics (mAP, five errors, NDS).

    Example: labeldistill evaluate --predictions results_nusc.json --dataroot data/nuscenes --version v1.0-mini
    --split mini_val --out scores --arbiter --slice distance
    """
    from labeldistill.cli.evaluation_text import print_evaluation
    from labeldistill.evaluation.evaluate import evaluate as evaluate_file
    from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask
    from labeldistill.judging.which_split import samples_counted
    from labeldistill.statistics.scene_bootstrap import SceneBootstrap

    task = ScoringTask(dataroot, version, split, scenes=_listed(scenes), samples=_listed(samples), cache=cache)
    options = ScoringOptions(
        arbiter=arbiter,
        slices=tuple(slices or ()),
        intervals=SceneBootstrap(bootstrap).bounds if bootstrap else None,
    )
    with samples_counted(task):
        result = evaluate_file(predictions, task, out, options)
    print_evaluation(result, format)
    if bootstrap and not result.intervals:
        from labeldistill.statistics.bootstrap import FEWEST_SCENES

        typer.echo(f"no intervals: they need at least {FEWEST_SCENES} scenes", err=True)


def _listed(text: str | None) -> tuple[str, ...] | None:
    """Items separated by commas, or the lines of the file after `@`."""
    if text is None:
        return None
    if text.startswith("@"):
        from labeldistill.errors import InputError

        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"can't be read ({error})", file=text[1:]) from error
    return tuple(word for word in text.replace("\n", ",").replace(" ", "").split(",") if word)

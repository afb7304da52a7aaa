"""Verb `benchmark`: training speed, inference latency and memory of a study's units, measured in one process."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from labeldistill.cli.options import DeviceOption, ResultsOption, TableOrJson, TableOrJsonOption
from labeldistill.cli.progress import bar


def benchmark(
    study: Annotated[str | None, typer.Option("--study", "-s", help="Name of a study, or a YAML file.")] = None,
    device: DeviceOption = "auto",
    results: ResultsOption = Path("results"),
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="Two benchmark files, of two devices or versions: print them side by side, measure nothing."),
    ] = None,
    format_: TableOrJsonOption = TableOrJson.table,
) -> None:
    """Measure the teacher and the first seed of every variant, one after the other in this process.

    Examples: labeldistill benchmark --study smoke; labeldistill benchmark --compare before.json after.json
    """
    if (study is None) == (compare is None):
        raise typer.BadParameter("give either --study, or --compare with two files")
    if compare is not None:
        _print_comparison(*compare, format_)
    else:
        assert study is not None
        _measure(study, device, results)


def _measure(study: str, device: str, results: Path) -> None:
    from labeldistill.checks.benchmark import benchmark as measure
    from labeldistill.files import write_json
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    chosen = device if device != "auto" else plan.study.device
    units: dict[str, dict[str, Any]] = {}
    with bar("benchmark") as progress:
        for done, run in enumerate(plan.benchmarked):
            progress(done, len(plan.benchmarked))
            units[run.unit] = measure(
                run.located(plan.infos),
                split=plan.study.evaluation_split,
                settings=plan.study.benchmark,
                device=chosen,
            )
    write_json(plan.benchmark, {"device": next(iter(units.values()))["device"], "units": units})


def _print_comparison(first: Path, second: Path, format_: TableOrJson) -> None:
    import json

    from labeldistill.compare.benchmarks import compare_benchmarks

    found = compare_benchmarks(first, second)
    if format_ is TableOrJson.json:
        typer.echo(json.dumps(asdict(found), indent=1))
        return
    typer.echo(f"A: {found.devices[0]}, {first}\nB: {found.devices[1]}, {second}")
    for line in found.differences:
        typer.echo(f"not the same conditions: {line}")
    for row in found.rows:
        typer.echo(f"{row.unit:16} {row.metric:34} {row.a:12.3f} {row.b:12.3f}  B/A {row.ratio:6.3f}  {row.finding}")

"""Verb `manifest`: a description of a study's data for places where the data are not stored."""

import json
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ResultsOption


def manifest(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    out: Annotated[Path | None, typer.Option("--out", help="JSON file to write; default: standard output.")] = None,
    results: ResultsOption = Path("results"),
) -> None:
    """Write a manifest of a study's nuScenes folder as JSON.

    It has checksums of the tables, splits, file counts, sampled checksums and the fingerprint of all sensor files.

    Equal data give equal text on every machine. A synthetic world is described by its settings and the hash of its
    code.

    Example: labeldistill manifest smoke
    """
    from dataclasses import asdict

    from labeldistill.files import write_json
    from labeldistill.nuscenes.manifest import build_manifest
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    data = plan.study.data
    if data.synth is not None:
        found = {"version": data.version, "synth": data.synth.model_dump(mode="json"), "data_key": plan.data_key}
    else:
        found = build_manifest(data, plan.dataroot, plan.table_cache)
        found["sensor_files"] = asdict(plan.sensor_files.fingerprint(seconds=None))
    if out is None:
        typer.echo(json.dumps(found, indent=1))
    else:
        write_json(out, found)

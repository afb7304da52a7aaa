"""Verb `train`: one training run of the teacher, the label encoder or a variant."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import DeviceOption, KeyOption, ResultsOption, SeedOption, StudyOption, UnitArgument


def train(
    unit: UnitArgument,
    study: StudyOption,
    seed: SeedOption = 0,
    key: KeyOption = None,
    device: DeviceOption = "auto",
    devices: Annotated[
        int | None,
        typer.Option(help="Processes per machine, one per device; default: the study's `devices_per_run`."),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            min=1, help="Machines, with the command started once on each; default: the study's `nodes_per_run`."
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="While another process trains this run, wait for it instead of stopping.")
    ] = False,
    results: ResultsOption = Path("results"),
) -> None:
    """Train one run. Killed and called again, it resumes from its last checkpoint and ends with the same weights.

    With several machines, start it once on each: `srun --nodes=2 --ntasks=2 --ntasks-per-node=1`, or with NODE_RANK,
    MASTER_ADDR and MASTER_PORT set. They must share the results folder.

    Example: labeldistill train full --study smoke --seed 1
    """
    from labeldistill.cluster.rendezvous import set_rendezvous_env
    from labeldistill.config.run_files import LOCK
    from labeldistill.study.plan import StudyPlan
    from labeldistill.training.devices import is_first
    from labeldistill.training.lock import wait_until_free

    plan = StudyPlan.load(study, results)
    nodes = plan.study.nodes_per_run if nodes is None else nodes
    set_rendezvous_env(nodes)
    run = plan.run(unit, seed, key)
    if wait and not run.record.is_file() and is_first():
        wait_until_free(run.folder / LOCK)
    if run.record.is_file():
        return
    from labeldistill.cli.disk_errors import as_input_error
    from labeldistill.records.training_run import train_with_record
    from labeldistill.records.waivers import EXTRA, waivers
    from labeldistill.training.job import Execution

    execution = Execution(
        device=device if device != "auto" else plan.study.device,
        devices=plan.study.devices_per_run if devices is None else devices,
        nodes=nodes,
    )
    extra = {EXTRA: found} if (found := waivers(plan)) else {}
    with as_input_error(run.folder):
        train_with_record(run.located(plan.infos), execution, study=plan.study.name, variant=unit, extra=extra)

"""Lightning's Trainer, silent and without what this project does itself (checkpoints, logs, sampling)."""

import logging
import warnings
from datetime import timedelta
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy

from labeldistill.training.devices import Accelerator
from labeldistill.training.job import TrainingJob


def silence_lightning() -> None:
    """No advice about workers, GPUs or tips."""
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    warnings.filterwarnings("ignore", message=".*find_unused_parameters=True was specified.*")


def build_trainer(job: TrainingJob, accelerator: Accelerator, precision: str, accumulation: int) -> pl.Trainer:
    """A Trainer that goes through the loader once; the order of samples covers all epochs.

    Args:
        job: the run.
        accelerator: cpu or cuda.
        precision: Lightning's name of the precision.
        accumulation: micro-batches per optimiser step.
    """
    silence_lightning()
    strategy: Any = "auto"
    if job.processes > 1:
        backend = "nccl" if accelerator == "cuda" else "gloo"
        strategy = DDPStrategy(
            process_group_backend=backend,
            find_unused_parameters=True,  # as released: a variant may leave parameters without gradient
            timeout=timedelta(minutes=30),
            cluster_environment=LightningEnvironment(),
        )
    return pl.Trainer(
        accelerator="gpu" if accelerator == "cuda" else "cpu",
        devices=job.devices,
        num_nodes=job.nodes,
        strategy=strategy,
        plugins=None if job.processes > 1 else [LightningEnvironment()],
        precision=precision,  # type: ignore[arg-type]
        max_epochs=1,
        accumulate_grad_batches=accumulation,
        use_distributed_sampler=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=job.out_dir,
    )

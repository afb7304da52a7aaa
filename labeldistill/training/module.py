"""The Lightning module: it only connects model, session and optimiser."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from labeldistill.training.determinism import set_threads
from labeldistill.training.job import TrainingJob
from labeldistill.training.optimizer import build_adamw, norms_and_biases, parameter_rules
from labeldistill.training.order import Key, MicroBatches
from labeldistill.training.seeding import seed_everything
from labeldistill.training.session import Session


class _Keyed(Dataset[Any]):
    """Items by (epoch, index)."""

    def __init__(self, job: TrainingJob) -> None:
        self.items = job.items

    def __getitem__(self, key: Key) -> Any:
        return self.items.item(*key)


def _start_worker(worker: int) -> None:
    torch.set_num_threads(1)


def build_optimizer(job: TrainingJob) -> torch.optim.AdamW:
    """AdamW with the run's groups."""
    training = job.training
    named = list(job.model.named_parameters())
    rules = parameter_rules(
        [(name, parameter.requires_grad) for name, parameter in named],
        lr=training.lr,
        weight_decay=training.weight_decay,
        backbone_lr_multiplier=training.backbone_lr_multiplier,
        backbone_by_substring=job.released("lr_groups"),
        undecayed=() if job.released("norm_weight_decay") else norms_and_biases(job.model),
    )
    return build_adamw(job.model, rules, {name for name, _ in named if job.is_trained(name)})


class TrainingModule(pl.LightningModule):
    """Feeds batches to the model and reports to the session."""

    def __init__(self, job: TrainingJob, session: Session) -> None:
        super().__init__()
        self.job, self.session, self.model = job, session, job.model

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The run's optimiser; the schedule sets its rates step by step."""
        return build_optimizer(self.job)

    def train_dataloader(self) -> DataLoader[Any]:
        """Micro-batches from the step after the checkpoint's to the end of the run."""
        training, trainer = self.job.training, self.trainer
        order = MicroBatches(
            self.session.length,
            self.job.seed,
            rank=trainer.global_rank,
            world=trainer.world_size,
            start=self.session.start,
            same_draws=self.job.released("device_draws"),
        )
        return DataLoader(
            _Keyed(self.job),
            batch_sampler=order,
            collate_fn=self.job.items.collate,
            num_workers=training.loader_workers,
            worker_init_fn=_start_worker,
            pin_memory=False,
            generator=torch.Generator().manual_seed(0),
        )

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """A batch moves itself."""
        return batch.to(device)

    def on_train_start(self) -> None:
        """Restore, and take over the signals that Lightning has set by now."""
        set_threads()
        self.model.train()
        self.session.begin(self.trainer.optimizers[0], self.trainer.precision_plugin)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The sum of the model's weighted losses; randomness follows from (seed, step, micro-batch, rank)."""
        micro = batch_idx % self.session.length.accumulation
        if micro == 0:
            self.session.set_lr(self.trainer.optimizers[0])
        seed_everything(self.job.seed, "step", self.session.step, micro, self.trainer.global_rank)
        losses: dict[str, Tensor] = self.model.losses(batch)  # type: ignore[operator]
        total = torch.stack(list(losses.values())).sum()
        self.session.add(losses, total)
        return total

    def configure_gradient_clipping(self, optimizer: Any, *unused: Any, **also_unused: Any) -> None:
        """Clip to the settings' norm and report the norm before."""
        limit = self.job.training.gradient_clip_norm
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        if limit is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, limit, norm)
        self.session.add_norm(norm)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """The session's turn after the last micro-batch of a step."""
        if (batch_idx + 1) % self.session.length.accumulation == 0:
            self.session.end_step()

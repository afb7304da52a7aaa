"""A toy run for the training tests, importable and a script: `python toy_training.py FOLDER '{"steps": 9}'`.

Options (JSON): any training setting; `kill_at` and `kill_in_checkpoint` (step at which the process kills itself),
`killed_rank`, `signal_at` [step, {rank: number}], `signal_on_start`, `nan_at`, `file_limit_bytes`, `unseeded`,
`devices`, `nodes`, `folders` (one a node), `frozen`, `sleep_s`.
"""

import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labeldistill.config.training import TrainingSettings
from labeldistill.errors import LabelDistillError
from labeldistill.training.fit import fit
from labeldistill.training.job import Outcome, TrainingJob
from labeldistill.training.seeding import derived_seed, seed_everything

SAMPLES = 26
DEFAULTS: dict[str, Any] = {
    "epochs": 4,
    "batch": 4,
    "lr": 3e-3,
    "milestones_epochs": (2, 3),
    "checkpoint_every_steps": 5,
    "ema_decay": 0.9,
}


@dataclass
class ToyBatch:
    x: Tensor
    y: Tensor
    step_marker: int = 0

    def to(self, device: torch.device) -> "ToyBatch":
        return ToyBatch(self.x.to(device), self.y.to(device))


class ToyItems:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __len__(self) -> int:
        return SAMPLES

    def item(self, epoch: int, index: int, draw: int | None = None) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(derived_seed(self.seed, epoch, index if draw is None else draw))
        x = np.random.default_rng(index).normal(size=(3, 6, 6))
        noisy = x + 0.1 * rng.normal(size=x.shape)
        return torch.tensor(noisy, dtype=torch.float32), torch.tensor(x.mean((1, 2)), dtype=torch.float32)

    def collate(self, items: Sequence[tuple[Tensor, Tensor]]) -> ToyBatch:
        return ToyBatch(torch.stack([x for x, _ in items]), torch.stack([y for _, y in items]))


class ToyModel(nn.Module):
    """A net with BatchNorm and dropout, and a "frozen" teacher whose BatchNorm drifts."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.img_backbone = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.dropout = nn.Dropout(options.get("dropout", 0.3))
        self.head = nn.Linear(8, 3)
        self.centerpoint = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).requires_grad_(False)
        self.options = options
        self.calls = 0

    def losses(self, batch: ToyBatch) -> dict[str, Tensor]:
        with torch.no_grad():
            target = self.centerpoint(batch.x).mean((2, 3))
        features = self.dropout(self.img_backbone(batch.x).mean((2, 3)))
        if self.options.get("unseeded"):
            features = features * (1 + 1e-3 * torch.from_numpy(np.frombuffer(os.urandom(1), np.uint8) / 255.0).float())
        out = self.head(features)
        self.calls += 1
        time.sleep(self.options.get("sleep_s", 0))
        losses = {"fit": nn.functional.mse_loss(out, batch.y), "imitate": 0.3 * nn.functional.l1_loss(out, target)}
        if self.options.get("nan_at") == self.calls:
            losses["imitate"] = losses["imitate"] * float("nan")
        return losses


def toy_job(out_dir: Path, **options: Any) -> TrainingJob:
    training = {k: v for k, v in {**DEFAULTS, **options}.items() if k in TrainingSettings.model_fields}
    if "steps" in options:
        training.pop("epochs")
    seed = options.get("seed", 3)
    seed_everything(seed, "init")
    return TrainingJob(
        run_key=options.get("run_key", "toykey"),
        stage="student",
        seed=seed,
        training=TrainingSettings(**training),
        model=ToyModel(options),
        items=ToyItems(seed),
        out_dir=out_dir,
        settings={"toy": True},
        switches={"device_draws": "corrected"} | options.get("switches", {}),  # as on one device
        frozen=("centerpoint.",) if options.get("frozen", True) else (),
        device="cpu",
        devices=options.get("devices", 1),
        nodes=options.get("nodes", 1),
        progress=options.get("progress"),
    )


def _planted_faults(options: dict[str, Any]) -> None:
    """Wrap the session so that the process kills itself or gets a signal at a step of this process."""
    from labeldistill.training import checkpoint, event_log, session

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    end_step, rank = session.Session.end_step, options.get("rank", int(os.environ.get("LOCAL_RANK", "0")))

    def ended(self: Any, losses: Any) -> None:
        at, numbers = options.get("signal_at", (None, {}))
        if self.step + 1 == at and str(rank) in numbers:
            os.kill(os.getpid(), numbers[str(rank)])
        end_step(self, losses)
        if self.step == options.get("kill_at") and options.get("killed_rank", rank) == rank:
            kill()

    session.Session.end_step = ended  # type: ignore[method-assign]
    write = event_log.EventLog.write

    def written(self: Any, event: str, **values: Any) -> None:
        write(self, event, **values)
        if event in ("started", "resumed") and "signal_on_start" in options:
            os.kill(os.getpid(), options["signal_on_start"])

    event_log.EventLog.write = written  # type: ignore[method-assign]
    save = torch.save

    def half_saved(value: dict[str, Any], stream: Any) -> None:
        if value["step"] == options.get("kill_in_checkpoint"):
            stream.write(b"half a checkpoint")
            stream.flush()
            kill()
        save(value, stream)

    checkpoint.torch.save = half_saved  # type: ignore[attr-defined]
    if "file_limit_bytes" in options:
        limit = options["file_limit_bytes"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def _record(out_dir: Path) -> Any:
    def finish(outcome: Outcome) -> None:
        (out_dir / "record.json").write_text(json.dumps({"status": outcome.status, "reason": outcome.reason}))

    return finish


def run(out_dir: Path, options: dict[str, Any]) -> int:
    _planted_faults(options)
    try:
        fit(toy_job(out_dir, **options), _record(out_dir))
    except LabelDistillError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def serve() -> None:
    """Fork a process for each line `[folder, options]` of stdin, answer with its exit code (imports cost a second).

    With several devices or nodes one process each is forked, as torchrun would start them; a node's only process is
    left to see for itself that it has no others to start.
    """
    for line in sys.stdin:
        folder, options = json.loads(line)
        devices, nodes = options.get("devices", 1), options.get("nodes", 1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        children = []
        for rank in range(devices * nodes):
            children.append(os.fork())
            if children[-1] == 0:
                log = os.open(f"{folder}.stderr", os.O_WRONLY | os.O_CREAT | (os.O_APPEND if rank else os.O_TRUNC))
                os.dup2(log, 1)
                os.dup2(log, 2)
                if devices * nodes > 1:
                    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
                    os.environ["NODE_RANK"] = str(rank // devices)
                if devices > 1:
                    os.environ |= {"LOCAL_RANK": str(rank % devices), "WORLD_SIZE": str(devices * nodes)}
                here = options.get("folders", [folder] * nodes)[rank // devices]
                os._exit(run(Path(here), {**options, "rank": rank}))
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(codes[0], flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        sys.exit(run(Path(sys.argv[1]), json.loads(sys.argv[2])))

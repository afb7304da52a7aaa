"""Gate 10: the first steps. Finite, falling, in a known band; and four key frames can be learnt by heart."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from labeldistill.checks.dry_run import DryRun, Places, prepare, small
from labeldistill.checks.short_run import short_run
from labeldistill.claims.claims import claims_file, claims_tree
from labeldistill.config.run_files import LOSSES
from labeldistill.config.training import TrainingSettings
from labeldistill.data.infos import Infos
from labeldistill.errors import LabelDistillError
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks
from labeldistill.training.job import TrainingItems

NAME = "first-steps"
STEPS = 50
OVERFIT_ITEMS, OVERFIT_STEPS = 4, 25
LEARNT = 0.6
"""Of the first loss, at most, must be left after learning four key frames by heart."""
BAND = 3.0
"""Early losses of seeds that finished differ by chance, never by this factor."""


def look(context: Context) -> Gate:
    """Train the fullest variant's student for some steps and throw it away."""
    looks = Looks(NAME)
    _batch(context, looks)
    try:
        trial = _trial(context, context.plan.study.student_training.batch)
        _first_steps(context, trial, looks)
        _by_heart(_trial(context, OVERFIT_ITEMS), looks)
    except LabelDistillError as error:
        looks.failed(str(error), "the training would end with the same message")
    return looks.gate()


def _batch(context: Context, looks: Looks) -> None:
    study = context.plan.study
    processes = study.devices_per_run * study.nodes_per_run
    for name in ("teacher_training", "label_encoder_training", "student_training"):
        training: TrainingSettings = getattr(study, name)
        device = training.batch_per_device or max(1, training.batch // processes)
        if device > 1 or (training.sync_batchnorm and processes > 1):
            continue
        figure = f"{name}: one key frame per device, BatchNorm not synchronised"
        advice = "set sync_batchnorm: true on several devices, or a larger batch_per_device: others got 0 to 3 mAP"
        alone = len(context.infos.split("train")) == 1
        (looks.warned if alone else looks.failed)(figure + (" (there is but one)" if alone else ""), advice)


def _trial(context: Context, batch: int) -> DryRun:
    """The run as it is where this machine can train it, else small and made up."""
    run = context.settings(context.fullest)
    if context.plan.study.device == "cpu":
        folder = context.scratch / "index"
        assert isinstance(context.infos, Infos)
        return prepare(run, Places(folder), batch=batch, device="cpu")
    if torch.cuda.is_available():
        folder = context.scratch / "index"
        assert isinstance(context.infos, Infos)
        share = max(1, batch // context.plan.study.devices_per_run)
        return prepare(run, Places(folder), batch=share, device="cuda")
    return prepare(small(run), Places(), batch=2, device="cpu")


def _first_steps(context: Context, trial: DryRun, looks: Looks) -> None:
    totals = short_run(trial.job, STEPS)
    figure = f"{context.fullest}: loss {totals[0]:.1f} to {totals[-1]:.1f} in {len(totals)} steps ({trial.notes[-1]})"
    bad = next((step for step, total in enumerate(totals, 1) if not math.isfinite(total)), None)
    if bad is not None:
        looks.failed(f"{figure}, not finite in step {bad}", "lower the LR, or train in 32-true")
        return
    third = max(1, len(totals) // 3)
    falls = fmean(totals[-third:]) < fmean(totals[:third])
    figure += ", falling" if falls else ", not falling"
    looks.judged(falls or len(totals) < 3, figure, "the learning rate or the targets are wrong")
    _band(context, totals, looks)


def _band(context: Context, totals: Sequence[float], looks: Looks) -> None:
    """Hold the mean early loss against those of this unit's runs that finished."""
    if context.plan.study.comparable and (published := published_total(len(totals))) is not None:
        looks.judged(
            published / BAND < totals[-1] < published * BAND,
            f"{totals[-1]:.1f} after {len(totals)} steps, a public run of the release had {published:.1f}",
            "another scale of losses than the release's: weights of terms, targets or batch differ",
        )
    files = sorted(context.plan.folder.glob(f"{context.fullest}/seed-*/*/{LOSSES}"))
    known = [found for file in files if (found := early_losses(file, len(totals)))]
    if not known:
        looks.skipped("no finished seed whose early losses these could be held against")
        return
    here, there = fmean(totals), fmean(fmean(each) for each in known)
    looks.judged(
        there / BAND < here < there * BAND,
        f"mean early loss {here:.1f}, {there:.1f} in {len(known)} finished runs",
        "another scale of losses than in earlier runs: terms, weights or targets changed",
    )


def published_total(steps: int) -> float | None:
    """Sum of all losses after so many steps in the public run that the claims' file knows; None: it doesn't say."""
    entries = claims_tree(claims_file()).get("early_losses", [])
    at = [entry for entry in entries if entry["step"] in (steps, steps - 1)]
    found = [sum(value for name, value in entry.items() if name != "step") for entry in at]
    return float(found[0]) if found else None


def early_losses(file: Path, steps: int) -> list[float]:
    """Total loss of the first steps in a run's table of losses; empty where the run was not finite."""
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [float(row["total"]) for row, _ in zip(csv.DictReader(stream), range(steps), strict=False)]
    return rows if all(map(math.isfinite, rows)) else []


@dataclass(frozen=True)
class Repeated:
    """The same few items, drawn once: augmentation stands still."""

    items: TrainingItems
    kept: Sequence[Any]

    def __len__(self) -> int:
        return len(self.kept)

    def item(self, epoch: int, index: int, draw: int | None = None) -> Any:
        """Item `index`, in every epoch the same."""
        return self.kept[index]

    def collate(self, items: Sequence[Any]) -> Any:
        """As the split's."""
        return self.items.collate(items)


def _by_heart(trial: DryRun, looks: Looks) -> None:
    items = trial.job.items
    few = Repeated(items, [items.item(0, index) for index in range(min(OVERFIT_ITEMS, len(items)))])
    training = TrainingSettings.model_validate(
        trial.job.training.model_dump()
        | {"steps": OVERFIT_STEPS, "epochs": None, "batch": len(few), "batch_per_device": None}
    )
    totals = short_run(replace(trial.job, items=few, training=training), OVERFIT_STEPS)
    left = fmean(totals[-3:]) / totals[0] if totals[0] else math.nan
    looks.judged(
        left <= LEARNT,
        f"{left:.0%} of the loss is left after {len(totals)} steps on {len(few)} key frames",
        "a network that can't learn four key frames by heart has wrong targets, a frozen part or a lost gradient",
    )

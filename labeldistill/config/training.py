"""Settings of one training run: length, batch, optimiser, schedule, EMA, precision, determinism."""

from typing import Literal

from pydantic import Field, model_validator

from labeldistill.config.base import Settings


class TrainingSettings(Settings):
    """One training run. Its length is given in epochs or in steps, never both."""

    epochs: int | None = Field(None, ge=1)
    steps: int | None = Field(None, ge=1)
    """Optimiser steps."""
    batch: int = Field(16, ge=1)
    """Key frames per optimiser step over all devices; accumulation makes up the rest."""
    batch_per_device: int | None = Field(None, ge=1)
    """Key frames per device and forward pass; None: batch / devices."""
    optimizer: Literal["adamw"] = "adamw"
    lr: float = Field(4e-4, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    backbone_lr_multiplier: float = Field(1.0, gt=0)
    """Applies to parameters with `backbone` in their name (released) or to the image backbone only (corrected)."""
    schedule: Literal["multistep", "cosine"] = "multistep"
    milestones_epochs: tuple[int, ...] = (19, 23)
    """multistep: LR is multiplied by 0.1 after each of these epochs."""
    warmup_steps: int = Field(0, ge=0)
    gradient_clip_norm: float | None = 5.0
    ema_decay: float | None = 0.999
    ema_warmup_steps: int = Field(2000, ge=1)
    """Time constant of the EMA's ramp, used under the corrected switch `ema_warmup`: decay * (1 - exp(-t / this))."""
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    sync_batchnorm: bool = False
    deterministic: Literal["off", "warn", "strict"] = "warn"
    loader_workers: int = Field(0, ge=0)
    checkpoint_every_steps: int = Field(500, ge=1)
    finite_gate_steps: int = Field(50, ge=0)
    """A loss that is not finite within the first steps ends the run at once; later it marks the run diverged."""

    @model_validator(mode="after")
    def _one_length(self) -> "TrainingSettings":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either `epochs` or `steps`")
        return self

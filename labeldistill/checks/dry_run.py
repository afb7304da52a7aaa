"""A run made ready for a check before its data or parents exist: random stand-ins replace what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from labeldistill.checks.synthetic_batches import SyntheticItems
from labeldistill.config.grid import Axis, GridSettings
from labeldistill.config.load import start_file
from labeldistill.config.methods import STAGES, Stage, parents_of
from labeldistill.config.model import RANDOM
from labeldistill.config.runs import unstarted
from labeldistill.config.study import RunSettings
from labeldistill.config.training import TrainingSettings
from labeldistill.training.job import Device, TrainingItems, TrainingJob
from labeldistill.training.recipe import GEOMETRY, build_model, load_state, training_items, untrained_model
from labeldistill.training.seeding import derived_seed
from labeldistill.training.weights_file import read_weights, weights_path

SMALL_IMAGE_PX = (32, 96)
SMALL_CELLS = 16
"""Most cells along a side of the BEV grid."""


@dataclass(frozen=True)
class Places:
    """Where a run finds its data and its parents; random stand-ins replace what is None or absent.

    Attributes:
        infos: folder of the columnar index.
        parents: stage -> run folder of what the run builds on.
        weights: weights file of the run itself, such as an adopted checkpoint's; None: fresh weights.
    """

    infos: Path | None = None
    parents: Mapping[Stage, Path] = field(default_factory=dict)
    weights: Path | None = None


@dataclass(frozen=True)
class DryRun:
    """A job that writes nothing and is thrown away, with notes on how it differs from the run."""

    run: RunSettings
    job: TrainingJob
    notes: tuple[str, ...]


def small(run: RunSettings) -> RunSettings:
    """The run with the same networks on images of at most 32 x 96 px and at most 16 x 16 BEV cells.

    Channels, frames, terms and switches are unchanged, so findings about them hold for the run.
    """
    grid = run.grid.model_copy(update={name: _fewer(getattr(run.grid, name)) for name in ("x_m", "y_m")})
    changes: dict[str, object] = {"grid": GridSettings.model_validate(grid.model_dump())}
    if run.student is not None:
        height, width = (min(side, most) for side, most in zip(run.student.image.size_px, SMALL_IMAGE_PX, strict=True))
        image = run.student.image.model_copy(update={"size_px": (height, width)})
        changes["student"] = run.student.model_copy(update={"image": image})
    return run.model_copy(update=changes)


def _fewer(axis: Axis) -> Axis:
    low, high, step = axis
    cells = min(round((high - low) / step), SMALL_CELLS)
    middle = low + step * ((high - low) / step // 2)
    return middle - step * (cells // 2), middle + step * (cells // 2), step


def prepare(
    run: RunSettings, places: Places, *, batch: int, device: Device = "auto", level: str | None = None
) -> DryRun:
    """Build model and items of a run: its own where they exist, random stand-ins where they do not.

    Args:
        run: resolved settings, or the result of `small` (then give no index or parents, whose shapes would not fit).
        places: index and parents.
        batch: key frames per step.
        device: auto, cpu or cuda.
        level: level of determinism; None: that of the run.

    Raises:
        InputError: an index or a parent exists, but is damaged or belongs to other settings.
    """
    notes: list[str] = []
    model, items = _model(run, places, notes), _items(run, places, notes)
    if places.weights is not None:
        notes.append(_loaded(model, run, places.weights))
    changes = {"batch": batch, "batch_per_device": None, **({} if level is None else {"deterministic": level})}
    training = TrainingSettings.model_validate(run.training.model_dump() | changes)
    job = TrainingJob(
        run_key="dry-run",
        stage=run.stage,
        seed=run.seed,
        training=training,
        model=model,
        items=items,
        out_dir=Path(),
        switches=run.switches,
        frozen=STAGES[run.stage].frozen,
        device=device,
    )
    return DryRun(run, job, tuple(notes))


def _loaded(model: nn.Module, run: RunSettings, file: Path) -> str:
    """Load a run's weights into a model with a possibly smaller image and grid, whose geometry buffers are kept."""
    state, about = read_weights(file)
    own = model.state_dict()
    kept = {**state, **{name: own[name] for name in state if name.endswith(GEOMETRY)}}
    load_state(model, kept, file, frozen=STAGES[run.stage].frozen)
    return f"weights: {about['weights']} of run {about['run_key']}"


def _items(run: RunSettings, places: Places, notes: list[str]) -> TrainingItems:
    if places.infos is not None and (places.infos / "index.json").is_file():
        notes.append("key frames: the study's training split")
        return training_items(run, places.infos)
    notes.append("key frames: random numbers in the run's shapes")
    return SyntheticItems(run)


def _model(run: RunSettings, places: Places, notes: list[str]) -> nn.Module:
    wanted = parents_of(run.stage, run.needs)
    names = ", ".join(stage.replace("-", " ") for stage in wanted)
    trained = all(stage in places.parents and weights_path(places.parents[stage], "ema").is_file() for stage in wanted)
    if not trained:
        notes.append(f"untrained, with random weights: {names}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(run.seed, "init", "dry run"))
            return untrained_model(run)
    if wanted:
        notes.append(f"trained: {names}")
    start = run.student.pretrained_backbone if run.student is not None else None
    if start is None or start == RANDOM or start_file(start).is_file():
        return build_model(run, places.parents)
    notes.append(f"random weights in place of {start}")
    return build_model(unstarted(run), places.parents)

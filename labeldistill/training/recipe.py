"""The model and the items of a run: which stage builds what, and on whose weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.random import MT19937, RandomState, SeedSequence
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from labeldistill.config.study import RunSettings, Stage
from labeldistill.data.batch import Batch
from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.errors import InputError
from labeldistill.training.seeding import derived_seed
from labeldistill.training.weights_file import WeightsName, read_weights, weights_path

CACHE_BYTES = 256 * 2**20
"""Decoded images of a training split are kept in memory up to this size."""

FROZEN: dict[Stage, tuple[str, ...]] = {
    "teacher": (),
    "label-encoder": ("centerpoint.",),
    "student": ("centerpoint.", "label_encoder."),
}
"""What a stage's model holds but does not train: name prefixes of its state."""

GEOMETRY = ("voxel_size", "voxel_coord", "voxel_num", "frustum")
"""Last parts of buffers that hold no weight but the image, depth bins and BEV grid that a model was built for."""

UNUSED = "unused."
"""Prefix of what an imported file holds for the way back only: classifiers, heads that merely lent their losses."""

PARENT_WEIGHTS: WeightsName = "ema"
"""As in the release: teacher and label encoder are the files that its EMA callback wrote."""


class SplitItems:
    """A split of key frames, drawn by (epoch, index)."""

    def __init__(self, dataset: KeyFrameDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def item(self, epoch: int, index: int) -> Item:
        """Key frame `index` as augmented in `epoch`."""
        seeds = SeedSequence([self.dataset.seed, epoch, index])
        return self.dataset.load(index, RandomState(MT19937(seeds)))

    def collate(self, items: Sequence[Item]) -> Batch:
        """Items to a batch."""
        return self.dataset.collate(items)


def training_items(run: RunSettings, infos_dir: Path) -> SplitItems:
    """The training split.

    Raises:
        InputError: an index that is missing or damaged, or a split it does not hold.
    """
    infos = Infos.open(infos_dir, run.data.dataroot)
    pixels = int(infos.cameras.size_px.astype("int64").prod(axis=1).sum())
    small = pixels * 3 <= CACHE_BYTES and run.training.loader_workers == 0
    return SplitItems(KeyFrameDataset(infos, run, "train", training=True, cache_images=small))


def build_model(
    run: RunSettings,
    *,
    teacher_dir: Path | None = None,
    label_encoder_dir: Path | None = None,
    inference: bool = False,
) -> nn.Module:
    """The model of a run's stage with fresh weights drawn from the run's seed, and its parents' weights loaded.

    Args:
        run: resolved settings.
        teacher_dir: run folder of the teacher; needed by the label encoder and by variants with LiDAR terms.
        label_encoder_dir: run folder of the label encoder; needed by variants with the label term.
        inference: the model only has to detect: it then needs no parents and no pretrained weights.

    Raises:
        InputError: a parent is missing, or was trained under other settings than this run's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(run.seed, "init"))
        if run.stage == "teacher":
            return _fresh_teacher(run, inference)
        if run.stage == "label-encoder":
            from labeldistill.distillation.inverse import LabelInverse

            return LabelInverse.from_settings(run, _teacher(run, _given(teacher_dir, "teacher")))
        return _student(run, teacher_dir, label_encoder_dir, inference)


def _student(run: RunSettings, teacher_dir: Path | None, label_encoder_dir: Path | None, inference: bool) -> nn.Module:
    from labeldistill.distillation.model import DistilledStudent

    if inference:
        return DistilledStudent.from_settings(run)
    needs_teacher = bool({"lidar_feature", "response"} & set(run.terms))
    teacher = _teacher(run, _given(teacher_dir, "teacher")) if needs_teacher else None
    encoder = None
    if "label_feature" in run.terms:
        encoder = _label_encoder(run, _given(label_encoder_dir, "label encoder"))
    # drawn last and from a seed of its own: every variant of a seed starts from the same student
    torch.manual_seed(derived_seed(run.seed, "init", "student"))
    model = DistilledStudent.from_settings(run, teacher, encoder)
    if run.student is not None and run.student.pretrained_backbone is not None:
        backbone = model.get_submodule("backbone.img_backbone")
        load_pretrained(backbone, run.student.pretrained_backbone, "student.pretrained_backbone", drop=("fc.",))
    return model


def _fresh_teacher(run: RunSettings, inference: bool) -> nn.Module:
    from labeldistill.models.teacher import LidarTeacher

    model = LidarTeacher.from_settings(run)
    if run.teacher is not None and run.teacher.pretrained is not None and not inference:
        load_pretrained(model, run.teacher.pretrained, "teacher.pretrained")
    return model


def load_pretrained(module: nn.Module, path: str, key: str, drop: tuple[str, ...] = ()) -> None:
    """Load a file that `labeldistill weights import` wrote (safetensors) into a module, strictly.

    Args:
        module: the image backbone or the teacher.
        path: the file.
        key: the setting that names it.
        drop: name prefixes that the module has no place for; parts that an import marks as unused are always dropped.

    Raises:
        InputError: missing or unreadable file, unmatched names or shapes.
    """
    file = Path(path).expanduser()
    try:
        state = load_file(file)
    except FileNotFoundError as error:
        raise InputError("no such file", file=file, key=key) from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"not a readable safetensors file ({error})", file=file, key=key) from error
    load_state(module, {name: v for name, v in state.items() if not name.startswith((UNUSED, *drop))}, file)


def _given(folder: Path | None, what: str) -> Path:
    if folder is None:
        raise InputError(f"this run needs a trained {what}; none was given", key=what.replace(" ", "_"))
    return folder


def _teacher(run: RunSettings, folder: Path) -> Any:
    from labeldistill.models.teacher import LidarTeacher

    model = LidarTeacher.from_settings(run)
    _load_parent(model, run, folder, "teacher", ("teacher", "grid"), "")
    return model


def _label_encoder(run: RunSettings, folder: Path) -> Any:
    from labeldistill.distillation.label_encoder import LabelEncoder

    model = LabelEncoder.from_settings(run)
    _load_parent(model, run, folder, "label-encoder", ("label_encoder", "grid"), prefix="label_encoder.")
    return model


def _load_parent(
    model: nn.Module, run: RunSettings, folder: Path, stage: Stage, same: tuple[str, ...], prefix: str
) -> None:
    file = weights_path(folder, PARENT_WEIGHTS)
    state, about = read_weights(file)
    if about["stage"] != stage:
        raise InputError(f"holds a {about['stage']}, not a {stage}", file=file, key="stage")
    if about.get("status") == "diverged":
        raise InputError(f"this {stage} diverged; it can't teach anyone", file=file, key="status")
    asked = run.model_dump(mode="json")
    for part in same:
        if _compared(about["settings"].get(part)) != _compared(asked[part]):
            raise InputError(f"this {stage} was trained with other settings than this run's", file=file, key=part)
    own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    load_state(model, own, file)


def _compared(settings: Any) -> Any:
    """Settings without where the weights came from that they started with: moving a file changes nothing."""
    return {k: v for k, v in settings.items() if k != "pretrained"} if isinstance(settings, dict) else settings


def load_state(model: nn.Module, state: dict[str, torch.Tensor], file: Path, frozen: tuple[str, ...] = ()) -> None:
    """Load a state dict strictly; names under `frozen` prefixes may be absent, for a run does not save them.

    Raises:
        InputError: unmatched names or shapes; the first is named.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in state and not (frozen and name.startswith(frozen))]
    unknown = [name for name in state if name not in own]
    shapes = [name for name, value in state.items() if name in own and value.shape != own[name].shape]
    for names, problem in ((missing, "lacks"), (unknown, "has an unknown"), (shapes, "has another shape of")):
        if names:
            raise InputError(f"{problem} {names[0]} ({len(names)} in all)", file=file, key=names[0])
    model.load_state_dict(state, strict=False)

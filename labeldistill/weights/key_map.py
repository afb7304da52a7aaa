"""The map between the names of released checkpoints and ours, and how to tell the kinds apart.

Our modules have the released names, so every row maps a prefix to a prefix; what follows a prefix is equal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of released checkpoint."""

    labeldistill = "labeldistill"
    label_encoder = "label-encoder"
    centerpoint = "centerpoint"
    mmdet3d_centerpoint = "mmdet3d-centerpoint"
    bevdepth = "bevdepth"
    torchvision_resnet = "torchvision-resnet"


@dataclass(frozen=True)
class Row:
    """Names that start with `theirs` in the checkpoint start with `ours` in our file.

    Parts that are not `used` belong to none of our modules; they are kept for export and may be completely absent.
    """

    theirs: str
    ours: str
    used: bool = True


def _same(*prefixes: str) -> tuple[Row, ...]:
    return tuple(Row(prefix, prefix) for prefix in prefixes)


# The experiments of teacher and label encoder store stock BEVDepth's camera head, of which they only use losses.
_LENT_HEAD = Row("head.", "unused.head.", used=False)
UNUSED = "unused."

KEY_MAP: dict[Kind, tuple[Row, ...]] = {
    Kind.labeldistill: _same(
        "backbone.", "head.", "distill_encoder_lidar.", "distill_encoder_label.", "centerpoint.", "label_encoder."
    ),
    Kind.label_encoder: (*_same("label_encoder.", "centerpoint."), _LENT_HEAD),
    Kind.centerpoint: (Row("centerpoint.pts_", "pts_"), _LENT_HEAD),
    Kind.mmdet3d_centerpoint: _same("pts_"),
    Kind.bevdepth: _same("backbone.", "head."),
    Kind.torchvision_resnet: (*_same("conv1.", "bn1.", "layer"), Row("fc.", "unused.fc.", used=False)),
}

MARKS: dict[Kind, str] = {
    Kind.labeldistill: "distill_encoder_",
    Kind.label_encoder: "label_encoder.",
    Kind.centerpoint: "centerpoint.",
    Kind.mmdet3d_centerpoint: "pts_middle_encoder.",
    Kind.bevdepth: "backbone.img_backbone.",
    Kind.torchvision_resnet: "layer1.0.conv1.",
}
"""The first kind with a name that starts with its prefix is the checkpoint's."""


@dataclass(frozen=True)
class Container:
    """How a checkpoint file wraps its state dict.

    Attributes:
        entry: key of the state dict in the file; None if the file is the state dict.
        prefix: prefix of every name (Lightning's experiment calls its network `model`).
    """

    entry: str | None
    prefix: str


LIGHTNING = Container("state_dict", "model.")
"""Lightning's checkpoints, and the files of the released EMA callback."""
MMCV = Container("state_dict", "")
BARE = Container(None, "")

CONTAINERS: dict[Kind, Container] = {
    **dict.fromkeys(Kind, LIGHTNING),
    Kind.mmdet3d_centerpoint: MMCV,
    Kind.torchvision_resnet: BARE,
}
"""How each kind is published."""

SPARSE = "pts_middle_encoder."
"""Five-dimensional weights below this are sparse convolutions."""
COUNTER = "num_batches_tracked"
"""BatchNorm's counter; torchvision's older files were written before PyTorch had it."""


def kind_of(names: Iterable[str]) -> Kind | None:
    """The kind of a checkpoint from its names (without the container's prefix); None if unknown."""
    seen = list(names)
    return next((kind for kind, mark in MARKS.items() if any(name.startswith(mark) for name in seen)), None)


def to_ours(kind: Kind, name: str) -> str | None:
    """Our name for a checkpoint's name; None if no row matches."""
    row = next((row for row in KEY_MAP[kind] if name.startswith(row.theirs)), None)
    return None if row is None else row.ours + name[len(row.theirs) :]


def to_theirs(kind: Kind, name: str) -> str | None:
    """The checkpoint's name for one of ours; None if no row matches."""
    row = next((row for row in KEY_MAP[kind] if name.startswith(row.ours)), None)
    return None if row is None else row.theirs + name[len(row.ours) :]

"""Whether a study's nuScenes folder is whole: every file that it reads is there, not cut off, as the tables say."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeldistill.config.data import DataSettings
from labeldistill.errors import InputError
from labeldistill.geometry.classes import CLASSES
from labeldistill.nuscenes.annotations import read_annotations
from labeldistill.nuscenes.columns import Integers
from labeldistill.nuscenes.sensor_files import read_cloud, read_image
from labeldistill.nuscenes.study_files import StudyFiles, sampled, sizes_of, study_files
from labeldistill.nuscenes.tables import Tables

DECODED_FILES = 96
"""Images, and as many clouds, that are read whole."""
_POINT_BYTES = 20
_END_OF_JPEG = b"\xff\xd9"
Progress = Callable[[int, int], None]
"""Called with (files looked at, files in all)."""


@dataclass(frozen=True)
class Problem:
    """One file and what is wrong with it."""

    file: str
    what: str


@dataclass(frozen=True)
class DataReport:
    """What was looked at and what was found.

    Attributes:
        key_frames: of each split.
        images, clouds: number of files that the study reads.
        bytes: of all these files.
        decoded: number of files that were read whole.
        boxes: number of annotated boxes of each class.
        boxes_without_velocity: boxes of the ten classes whose velocity is unknown.
        problems: files that are missing, cut off, or unlike the tables; empty when all is well.
    """

    key_frames: dict[str, int]
    images: int
    clouds: int
    bytes: int
    decoded: int
    boxes: dict[str, int]
    boxes_without_velocity: int
    problems: tuple[Problem, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def require(self, dataroot: str | Path) -> None:
        """Do nothing when all is well.

        Raises:
            InputError: names the first bad file and says how many there are.
        """
        if self.problems:
            first, others = self.problems[0], len(self.problems) - 1
            more = f"; {others} more files have problems" if others else ""
            raise InputError(f"{first.what}{more}", file=Path(dataroot) / first.file)


def check_data(
    data: DataSettings,
    dataroot: str | Path,
    *,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> DataReport:
    """Look at every file of the samples in the study's splits; other samples' files may be missing.

    Every file must be there; every cloud a whole number of points; every image end where a JPEG ends. Some of both
    (DECODED_FILES each, always the same) are read whole, and images compared with the size in the tables.

    Raises:
        InputError: a problem of the tables themselves (see `study_files`); problems of sensor files are reported.
    """
    root, tables = Path(dataroot), Tables(dataroot, data.version, cache)
    files = study_files(tables, data)
    names = [*files.images, *files.clouds]
    sizes = sizes_of(root, names)
    problems = {name: "no such file" for name, size in zip(names, sizes, strict=True) if size < 0}
    problems |= _cut_clouds(files.clouds, sizes[len(files.images) :])
    for row, name in enumerate(files.images):
        if name not in problems and not _ends_as_jpeg(root / name):
            problems |= _decoding(root, name, files.sizes_px[row])
        if progress is not None and row % 256 == 0:
            progress(row, len(names))
    looked = [row for row in sampled(files.images, DECODED_FILES) if files.images[row] not in problems]
    for row in looked:
        problems |= _decoding(root, files.images[row], files.sizes_px[row])
    clouds = [row for row in sampled(files.clouds, DECODED_FILES) if files.clouds[row] not in problems]
    for row in clouds:
        problems |= _reading(root, files.clouds[row])
    if progress is not None:
        progress(len(names), len(names))
    found = tuple(Problem(name, problems[name]) for name in names if name in problems)
    return _report(tables, files, sizes, len(looked) + len(clouds), found)


def _report(
    tables: Tables, files: StudyFiles, sizes: Integers, decoded: int, problems: tuple[Problem, ...]
) -> DataReport:
    boxes = read_annotations(tables, files.samples.token)
    known = boxes.label >= 0
    unknown_velocity = np.isnan(boxes.velocity).any(axis=1)
    return DataReport(
        key_frames={split: files.key_frames(split) for split in files.splits},
        images=len(files.images),
        clouds=len(files.clouds),
        bytes=int(sizes[sizes > 0].sum()),
        decoded=decoded,
        boxes={name: int(np.count_nonzero(boxes.label == label)) for label, name in enumerate(CLASSES)},
        boxes_without_velocity=int(np.count_nonzero(known & unknown_velocity)),
        problems=problems,
    )


def _cut_clouds(names: list[str], sizes: Integers) -> dict[str, str]:
    wrong = np.flatnonzero((sizes >= 0) & ((sizes % _POINT_BYTES != 0) | (sizes == 0)))
    return {names[row]: f"{sizes[row]} bytes is not a whole number of points of 20 bytes" for row in wrong}


def _ends_as_jpeg(path: Path) -> bool:
    """Whether the last two bytes are JPEG's end marker: finds a file that was cut off without decoding it."""
    try:
        with path.open("rb") as stream:
            stream.seek(-2, 2)
            return stream.read(2) == _END_OF_JPEG
    except OSError:
        return False


def _decoding(root: Path, name: str, size_px: Integers) -> dict[str, str]:
    try:
        image = read_image(root / name)
    except InputError as error:
        return {name: error.message}
    if (image.height, image.width) != tuple(size_px):
        return {name: f"{image.height} x {image.width} pixels, the tables say {size_px[0]} x {size_px[1]}"}
    return {}


def _reading(root: Path, name: str) -> dict[str, str]:
    try:
        cloud = read_cloud(root / name)
    except InputError as error:
        return {name: error.message}
    return {} if np.isfinite(cloud[:, :4]).all() else {name: "holds coordinates that are not finite"}

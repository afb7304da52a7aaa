"""Whether a study's nuScenes folder is complete: the files exist, are not truncated and fit the tables."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeldistill.config.data import DataSettings
from labeldistill.geometry.classes import CLASSES
from labeldistill.nuscenes.annotations import read_annotations
from labeldistill.nuscenes.columns import Annotations, Integers
from labeldistill.nuscenes.devkit import load_devkit
from labeldistill.nuscenes.many_files import asked_of
from labeldistill.nuscenes.placement_checks import far_boxes
from labeldistill.nuscenes.sensor_checks import cloud_problem, image_problem, short_clouds
from labeldistill.nuscenes.sensor_files import POINT_VALUES
from labeldistill.nuscenes.study_files import StudyFiles, sampled, sizes_of, study_files
from labeldistill.nuscenes.tables import Tables

DECODED_BYTES = 128 * 2**20
"""Bytes of images, and of clouds, that are read in full: all of a small data set, an even choice of a large one."""
_POINT_BYTES = 4 * POINT_VALUES
PLACED_KEY_FRAMES = 24
"""Number of key frames whose boxes are compared with their cloud."""
_END_OF_JPEG = b"\xff\xd9"
Progress = Callable[[int, int], None]
"""Called with (files checked, total)."""


@dataclass(frozen=True)
class Problem:
    """One file and what is wrong with it."""

    file: str
    what: str


@dataclass(frozen=True)
class DataReport:
    """What was checked and what was found.

    Attributes:
        key_frames: number of key frames in each split.
        images, clouds: number of files that the study reads.
        bytes: size of all these files together.
        decoded: number of files that were read in full.
        boxes: number of annotated boxes per class.
        boxes_without_velocity: boxes of the ten classes whose velocity is unknown.
        problems: files that are missing, truncated or do not fit the tables; empty when all is well.
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


def check_data(
    data: DataSettings,
    dataroot: str | Path,
    *,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    devkit: bool = False,
) -> DataReport:
    """Check every file of the samples in the study's splits; files of other samples may be missing.

    Every file must exist; every cloud must hold a whole number of points, and not far fewer than the others; every
    image must end like a JPEG. Some of both (DECODED_BYTES each, always the same files) are read in full: images are
    decoded and compared with the tables, clouds checked point by point, and the boxes of some key frames must have
    LiDAR points near them.

    Args:
        data: version, splits, sweeps.
        dataroot: the nuScenes folder.
        cache: folder for table copies; None reads the JSON each time.
        progress: called now and then with the number of files checked and in total.
        devkit: also let nuscenes-devkit load the folder, as it will have to when it scores.

    Raises:
        InputError: a problem of the tables themselves (see `Tables` and `study_files`), or one of the devkit's;
            problems of sensor files are reported.
    """
    root, tables = Path(dataroot), Tables(dataroot, data.version, cache)
    files = study_files(tables, data)
    if devkit:
        load_devkit(root, data.version)
    names = [*files.images, *files.clouds]
    sizes = sizes_of(root, names)
    image_sizes, cloud_sizes = np.split(sizes, [len(files.images)])
    problems = {name: "no such file" for name, size in zip(names, sizes, strict=True) if size < 0}
    problems |= _cut_clouds(files.clouds, cloud_sizes)
    ends = asked_of(lambda name: _ends_as_jpeg(root / name), files.images)
    for row, (name, whole) in enumerate(zip(files.images, ends, strict=True)):
        doubtful = name not in problems and not whole  # bytes after a JPEG's end do no harm
        if doubtful and (what := image_problem(root / name, files.sizes_px[row])):
            problems[name] = what
        if progress is not None and row % 256 == 0:
            progress(row, len(names))
    images = _whole(files.images, image_sizes, problems)
    for row in images:
        if what := image_problem(root / files.images[row], files.sizes_px[row]):
            problems[files.images[row]] = what
    clouds = _whole(files.clouds, cloud_sizes, problems)
    for row in clouds:
        if what := cloud_problem(root / files.clouds[row]):
            problems[files.clouds[row]] = what
    boxes = read_annotations(tables, files.samples.token)
    placed = sampled(files.samples.token.to_pylist(), PLACED_KEY_FRAMES)
    problems = {**far_boxes(root, files.sweeps, boxes, np.array(placed, dtype=np.int64)), **problems}
    if progress is not None:
        progress(len(names), len(names))
    found = tuple(Problem(name, problems[name]) for name in names if name in problems)
    return _report(files, boxes, sizes, len(images) + len(clouds), found)


def _whole(names: list[str], sizes: Integers, problems: dict[str, str]) -> list[int]:
    """Rows of the files that are read in full: an even choice of DECODED_BYTES among those without a problem."""
    mean = max(float(sizes[sizes > 0].mean()), 1.0) if (sizes > 0).any() else 1.0
    return [row for row in sampled(names, int(DECODED_BYTES / mean) + 1) if names[row] not in problems]


def _report(
    files: StudyFiles, boxes: Annotations, sizes: Integers, decoded: int, problems: tuple[Problem, ...]
) -> DataReport:
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
    problems = {names[row]: f"{sizes[row]} bytes is not a whole number of points of 20 bytes" for row in wrong}
    few = short_clouds(sizes)
    few[wrong] = False
    if few.any():
        usual = int(np.median(sizes[sizes > 0]) // _POINT_BYTES)
        problems |= {
            names[row]: f"only {sizes[row] // _POINT_BYTES} points, the others have about {usual}"
            for row in np.flatnonzero(few)
        }
    return problems


def _ends_as_jpeg(path: Path) -> bool:
    """Whether the last two bytes are JPEG's end marker: detects a truncated file without decoding it."""
    try:
        with path.open("rb") as stream:
            stream.seek(-2, 2)
            return stream.read(2) == _END_OF_JPEG
    except OSError:
        return False

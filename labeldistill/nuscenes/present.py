"""Scenes whose sensor files are all there: what a study can use of a folder that was downloaded in part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeldistill.config.data import CAMERAS, DataSettings
from labeldistill.errors import InputError
from labeldistill.nuscenes.many_files import stats_of
from labeldistill.nuscenes.splits import Split
from labeldistill.nuscenes.study_files import study_files
from labeldistill.nuscenes.tables import Tables


@dataclass(frozen=True)
class Present:
    """The complete scenes of one split.

    Attributes:
        scenes: their names. of: scenes of the whole split.
        key_frames, of_key_frames: the key frames of both.
    """

    scenes: tuple[str, ...]
    of: int
    key_frames: int
    of_key_frames: int

    def __str__(self) -> str:
        return f"{len(self.scenes)} of {self.of} scenes, {self.key_frames:,} of {self.of_key_frames:,} key frames"


def present_scenes(data: DataSettings, dataroot: Path, cache: Path | None = None) -> dict[Split, Present]:
    """The scenes of each split of which every image, cloud and indexed sweep exists.

    A scene counts as a whole, since its key frames are each other's past: nuScenes' archives hold whole scenes.

    Args:
        data: splits and sweeps, which determine the files.
        dataroot: the nuScenes folder; its metadata tables must be complete.
        cache: folder for table copies.

    Raises:
        InputError: a split without any complete scene, which names a missing file; problems of the tables.
    """
    files = study_files(Tables(dataroot, data.version, cache), data)
    sweeps = files.sweeps.file.to_pylist()
    scene_of_image = np.repeat(files.samples.scene, len(CAMERAS))
    lacking: dict[int, str] = {}
    for names, scenes in ((files.images, scene_of_image), (sweeps, files.samples.scene[files.sweeps.sample])):
        sizes = np.array(stats_of(dataroot, names).sizes)
        for row in np.flatnonzero(sizes < 0):
            lacking.setdefault(int(scenes[row]), names[row])
    names = files.scenes.name.to_pylist()
    number = np.bincount(files.samples.scene, minlength=len(names))
    found: dict[Split, Present] = {}
    for split in files.splits:
        rows = np.flatnonzero(getattr(files.scenes, f"in_{split}"))
        whole = [int(row) for row in rows if int(row) not in lacking]
        if not whole:
            message = f"none of its {len(rows)} scenes is complete, {names[rows[0]]} lacks this file"
            raise InputError(message, file=dataroot / lacking[int(rows[0])], key=f"data.splits.{split}")
        kept = tuple(names[row] for row in whole)
        found[split] = Present(kept, len(rows), int(number[whole].sum()), int(number[rows].sum()))
    return found

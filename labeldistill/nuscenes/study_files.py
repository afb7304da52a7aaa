"""Every sensor file that a study reads, and an even, repeatable sample of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeldistill.config.data import DataSettings
from labeldistill.nuscenes.columns import Cameras, Integers, Samples, Scenes, Sweeps
from labeldistill.nuscenes.key_frames import read_cameras, read_samples, read_scenes, read_sweeps
from labeldistill.nuscenes.many_files import stats_of
from labeldistill.nuscenes.splits import Split, resolve_splits
from labeldistill.nuscenes.tables import Tables


@dataclass(frozen=True)
class StudyFiles:
    """The files of the samples in a study's splits, relative to the dataroot, without duplicates.

    Attributes:
        splits: scene names of each split.
        scenes, samples: columns.
        images: image files; sizes_px: [n, 2] their height and width according to the tables.
        clouds: point clouds of key frames and indexed sweeps; sweeps: their rows in the tables.
    """

    splits: Mapping[Split, Sequence[str]]
    scenes: Scenes
    samples: Samples
    images: list[str]
    sizes_px: Integers
    clouds: list[str]
    sweeps: Sweeps

    def key_frames(self, split: Split) -> int:
        """Number of key frames of a split."""
        return len(self.tokens(split))

    def tokens(self, split: Split) -> list[str]:
        """Sample tokens of the key frames of a split."""
        rows = np.flatnonzero(getattr(self.scenes, f"in_{split}")[self.samples.scene])
        return list(self.samples.token.take(rows).to_pylist())


def study_files(tables: Tables, data: DataSettings) -> StudyFiles:
    """List the files that a study of these data settings reads.

    Raises:
        InputError: see `Tables`, `resolve_splits` and `nuscenes.key_frames`.
    """
    splits = resolve_splits(data.splits, tables)
    scenes = read_scenes(tables, splits)
    samples = read_samples(tables, scenes)
    cameras: Cameras = read_cameras(tables, samples)
    sweeps: Sweeps = read_sweeps(tables, samples, data.past_sweeps, data.future_sweeps)
    clouds = sorted(set(sweeps.file.to_pylist()))
    return StudyFiles(splits, scenes, samples, cameras.file.to_pylist(), cameras.size_px, clouds, sweeps)


def sampled(names: Sequence[str], most: int) -> list[int]:
    """Ascending positions of at most `most` names: those with the smallest hashes, so the same ones every time."""
    if len(names) <= most:
        return list(range(len(names)))
    ranked = sorted(range(len(names)), key=lambda row: hashlib.blake2b(names[row].encode(), digest_size=8).digest())
    return sorted(ranked[:most])


def sizes_of(dataroot: Path, names: Sequence[str]) -> Integers:
    """Bytes [n] of each file, -1 where it is missing."""
    return np.array(stats_of(dataroot, names).sizes, dtype=np.int64)

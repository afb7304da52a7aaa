"""The columnar index of a study's key frames, which the dataset reads instead of nuScenes' tables.

A folder with scenes, samples, cameras, sweeps and annotations (`nuscenes.columns`) as Parquet, the LiDAR points in
every key-frame image (`depth.bin`: float32 u, v, depth) with their count per image, and `index.json`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from labeldistill.config.data import CAMERAS, DataSettings
from labeldistill.data.columns import read_columns, write_columns
from labeldistill.data.depth_maps import Float32, project
from labeldistill.errors import InputError
from labeldistill.files import read_json, write_json, written_whole
from labeldistill.nuscenes.annotations import read_annotations
from labeldistill.nuscenes.columns import Annotations, Cameras, Integers, Samples, Scenes, Sweeps
from labeldistill.nuscenes.key_frames import read_cameras, read_samples, read_scenes, read_sweeps
from labeldistill.nuscenes.sensor_files import read_cloud
from labeldistill.nuscenes.splits import SPLITS, resolve_splits
from labeldistill.nuscenes.tables import Tables

FORMAT = 2
Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True)
class DepthCounts:
    """Number of projected LiDAR points [n] in each row of Cameras."""

    count: Integers


@dataclass(frozen=True)
class Infos:
    """An opened index. All columns keep the rows of one sample together.

    Attributes:
        dataroot: the nuScenes folder that file names are relative to.
        scenes, samples, cameras, sweeps, annotations: columns (see `nuscenes.columns`).
        depth_file: float32 triples u, v (pixels of the original image), depth (metres), image after image.
        depth_count: [cameras] number of points per image.
    """

    dataroot: Path
    scenes: Scenes
    samples: Samples
    cameras: Cameras
    sweeps: Sweeps
    annotations: Annotations
    depth_file: Path
    depth_count: Integers
    _depth_start: Integers = field(init=False, repr=False)
    _sweep_start: Integers = field(init=False, repr=False)
    _annotation_start: Integers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        edges = np.arange(len(self.samples.token) + 1)
        object.__setattr__(self, "_depth_start", np.concatenate([[0], np.cumsum(self.depth_count)]))
        object.__setattr__(self, "_sweep_start", np.searchsorted(self.sweeps.sample, edges))
        object.__setattr__(self, "_annotation_start", np.searchsorted(self.annotations.sample, edges))

    @classmethod
    def open(cls, folder: str | Path, dataroot: str | Path | None) -> "Infos":
        """Open the folder that `build_infos` wrote.

        Args:
            folder: the index.
            dataroot: the nuScenes folder of the study, wherever the index was built; None: the synthetic world beside
                the index, from which it was built.

        Raises:
            InputError: missing or damaged file, an index of another format, or `dataroot` None without a synthetic
                world.
        """
        folder = Path(folder)
        facts = read_json(folder / "index.json")
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise InputError(f"not an index of format {FORMAT}; build it again", file=folder / "index.json")
        if dataroot is None and facts.get("world") is None:
            raise InputError("index of a nuScenes folder that was not given", file=folder / "index.json", key="world")
        infos = cls(
            dataroot=folder / facts["world"] if dataroot is None else Path(dataroot).expanduser(),
            scenes=read_columns(folder / "scenes.parquet", Scenes),
            samples=read_columns(folder / "samples.parquet", Samples),
            cameras=read_columns(folder / "cameras.parquet", Cameras),
            sweeps=read_columns(folder / "sweeps.parquet", Sweeps),
            annotations=read_columns(folder / "annotations.parquet", Annotations),
            depth_file=folder / "depth.bin",
            depth_count=read_columns(folder / "depth.parquet", DepthCounts).count,
        )
        expected = int(infos.depth_count.sum()) * 12
        if not infos.depth_file.is_file() or infos.depth_file.stat().st_size != expected:
            raise InputError(f"missing or not {expected} bytes; build the index again", file=infos.depth_file)
        return infos

    def split(self, name: str) -> Integers:
        """Rows of Samples in a split, by scene and time.

        Raises:
            InputError: the study has no such split, or the split has no sample.
        """
        if name not in SPLITS:
            raise InputError(f"no split `{name}`, expected one of {', '.join(SPLITS)}")
        rows = np.flatnonzero(getattr(self.scenes, f"in_{name}")[self.samples.scene])
        if not len(rows):
            raise InputError(f"split `{name}` has no sample", file=self.depth_file.parent)
        return rows

    def sweeps_of(self, sample: int) -> slice:
        """Rows of Sweeps of a sample."""
        return slice(int(self._sweep_start[sample]), int(self._sweep_start[sample + 1]))

    def annotations_of(self, sample: int) -> slice:
        """Rows of Annotations of a sample."""
        return slice(int(self._annotation_start[sample]), int(self._annotation_start[sample + 1]))

    def cameras_of(self, sample: int) -> slice:
        """Rows of Cameras of a sample."""
        return slice(sample * len(CAMERAS), (sample + 1) * len(CAMERAS))

    def depth_points(self, camera: int) -> Float32:
        """LiDAR points [m, 3] (u, v, depth) in the image of a row of Cameras."""
        start, count = int(self._depth_start[camera]), int(self.depth_count[camera])
        values = np.fromfile(self.depth_file, dtype=np.float32, count=3 * count, offset=12 * start)
        return values.reshape(-1, 3)


def build_infos(
    data: DataSettings,
    dataroot: str | Path,
    out_dir: str | Path,
    *,
    cache: str | Path | None = None,
    sensor_files: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the index of the samples of the study's splits to `out_dir`, and return that folder.

    Args:
        data: version, splits, and how many past and future sweeps are indexed; its `dataroot` is not used.
        dataroot: the nuScenes folder. The index does not store it: whoever opens the index names the folder. Only a
            synthetic world is found without, because it lies beside its index.
        out_dir: created if missing; `index.json` is written last, so a folder without it is unfinished.
        cache: folder for the Parquet copies of the tables; None parses the JSON tables.
        sensor_files: fingerprint of the sensor files, recorded in the index.
        progress: called as samples are projected.

    Raises:
        InputError: see `Tables`, `resolve_splits` and `nuscenes.key_frames`; a missing or truncated key-frame cloud.
    """
    out = Path(out_dir)
    (out / "index.json").unlink(missing_ok=True)
    tables = Tables(dataroot, data.version, cache)
    scenes = read_scenes(tables, resolve_splits(data.splits, tables))
    samples = read_samples(tables, scenes)
    cameras = read_cameras(tables, samples)
    sweeps = read_sweeps(tables, samples, data.past_sweeps, data.future_sweeps)
    tables.release("sample_data")
    tables.release("ego_pose")
    annotations = read_annotations(tables, samples.token)
    for name, columns in {
        "scenes": scenes,
        "samples": samples,
        "cameras": cameras,
        "sweeps": sweeps,
        "annotations": annotations,
    }.items():
        write_columns(out / f"{name}.parquet", columns)
    counts = _write_depth(Path(dataroot), cameras, sweeps, out / "depth.bin", progress)
    write_columns(out / "depth.parquet", DepthCounts(counts))
    world = None if data.synth is None else os.path.relpath(Path(dataroot).resolve(), out.resolve())
    facts = {"format": FORMAT, "version": data.version, "world": world, "sensor_files": sensor_files}
    write_json(out / "index.json", facts | {"samples": len(samples.token), "scenes": scenes.name.to_pylist()})
    return out


def _write_depth(dataroot: Path, cameras: Cameras, sweeps: Sweeps, file: Path, progress: Progress | None) -> Integers:
    """Project every key frame's cloud into its six images; returns the number of points of each image."""
    keys = np.flatnonzero(sweeps.slot == 0)
    counts = np.zeros(len(cameras.file), dtype=np.int64)
    with written_whole(file) as temporary, temporary.open("wb") as stream:
        for sample, key in enumerate(keys):
            cloud = read_cloud(dataroot / sweeps.file[int(key)].as_py())
            for row in range(sample * len(CAMERAS), (sample + 1) * len(CAMERAS)):
                points = _in_image(cloud, sweeps, int(key), cameras, row)
                counts[row] = len(points)
                points.tofile(stream)
            if progress is not None:
                progress(sample + 1, len(keys))
    return counts


def _in_image(cloud: Float32, sweeps: Sweeps, key: int, cameras: Cameras, row: int) -> Float32:
    height, width = cameras.size_px[row]
    return project(
        cloud,
        (sweeps.sensor_rotation[key], sweeps.sensor_translation[key]),
        (sweeps.ego_rotation[key], sweeps.ego_translation[key]),
        (cameras.sensor_rotation[row], cameras.sensor_translation[row]),
        (cameras.ego_rotation[row], cameras.ego_translation[row]),
        cameras.intrinsics[row],
        (int(height), int(width)),
    )

"""The ground truth of a split as columns: annotated boxes, ego positions, bicycle racks, scenes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Codes, Floats, Ints
from labeldistill.evaluation.protocol import ATTRIBUTES, BIKE_RACK
from labeldistill.nuscenes.annotations import flat, read_annotations
from labeldistill.nuscenes.columns import Annotations, Samples
from labeldistill.nuscenes.key_frames import read_sweeps
from labeldistill.nuscenes.splits import scenes_of
from labeldistill.nuscenes.tables import Tables


@dataclass(frozen=True)
class Racks:
    """Annotated bicycle racks.

    Attributes:
        sample: [k] index into the samples. centre [k, 3], size [k, 3] (width, length, height), rotation [k, 4]: as in
            Predictions.
    """

    sample: Ints
    centre: Floats
    size: Floats
    rotation: Floats


@dataclass(frozen=True)
class GroundTruth:
    """n annotated boxes of the ten classes in S samples, by sample, then in the order of sample_annotation.json.

    Attributes:
        tokens: S sample tokens, in the order of sample.json.
        scene: [S] int32, index into `scene_names`.
        scene_names, scene_descriptions: those of all scenes in the split.
        ego: [S, 3] position of the ego vehicle (its pose at the LiDAR key frame), global frame, metres.
        sample: [n] int32, never decreasing.
        translation, size, rotation, velocity: as in Predictions; velocity is NaN if nuScenes has none.
        label, attribute: as in Predictions.
        points: [n] LiDAR and radar points in the box; lidar_points: [n] LiDAR points only.
        visibility: [n] int8, 1 (0-40 % visible) to 4 (80-100 %); 0 if nuScenes does not say.
        racks: bicycle racks of these samples.
    """

    tokens: tuple[str, ...]
    scene: Ints
    scene_names: tuple[str, ...]
    scene_descriptions: tuple[str, ...]
    ego: Floats
    sample: Ints
    translation: Floats
    size: Floats
    rotation: Floats
    velocity: Floats
    label: Codes
    attribute: Codes
    points: Ints
    lidar_points: Ints
    visibility: Codes
    racks: Racks

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def starts(self) -> NDArray[np.int64]:
        """[S + 1] first row of each sample, then n."""
        return np.searchsorted(self.sample, np.arange(len(self.tokens) + 1))


def read_ground_truth(tables: Tables, split: str | Sequence[str]) -> GroundTruth:
    """Columns of all samples of a split's scenes, straight from the tables.

    Raises:
        InputError: an unknown split or scene, or damaged tables.
    """
    names = scenes_of(split, tables, key="split")
    samples = split_key_frames(tables, names)
    table = tables["scene"]
    description = dict(zip(table["name"].to_pylist(), table["description"].to_pylist(), strict=True))
    ego = read_sweeps(tables, samples, past=0, future=0).ego_translation
    boxes = read_annotations(tables, samples.token)
    if not len(boxes.sample):
        raise InputError("the split has no annotations to evaluate on", file=tables.folder, key="split")
    return _ground_truth(samples, tuple(names), tuple(description[name] for name in names), ego, boxes)


def split_key_frames(tables: Tables, scene_names: Sequence[str]) -> Samples:
    """Key frames of the scenes in the order of sample.json, in which the devkit evaluates."""
    scenes, table = tables["scene"], tables["sample"]
    position = pc.index_in(pa.array(scene_names), value_set=scenes["name"])
    scene = pc.index_in(table["scene_token"], value_set=flat(pc.take(scenes["token"], position)))
    rows = np.flatnonzero(pc.is_valid(scene).to_numpy())
    of_scene = pc.take(scene, rows).to_numpy().astype(np.int64)
    time = pc.take(table["timestamp"], rows).to_numpy()
    return Samples(flat(pc.take(table["token"], rows)), of_scene, np.arange(len(rows)), time)


def _ground_truth(
    samples: Samples, names: tuple[str, ...], descriptions: tuple[str, ...], ego: Floats, boxes: Annotations
) -> GroundTruth:
    scored = np.flatnonzero(boxes.label >= 0)
    rack = np.flatnonzero(np.asarray(pc.equal(boxes.category, BIKE_RACK).to_numpy(zero_copy_only=False)))
    visibility = pc.if_else(pc.equal(boxes.visibility, ""), "0", boxes.visibility)
    return GroundTruth(
        tokens=tuple(samples.token.to_pylist()),
        scene=samples.scene.astype(np.int32),
        scene_names=names,
        scene_descriptions=descriptions,
        ego=ego,
        sample=boxes.sample[scored].astype(np.int32),
        translation=boxes.centre[scored],
        size=boxes.wlh[scored],
        rotation=boxes.rotation[scored],
        velocity=boxes.velocity[scored, :2],
        label=boxes.label[scored].astype(np.int8),
        attribute=_attribute_codes(boxes)[scored],
        points=(boxes.num_lidar_pts + boxes.num_radar_pts)[scored].astype(np.int32),
        lidar_points=boxes.num_lidar_pts[scored].astype(np.int32),
        visibility=np.asarray(pc.cast(visibility, pa.int8()).to_numpy())[scored],
        racks=Racks(boxes.sample[rack].astype(np.int32), boxes.centre[rack], boxes.wlh[rack], boxes.rotation[rack]),
    )


def _attribute_codes(boxes: Annotations) -> Codes:
    codes = pc.index_in(boxes.attribute, value_set=pa.array(ATTRIBUTES))
    if codes.null_count:
        name = pc.filter(boxes.attribute, pc.is_null(codes))[0].as_py()
        raise InputError(f"unknown attribute {name!r} in attribute.json", key="name")
    return np.asarray(codes.to_numpy(), dtype=np.int8)

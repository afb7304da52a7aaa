"""Scenes, key frames, their six images and LiDAR clouds: joins of nuScenes' tables without a loop over rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labeldistill.config.data import CAMERAS
from labeldistill.errors import InputError
from labeldistill.geometry.frames import Array
from labeldistill.nuscenes.annotations import flat, vectors
from labeldistill.nuscenes.columns import Cameras, Integers, Samples, Scenes, Sweeps
from labeldistill.nuscenes.splits import SPLITS, Split
from labeldistill.nuscenes.tables import Tables
from labeldistill.nuscenes.timing_checks import check_files, check_motion, check_times

LIDAR = "LIDAR_TOP"


def read_scenes(tables: Tables, splits: Mapping[Split, Sequence[str]]) -> Scenes:
    """The scenes of all splits (name -> scene names) together, in the order of scene.json."""
    table = tables["scene"]
    member = {split: np.isin(table["name"].to_pylist(), list(splits.get(split, ()))) for split in SPLITS}
    rows = np.flatnonzero(np.logical_or.reduce(list(member.values())))
    chosen = table.take(rows)
    log = tables.rows_of("log", chosen["log_token"], asked_by="scene.log_token")
    return Scenes(
        name=flat(chosen["name"]),
        token=flat(chosen["token"]),
        description=flat(chosen["description"]),
        location=flat(pc.take(tables["log"]["location"], log)),
        in_train=member["train"][rows],
        in_val=member["val"][rows],
        in_tuning=member["tuning"][rows],
    )


def read_samples(tables: Tables, scenes: Scenes) -> Samples:
    """Key frames of the scenes, by scene and then by time.

    Raises:
        InputError: a scene without a key frame, or key frames whose `next` does not lead forwards in time.
    """
    table = tables["sample"]
    scene = pc.index_in(table["scene_token"], value_set=scenes.token)
    rows = np.flatnonzero(pc.is_valid(scene).to_numpy())
    of_scene = pc.take(scene, rows).to_numpy().astype(np.int64)
    time = pc.take(table["timestamp"], rows).to_numpy()
    order = np.lexsort((time, of_scene))
    rows, of_scene, time = rows[order], of_scene[order], time[order]
    count = np.bincount(of_scene, minlength=len(scenes.name))
    if (count == 0).any():
        name = scenes.name[int(np.argmin(count))].as_py()
        raise InputError(f"{name} has no key frame", file=tables.file("sample"))
    first = np.concatenate([[0], np.cumsum(count)])[of_scene]
    samples = Samples(flat(pc.take(table["token"], rows)), of_scene, np.arange(len(rows)) - first, time)
    _check_chain(tables, samples, flat(pc.take(table["next"], rows)))
    return samples


def _check_chain(tables: Tables, samples: Samples, following: Any) -> None:
    """Each key frame's `next` must be the next in time of its scene, and empty for the last one."""
    same_scene = np.append(samples.scene[1:] == samples.scene[:-1], False)
    wanted = np.append(samples.token.to_numpy(zero_copy_only=False)[1:], "")
    wanted[~same_scene] = ""
    later = np.append(np.diff(samples.timestamp_us) > 0, True) | ~same_scene
    good = (following.to_numpy(zero_copy_only=False) == wanted) & later
    if not good.all():
        token = samples.token[int(np.argmin(good))].as_py()
        message = f"`{token}`: `next` is not the next key frame of the scene in time; do times run backwards?"
        raise InputError(message, file=tables.file("sample"), key="next")


def read_cameras(tables: Tables, samples: Samples) -> Cameras:
    """The six key-frame images of every sample.

    Raises:
        InputError: a sample without one of the cameras (named), or an image row whose pinhole matrix or size is
            missing or do not fit each other, images of another time or place.
    """
    data = _sensor_rows(tables, samples, key_frames_only=True)
    channel = pc.index_in(data["channel"], value_set=pa.array(CAMERAS))
    data = data.append_column("camera", channel).filter(pc.is_valid(channel))
    place = data["sample"].to_numpy() * len(CAMERAS) + data["camera"].to_numpy()
    wanted = np.arange(len(samples.token) * len(CAMERAS))
    order = np.argsort(place, kind="stable")
    _check_complete(tables, samples, place, wanted)
    data = data.take(order)
    check_times(tables, data, np.repeat(samples.timestamp_us, len(CAMERAS)))
    check_files(tables, data)
    sensor_rotation, sensor_translation, intrinsics = _calibration(tables, data, cameras=True)
    ego_rotation, ego_translation = _ego_poses(tables, data)
    size_px = np.stack([data["height"].to_numpy(), data["width"].to_numpy()], axis=1)
    _check_centres(tables, data, intrinsics, size_px)
    check_motion(tables, data["token"], data["timestamp"].to_numpy(), ego_translation, wanted - wanted % len(CAMERAS))
    return Cameras(
        file=flat(data["filename"]),
        size_px=size_px,
        intrinsics=intrinsics,
        sensor_rotation=sensor_rotation,
        sensor_translation=sensor_translation,
        ego_rotation=_one_sign(ego_rotation),
        ego_translation=ego_translation,
        timestamp_us=data["timestamp"].to_numpy(),
    )


def _check_centres(tables: Tables, data: Any, intrinsics: Array, size_px: Integers) -> None:
    """Refuse principal points far from the image's middle: such a matrix belongs to an image of another size."""
    place = intrinsics[:, [5, 2]] / np.maximum(size_px, 1)
    off = ((place < 0.2) | (place > 0.8)).any(axis=1)
    if off.any():
        row = int(np.argmax(off))
        centre, size = intrinsics[row, [2, 5]].round(1).tolist(), size_px[row, ::-1].tolist()
        token = data["calibrated_sensor_token"][row].as_py()
        message = f"`{token}`: the principal point {centre} is far from the middle of an image of {size} pixels"
        raise InputError(message, file=tables.file("calibrated_sensor"), key="camera_intrinsic")


def read_sweeps(tables: Tables, samples: Samples, past: int, future: int) -> Sweeps:
    """The LiDAR clouds of every sample: its key frame and those before and after it.

    Follows `prev` and `next` within the scene; earlier and later key frames count as clouds too.

    Args:
        tables: the tables of the folder.
        samples: key frames to read the clouds of.
        past: the most clouds before each key frame.
        future: the most clouds after each key frame.

    Raises:
        InputError: a sample without a LiDAR key frame, a dangling `prev` or `next`, clouds that go backwards in time,
            clouds of another time or place.
    """
    data = _sensor_rows(tables, samples, key_frames_only=False)
    data = data.filter(pc.equal(data["channel"], LIDAR)).combine_chunks()
    key = data["is_key_frame"].to_numpy(zero_copy_only=False)
    of_sample = data["sample"].to_numpy()
    start = _key_rows(tables, samples, np.flatnonzero(key), of_sample[key])
    check_times(tables, data.take(start), samples.timestamp_us)
    check_files(tables, data.take(start))
    previous, following = (_links(tables, data, name) for name in ("prev", "next"))
    _check_forwards(tables, data, following)
    scene = samples.scene[of_sample]
    slots, rows = [np.zeros(len(start), np.int64)], [start]
    for link, steps, sign in ((previous, past, -1), (following, future, 1)):
        at = start
        for step in range(1, steps + 1):
            at = np.where(at >= 0, link[at], -1)
            at = np.where((at >= 0) & (scene[at] == samples.scene), at, -1)
            slots.append(np.full(len(start), sign * step))
            rows.append(at)
    # Transposed: all slots of the first sample, then all of the second, and so on.
    slot, row = np.stack(slots, axis=1), np.stack(rows, axis=1)
    sample = np.broadcast_to(np.arange(len(start))[:, None], row.shape)
    there = row >= 0
    return _sweeps(tables, data.take(row[there]), sample[there], slot[there])


def _sweeps(tables: Tables, data: Any, sample: Integers, slot: Integers) -> Sweeps:
    sensor_rotation, sensor_translation, _ = _calibration(tables, data, cameras=False)
    ego_rotation, ego_translation = _ego_poses(tables, data)
    own = np.flatnonzero(slot == 0)[sample]
    check_motion(tables, data["token"], data["timestamp"].to_numpy(), ego_translation, own)
    return Sweeps(
        sample=sample,
        slot=slot,
        own=data["sample"].to_numpy() == sample,
        file=flat(data["filename"]),
        timestamp_us=data["timestamp"].to_numpy(),
        sensor_rotation=sensor_rotation,
        sensor_translation=sensor_translation,
        ego_rotation=ego_rotation,
        ego_translation=ego_translation,
    )


def _sensor_rows(tables: Tables, samples: Samples, *, key_frames_only: bool) -> Any:
    """Rows of sample_data of these samples, with the columns `sample` (row of Samples) and `channel` added."""
    table = tables["sample_data"]
    sample = pc.index_in(table["sample_token"], value_set=samples.token)
    keep = pc.is_valid(sample)
    if key_frames_only:
        keep = pc.and_(keep, table["is_key_frame"])
    table = table.append_column("sample", pc.cast(sample, pa.int64())).filter(keep)
    calibrated = tables.rows_of(
        "calibrated_sensor", table["calibrated_sensor_token"], asked_by="sample_data.calibrated_sensor_token"
    )
    tokens = pc.take(tables["calibrated_sensor"]["sensor_token"], calibrated)
    sensor = tables.rows_of("sensor", tokens, asked_by="calibrated_sensor.sensor_token")
    return table.append_column("channel", pc.take(tables["sensor"]["channel"], sensor))


def _check_complete(tables: Tables, samples: Samples, place: Integers, wanted: Integers) -> None:
    count = np.bincount(place, minlength=len(wanted))
    if (count != 1).any():
        at = int(np.flatnonzero(count != 1)[0])
        sample, camera = samples.token[at // len(CAMERAS)].as_py(), CAMERAS[at % len(CAMERAS)]
        message = f"sample `{sample}` has {count[at]} key-frame images of {camera}, expected 1"
        raise InputError(message, file=tables.file("sample_data"), key="is_key_frame")


def _key_rows(tables: Tables, samples: Samples, rows: Integers, of_sample: Integers) -> Integers:
    count = np.bincount(of_sample, minlength=len(samples.token))
    if (count != 1).any():
        at = int(np.flatnonzero(count != 1)[0])
        message = f"sample `{samples.token[at].as_py()}` has {count[at]} key-frame clouds of {LIDAR}, expected 1"
        raise InputError(message, file=tables.file("sample_data"), key="is_key_frame")
    return rows[np.argsort(of_sample, kind="stable")]


def _check_forwards(tables: Tables, data: Any, following: Integers) -> None:
    time = data["timestamp"].to_numpy()
    backwards = (following >= 0) & (time[following] <= time)
    if backwards.any():
        token = data["token"][int(np.argmax(backwards))].as_py()
        message = f"`{token}`: the next cloud is not later in time"
        raise InputError(message, file=tables.file("sample_data"), key="next")


def _links(tables: Tables, data: Any, name: str) -> Integers:
    """Row in `data` of each row's `prev` or `next`, -1 where there is none or it lies outside the study's scenes."""
    known = pc.index_in(data[name], value_set=data["token"])
    outside = pc.filter(data[name], pc.and_(pc.is_null(known), pc.not_equal(data[name], "")))
    if len(outside):
        tables.rows_of("sample_data", outside, asked_by=f"sample_data.{name}")
    return np.asarray(known.fill_null(-1).to_numpy().astype(np.int64))


def _calibration(tables: Tables, data: Any, *, cameras: bool) -> tuple[Array, Array, Array]:
    rows = tables.rows_of(
        "calibrated_sensor", data["calibrated_sensor_token"], asked_by="sample_data.calibrated_sensor_token"
    )
    chosen = tables["calibrated_sensor"].take(rows)
    intrinsics = np.zeros((len(rows), 9))
    if cameras:
        length = pc.list_value_length(chosen["camera_intrinsic"]).to_numpy()
        if (length != 9).any():
            token = chosen["token"][int(np.flatnonzero(length != 9)[0])].as_py()
            message = f"`{token}` of a camera has no 3 x 3 matrix"
            raise InputError(message, file=tables.file("calibrated_sensor"), key="camera_intrinsic")
        intrinsics = vectors(chosen["camera_intrinsic"], 9)
        _check_invertible(tables, chosen["token"], intrinsics)
    return vectors(chosen["rotation"], 4), vectors(chosen["translation"]), intrinsics


def _check_invertible(tables: Tables, tokens: Any, intrinsics: Array) -> None:
    """Refuse matrices that no ray can be computed from: the view transform inverts them without asking."""
    volume = np.linalg.det(intrinsics.reshape(-1, 3, 3))
    bad = np.flatnonzero(volume == 0)
    if len(bad):
        message = f"`{tokens[int(bad[0])].as_py()}` has a matrix without an inverse: {intrinsics[bad[0]].tolist()}"
        raise InputError(message, file=tables.file("calibrated_sensor"), key="camera_intrinsic")


def _ego_poses(tables: Tables, data: Any) -> tuple[Array, Array]:
    rows = tables.rows_of("ego_pose", data["ego_pose_token"], asked_by="sample_data.ego_pose_token")
    chosen = tables["ego_pose"].take(rows)
    return vectors(chosen["rotation"], 4), vectors(chosen["translation"])


def _one_sign(rotation: Array) -> Array:
    """Flip the sign of quaternions opposite to that of their sample's first camera (q and -q are the same rotation).

    The released code averages all six as they are; in the official tables their signs agree.
    """
    groups = rotation.reshape(-1, len(CAMERAS), 4)
    sign = np.where((groups * groups[:, :1]).sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    return np.asarray((groups * sign).reshape(-1, 4))

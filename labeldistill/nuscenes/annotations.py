"""Annotated boxes of the study's samples: class, attribute, and velocity as the devkit computes it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labeldistill.errors import InputError
from labeldistill.geometry.classes import CLASSES
from labeldistill.geometry.frames import Array
from labeldistill.nuscenes.columns import Annotations, Integers
from labeldistill.nuscenes.tables import Tables

CLASS_OF_CATEGORY: dict[str, str] = {
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "human.pedestrian.construction_worker": "pedestrian",
    "human.pedestrian.police_officer": "pedestrian",
    "movable_object.barrier": "barrier",
    "movable_object.trafficcone": "traffic_cone",
    "vehicle.bicycle": "bicycle",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
    "vehicle.car": "car",
    "vehicle.construction": "construction_vehicle",
    "vehicle.motorcycle": "motorcycle",
    "vehicle.trailer": "trailer",
    "vehicle.truck": "truck",
}
"""nuScenes category -> detection class; every other category is ignored (as in the devkit's detection task)."""

MAX_NEIGHBOUR_GAP_S = 1.5
"""A neighbour farther away in time gives no velocity (twice this between two neighbours), as in the devkit."""


def read_annotations(tables: Tables, sample_tokens: Any) -> Annotations:
    """Annotations of the samples with these tokens (a pyarrow array); their `sample` is a position in that array.

    Raises:
        InputError: a dangling key, or a box of the ten classes with more than one attribute.
    """
    table = tables["sample_annotation"]
    sample = pc.index_in(table["sample_token"], value_set=sample_tokens)
    wanted = np.flatnonzero(pc.is_valid(sample).to_numpy())
    order = wanted[np.argsort(pc.take(sample, wanted).to_numpy(), kind="stable")]
    velocity = _velocities(tables, order)
    chosen = table.take(order).combine_chunks()
    category = _categories(tables, chosen["instance_token"])
    label = pc.index_in(_classes(category), value_set=pa.array(CLASSES)).fill_null(-1)
    _check_attributes(tables, chosen, label)
    _check_once(tables, chosen)
    return Annotations(
        sample=pc.take(sample, order).to_numpy().astype(np.int64),
        token=flat(chosen["token"]),
        instance_token=flat(chosen["instance_token"]),
        category=category,
        attribute=_attributes(tables, chosen["attribute_tokens"]),
        visibility=flat(chosen["visibility_token"]),
        label=label.to_numpy().astype(np.int64),
        centre=vectors(chosen["translation"]),
        wlh=vectors(chosen["size"]),
        rotation=vectors(chosen["rotation"], 4),
        velocity=velocity,
        num_lidar_pts=chosen["num_lidar_pts"].to_numpy(),
        num_radar_pts=chosen["num_radar_pts"].to_numpy(),
    )


def _check_attributes(tables: Tables, chosen: Any, label: Any) -> None:
    """Refuse boxes of the ten classes that have several attributes: the devkit cannot score them."""
    count = pc.list_value_length(chosen["attribute_tokens"])
    several = pc.and_(pc.greater(count, 1), pc.greater_equal(label, 0))
    if pc.any(several).as_py():
        at = pc.index(several, True).as_py()
        message = f"`{chosen['token'][at].as_py()}` has {count[at].as_py()} attributes, at most one is allowed"
        raise InputError(message, file=tables.file("sample_annotation"), key="attribute_tokens")


def _check_once(tables: Tables, chosen: Any) -> None:
    """Refuse an instance with two boxes in one key frame: it would be trained and scored twice."""
    pair = pc.binary_join_element_wise(chosen["sample_token"], chosen["instance_token"], " ")
    if pc.count_distinct(pair).as_py() < len(pair):
        counts = pc.value_counts(flat(pair))
        twice = pc.filter(counts, pc.greater(pc.struct_field(counts, [1]), 1))[0].as_py()
        sample, instance = twice["values"].split(" ", 1)
        message = f"`{instance}` has {twice['counts']} boxes in sample `{sample}`"
        raise InputError(message, file=tables.file("sample_annotation"), key="instance_token")


def vectors(column: Any, width: int = 3) -> Array:
    """A column of fixed-size lists as [n, width] float64."""
    values = np.asarray(flat(column).flatten(), dtype=np.float64)
    return values.reshape(-1, width)


def flat(column: Any) -> Any:
    """A possibly chunked column as one pyarrow array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _categories(tables: Tables, instance_tokens: Any) -> Any:
    instance = tables.rows_of("instance", instance_tokens, asked_by="sample_annotation.instance_token")
    tokens = pc.take(tables["instance"]["category_token"], instance)
    category = tables.rows_of("category", tokens, asked_by="instance.category_token")
    return flat(pc.take(tables["category"]["name"], category))


def _classes(category: Any) -> Any:
    known = pc.index_in(category, value_set=pa.array(list(CLASS_OF_CATEGORY)))
    return pc.take(pa.array(list(CLASS_OF_CATEGORY.values())), known)


def _attributes(tables: Tables, tokens: Any) -> Any:
    """Name of the first attribute of each box, '' for none."""
    first = flat(pc.list_element(pc.if_else(pc.equal(pc.list_value_length(tokens), 0), _NO_ATTRIBUTE, tokens), 0))
    names = pc.take(tables["attribute"]["name"], _attribute_rows(tables, first))
    return flat(pc.fill_null(names, ""))


_NO_ATTRIBUTE = pa.scalar([""], type=pa.list_(pa.string()))


def _attribute_rows(tables: Tables, tokens: Any) -> Any:
    rows = pc.index_in(tokens, value_set=tables["attribute"]["token"])
    dangling = pc.and_(pc.is_null(rows), pc.not_equal(tokens, ""))
    if pc.any(dangling).as_py():
        token = pc.filter(tokens, dangling)[0].as_py()
        message = f"`{token}` is not a token of attribute.json"
        raise InputError(message, file=tables.file("sample_annotation"), key="attribute_tokens")
    return rows


def _velocities(tables: Tables, rows: Integers) -> Array:
    """Velocity [n, 3] in the global frame of annotation rows: from the previous to the next box of the instance."""
    table = tables["sample_annotation"]
    previous, following = (_neighbours(tables, name, rows) for name in ("prev", "next"))
    _check_links(tables, rows, {"prev": previous, "next": following})
    first = np.where(previous >= 0, previous, rows)
    last = np.where(following >= 0, following, rows)
    places = vectors(table["translation"])
    moved = places[last] - places[first]
    seconds = 1e-6 * _timestamps(tables, last) - 1e-6 * _timestamps(tables, first)
    limit = np.where((previous >= 0) & (following >= 0), 2 * MAX_NEIGHBOUR_GAP_S, MAX_NEIGHBOUR_GAP_S)
    usable = ((previous >= 0) | (following >= 0)) & (seconds <= limit)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(usable[:, None], moved / seconds[:, None], np.nan))


def _neighbours(tables: Tables, name: str, rows: Integers) -> Integers:
    tokens = pc.take(tables["sample_annotation"][name], rows)
    known = pc.index_in(tokens, value_set=tables["sample_annotation"]["token"])
    dangling = pc.and_(pc.is_null(known), pc.not_equal(tokens, ""))
    if pc.any(dangling).as_py():
        token = pc.filter(tokens, dangling)[0].as_py()
        message = f"`{token}` is not a token of this table"
        raise InputError(message, file=tables.file("sample_annotation"), key=name)
    return np.asarray(known.fill_null(-1).to_numpy().astype(np.int64))


def _check_links(tables: Tables, rows: Integers, links: dict[str, Integers]) -> None:
    """Each neighbour must be the same instance's and lead back; otherwise a velocity would be that of two objects."""
    table = tables["sample_annotation"]
    for (name, linked), back in zip(links.items(), reversed(links), strict=True):
        here, there = rows[linked >= 0], linked[linked >= 0]
        same = pc.equal(pc.take(table["instance_token"], here), pc.take(table["instance_token"], there))
        good = pc.and_(same, pc.equal(pc.take(table[back], there), pc.take(table["token"], here)))
        if (at := pc.index(good, False).as_py()) >= 0:
            token = table["token"][int(here[at])].as_py()
            message = f"`{token}`: `{name}` leads to another instance, or to a box whose `{back}` does not lead back"
            raise InputError(message, file=tables.file("sample_annotation"), key=name)


def _timestamps(tables: Tables, rows: Integers) -> Integers:
    tokens = pc.take(tables["sample_annotation"]["sample_token"], rows)
    sample = tables.rows_of("sample", tokens, asked_by="sample_annotation.sample_token")
    return np.asarray(pc.take(tables["sample"]["timestamp"], sample).to_numpy())

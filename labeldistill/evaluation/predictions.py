"""Predictions of one run as columns in nuScenes' global frame, one row per box."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from labeldistill.errors import InputError
from labeldistill.evaluation.protocol import ATTRIBUTES
from labeldistill.files import written_whole
from labeldistill.geometry.classes import CLASSES

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Codes = NDArray[np.int8]

CAMERA_ONLY = {"use_camera": True, "use_lidar": False, "use_radar": False, "use_map": False, "use_external": False}
"""The block `meta` of the official format for a camera-only method."""

_VECTORS = {"translation": ("x", "y", "z"), "size": ("w", "l", "h"), "rotation": ("qw", "qx", "qy", "qz")}
_VECTORS |= {"velocity": ("vx", "vy")}
_METADATA = b"labeldistill.predictions"


@dataclass(frozen=True)
class Predictions:
    """n boxes of S samples. Rows are grouped by sample, in the order of `tokens`; samples without boxes are kept.

    Attributes:
        tokens: S unique sample tokens.
        sample: [n] int32, index into `tokens`, never decreasing.
        translation: [n, 3] centre in the global frame, metres.
        size: [n, 3] width, length, height, metres.
        rotation: [n, 4] quaternion w, x, y, z: box to global frame.
        velocity: [n, 2] global frame, m/s; may be NaN.
        label: [n] int8, index into `geometry.classes.CLASSES`.
        score: [n].
        attribute: [n] int8, index into `protocol.ATTRIBUTES`; 0 is "no attribute".
        meta: the block `meta` of the official format (which sensors were used).
        metadata: anything else to store (run key, weights, split and so on) as JSON values.
    """

    tokens: tuple[str, ...]
    sample: Ints
    translation: Floats
    size: Floats
    rotation: Floats
    velocity: Floats
    label: Codes
    score: Floats
    attribute: Codes
    meta: dict[str, Any] = field(default_factory=lambda: dict(CAMERA_ONLY))
    metadata: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def starts(self) -> NDArray[np.int64]:
        """[S + 1] first row of each sample, then n."""
        return np.searchsorted(self.sample, np.arange(len(self.tokens) + 1))

    @classmethod
    def concatenate(
        cls, parts: "Sequence[Predictions]", *, repeated: Literal["error", "first", "extend"] = "error"
    ) -> "Predictions":
        """Join parts of one run; meta and metadata are those of the first part.

        Args:
            parts: at least one.
            repeated: what to do with a token in several parts: raise, keep the boxes of the first part (padded samplers
                of several processes repeat samples), or combine all boxes (as the released code does).

        Raises:
            InputError: a repeated token under "error".
        """
        position: dict[str, int] = {}
        kept, samples = [], []
        for part in parts:
            known = np.array([token in position for token in part.tokens], dtype=bool)
            if known.any() and repeated == "error":
                raise InputError("duplicate sample", key=part.tokens[int(np.argmax(known))])
            for token in part.tokens:
                position.setdefault(token, len(position))
            if repeated == "first":
                part = part.rows(~known[part.sample])
            kept.append(part)
            samples.append(np.array([position[token] for token in part.tokens], dtype=np.int32)[part.sample])
        return _grouped(kept, np.concatenate(samples), tuple(position))

    def of_samples(self, tokens: Sequence[str]) -> "Predictions":
        """The boxes of these samples, in the given order.

        Raises:
            InputError: a token without an entry.
        """
        position = {token: index for index, token in enumerate(self.tokens)}
        missing = [token for token in tokens if token not in position]
        if missing:
            raise InputError(f"no predictions for this sample ({len(missing)} missing in all)", key=missing[0])
        starts = self.starts
        picked = np.array([position[token] for token in tokens], dtype=np.int64)
        counts = (starts[1:] - starts[:-1])[picked]
        rows = (
            np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts[picked], counts)
        )
        sample = np.repeat(np.arange(len(picked), dtype=np.int32), counts)
        return replace(self.rows(rows), tokens=tuple(tokens), sample=sample)

    def rows(self, index: NDArray[Any]) -> "Predictions":
        """Some of the rows (boolean mask or increasing indices); all samples are kept."""
        names = ("sample", "translation", "size", "rotation", "velocity", "label", "score", "attribute")
        return replace(self, **{name: getattr(self, name)[index] for name in names})

    def write(self, path: str | Path, metadata: dict[str, Any] | None = None) -> None:
        """Write a Parquet file, whole or not at all; `metadata` is merged into `self.metadata`."""
        columns: dict[str, Any] = {"sample": self.sample}
        for name, parts in _VECTORS.items():
            columns |= {part: getattr(self, name)[:, i] for i, part in enumerate(parts)}
        columns["class"] = pa.DictionaryArray.from_arrays(self.label, list(CLASSES))
        columns["score"] = self.score
        columns["attribute"] = pa.DictionaryArray.from_arrays(self.attribute, list(ATTRIBUTES))
        header = {"tokens": self.tokens, "meta": self.meta, "metadata": {**self.metadata, **(metadata or {})}}
        table = pa.table(columns).replace_schema_metadata({_METADATA: json.dumps(header).encode()})
        with written_whole(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", use_dictionary=["class", "attribute", "sample"])

    @classmethod
    def read(cls, path: str | Path) -> "Predictions":
        """Read what `write` wrote.

        Raises:
            InputError: missing, truncated, or not a file of predictions.
        """
        try:
            table = pq.read_table(path)
        except FileNotFoundError as error:
            raise InputError("no such file", file=path) from error
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"not a readable Parquet file ({error})", file=path) from error
        if _METADATA not in (table.schema.metadata or {}):
            raise InputError("holds no predictions (written by `predict` or `ingest`)", file=path)
        try:
            found = cls(**_columns_of(table, json.loads(table.schema.metadata[_METADATA])))
        except (
            KeyError,
            TypeError,
            ValueError,
            IndexError,
            AttributeError,
            pa.ArrowException,
            RecursionError,
        ) as error:
            raise InputError(f"damaged predictions ({type(error).__name__}: {error})", file=path) from error
        if len(found) and not 0 <= int(found.sample.min()) <= int(found.sample.max()) < len(found.tokens):
            raise InputError("damaged predictions: boxes of samples that it does not name", file=path, key="sample")
        return found


def _columns_of(table: pa.Table, header: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"tokens": tuple(header["tokens"]), "meta": header["meta"], "metadata": header["metadata"]}
    out["sample"] = table["sample"].to_numpy().astype(np.int32)
    for name, parts in _VECTORS.items():
        out[name] = np.stack([table[part].to_numpy() for part in parts], axis=1).astype(np.float64)
    out["score"] = table["score"].to_numpy().astype(np.float64)
    out["label"] = _codes(table["class"], CLASSES)
    out["attribute"] = _codes(table["attribute"], ATTRIBUTES)
    return out


def _codes(column: pa.ChunkedArray, names: tuple[str, ...]) -> Codes:
    """Dictionary codes renumbered to `names` (Parquet keeps only the values that occur, in any order)."""
    if len(column) == 0:
        return np.zeros(0, dtype=np.int8)
    encoded = column.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    lookup = np.array([names.index(value) for value in encoded.dictionary.to_pylist()], dtype=np.int8)
    return np.asarray(lookup[encoded.indices.to_numpy()])


def _grouped(parts: Sequence[Predictions], sample: Ints, tokens: tuple[str, ...]) -> Predictions:
    """Stack the columns of the parts and group the rows by sample, keeping their order."""
    names = ("translation", "size", "rotation", "velocity", "label", "score", "attribute")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.argsort(sample, kind="stable")
    stacked = replace(parts[0], tokens=tokens, sample=sample.astype(np.int32), **columns)
    return stacked if np.array_equal(order, np.arange(len(order))) else stacked.rows(order)

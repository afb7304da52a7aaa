"""The readers under attack, each with a sound file and a way to take that file apart and put it together again."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml
from PIL import Image
from safetensors.torch import save
from small_nuscenes import Track, box, write_folder, write_results

from labeldistill.claims.claims import load_claims
from labeldistill.claims.references import frozen
from labeldistill.config.load import load_study
from labeldistill.config.run_files import CHECKPOINT
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.results_json import read_results
from labeldistill.nuscenes.sensor_checks import cloud_problem
from labeldistill.nuscenes.sensor_files import read_image
from labeldistill.nuscenes.tables import Tables
from labeldistill.records.run_record import read_record
from labeldistill.training.checkpoint import _sign, load_checkpoint, save_checkpoint
from labeldistill.training.weights_file import read_weights
from labeldistill.weights.checkpoint_file import read_checkpoint

REPOSITORY = Path(__file__).resolve().parents[2]
CLAIMS = """
claims:
  - {id: a, what: words, split: val, mAP: 45.1, NDS: 55.3, source: table 1, confidence: primary}
  - {id: b, what: words, delta_mAP: 5.1, per_class_AP: {car: 60.0}, source: table 2, confidence: quoted, sensor: lidar}
spread:
  - {what: three runs, NDS: [38.1, 39.2, 39.2], source: an issue}
noise: {field: {mAP: {runs: [39.3, 40.1, 39.9]}}}
"""


def _json(tree: Any) -> bytes:
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def _yaml(tree: Any) -> bytes:
    text = yaml.dump(tree, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), allow_unicode=True)
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Target:
    """One kind of file and its reader.

    Attributes:
        sound: bytes of a file that reads well.
        name: the file's name in a folder.
        read: the reader.
        tree: the file as mappings and lists in which one value may change; None: bytes alone are changed.
        built: such a tree as a file again; may fail where no library would write that.
        slow: how many times fewer inputs it gets than a quick reader.
    """

    sound: bytes
    name: str
    read: Callable[[Path], Any]
    tree: Any = None
    built: Callable[[Any], bytes] = _json
    slow: int = 1


def _table(file: Path) -> Any:
    return Tables(file.parents[1], file.parent.name)["sample_annotation"]


def _parquet(tree: Any) -> bytes:
    metadata = None if tree["header"] is None else {b"labeldistill.predictions": _json(tree["header"])}
    if any(isinstance(value, dict | list) for column in tree["columns"].values() for value in column):
        raise ValueError("nested values can crash PyArrow where it makes columns of them, which no reader does")
    table, out = pa.table(tree["columns"]).replace_schema_metadata(metadata), pa.BufferOutputStream()
    pq.write_table(table, out)
    return bytes(out.getvalue())


def _safetensors(tree: Any) -> bytes:
    header = _json(tree["header"])
    return len(header).to_bytes(8, "little") + header + bytes(16)


def _archive(content: bytes) -> Callable[[Any], bytes]:
    """A zip file anew with some other members, checksums right: what is inside is then read."""
    with zipfile.ZipFile(io.BytesIO(content)) as given:
        sound = {name: given.read(name) for name in given.namelist()}

    def built(tree: Any) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as made:
            for name, data in {**sound, **tree}.items():
                if data is not None:
                    made.writestr(name, data if isinstance(data, bytes) else str(data))
        return out.getvalue()

    return built


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as given:
        return {name: given.read(name) for name in given.namelist()}


def _signed(folder: Path, built: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """A checkpoint with the right SHA-256, whatever is in it."""

    def signed(tree: Any) -> bytes:
        file = folder / "signed"
        file.write_bytes(built(tree))
        _sign(file)
        return file.read_bytes()

    return signed


def _tables_and_results(folder: Path) -> dict[str, Target]:
    world = write_folder(folder / "world", [Track("vehicle.car", 0, ((5.0, 2.0, 0.5), (6.0, 2.0, 0.5)))])
    rows = json.loads((world / "v1.0-mini" / "sample_annotation.json").read_text())
    file = write_results(folder / "results.json", [box(0, (5.0, 2.0, 0.5), "car", 0.7)])
    results, parquet = json.loads(file.read_text()), folder / "predictions.parquet"
    read_results(file).write(parquet, {"run_key": "k"})
    table = pq.read_table(parquet)
    header = json.loads(table.schema.metadata[b"labeldistill.predictions"])
    columns = {"columns": table.to_pydict(), "header": header}
    return {
        "table": Target(_json(rows), "v/sample_annotation.json", _table, rows),
        "results": Target(_json(results), "results.json", read_results, results),
        "predictions": Target(parquet.read_bytes(), "predictions.parquet", Predictions.read, columns, _parquet),
    }


def _settings_and_records() -> dict[str, Target]:
    study, claims = yaml.safe_load(frozen(load_study("smoke"), ("full",))), yaml.safe_load(CLAIMS)
    record = json.loads(min((REPOSITORY / "reports" / "mini").glob("*/records/baseline-*.json")).read_text())
    claim_file = "claims/labeldistill.yaml"
    return {
        "study": Target(_yaml(study), "study.yaml", lambda file: load_study(str(file)), study, _yaml, 4),
        "claims": Target(_yaml(claims), claim_file, load_claims, claims, _yaml),
        "record": Target(_json(record), "record.json", read_record, record, _json, 4),
    }


def _weights(folder: Path) -> dict[str, Target]:
    released = folder / "released.pth"
    torch.save({"state_dict": {"module.a.weight": torch.ones(2, 3)}, "epoch": 3}, released)
    save_checkpoint(folder / "run", {"run_key": "k", "step": 3, "model": {"a": torch.ones(3)}})
    saved, theirs = (folder / "run" / CHECKPOINT).read_bytes(), released.read_bytes()
    about = {"labeldistill": json.dumps({"run_key": "k", "stage": "student", "settings": {}})}
    tensors = save({"a": torch.ones(4)}, about)
    header = {"header": json.loads(tensors[8 : 8 + int.from_bytes(tensors[:8], "little")])}
    signed = _signed(folder, _archive(saved))
    return {
        "checkpoint": Target(
            saved, str(CHECKPOINT), lambda file: load_checkpoint(file.parents[1], "k"), _members(saved), signed
        ),
        "released": Target(theirs, "released.pth", read_checkpoint, _members(theirs), _archive(theirs)),
        "weights": Target(tensors, "weights-ema.safetensors", read_weights, header, _safetensors),
    }


def targets(folder: Path) -> dict[str, Target]:
    """Every reader with a sound file, which is made in `folder`."""
    image = io.BytesIO()
    Image.fromarray(np.arange(32 * 48 * 3, dtype=np.uint8).reshape(32, 48, 3)).save(image, "JPEG")
    return {
        **_tables_and_results(folder),
        **_settings_and_records(),
        **_weights(folder),
        "image": Target(image.getvalue(), "image.jpg", read_image),
        "cloud": Target(np.ones((40, 5), dtype=np.float32).tobytes(), "cloud.pcd.bin", cloud_problem),
    }

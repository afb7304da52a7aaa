"""Readers under attack: a sound file of each kind, mutations of it, and what a reader may do with them.

A reader gives its result or a message for users (LabelDistillError), within five seconds, and writes nothing elsewhere.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import save
from small_nuscenes import Track, box, write_folder, write_results

from labeldistill.claims.claims import load_claims
from labeldistill.claims.references import frozen
from labeldistill.config.load import load_study
from labeldistill.config.run_files import CHECKPOINT
from labeldistill.errors import LabelDistillError
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.results_json import read_results
from labeldistill.nuscenes.sensor_checks import cloud_problem
from labeldistill.nuscenes.sensor_files import read_image
from labeldistill.nuscenes.tables import Tables
from labeldistill.records.run_record import read_record
from labeldistill.training.checkpoint import load_checkpoint, save_checkpoint
from labeldistill.training.weights_file import read_weights
from labeldistill.weights.checkpoint_file import read_checkpoint

LONGEST_S = 5.0
ODD = (
    b"NaN",
    b"Infinity",
    b"1e400",
    b"-1",
    b"null",
    b"{}",
    b"[]",
    b'""',
    b"9" * 400,
    b"\x00",
    b"\xff\xfe",
    b"&a [*a]",
    b"!!python/name:os.system",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "x" * 5000,
    "\ud800",
    [],
    {},
    [[]],
    {"": {}},
)


@dataclass(frozen=True)
class Target:
    """One kind of file: bytes of a sound one, its name in a folder, its reader, and the language of its tree if any."""

    sound: bytes
    name: str
    read: Callable[[Path], Any]
    tree: str = ""


def _table(file: Path) -> Any:
    return Tables(file.parents[1], file.parent.name)["sample_annotation"]


def targets(folder: Path) -> dict[str, Target]:
    """Every reader with a sound file, which is made in `folder`."""
    world = write_folder(folder / "world", [Track("vehicle.car", 0, ((5.0, 2.0, 0.5), (6.0, 2.0, 0.5)))])
    results = write_results(folder / "results.json", [box(0, (5.0, 2.0, 0.5), "car", 0.7)])
    parquet = folder / "predictions.parquet"
    read_results(results).write(parquet, {"run_key": "k"})
    image = folder / "image.jpg"
    Image.fromarray(np.arange(32 * 48 * 3, dtype=np.uint8).reshape(32, 48, 3)).save(image)
    about = {"labeldistill": json.dumps({"run_key": "k", "stage": "student", "settings": {}})}
    checkpoint = folder / "released.pth"
    torch.save({"state_dict": {"module.a.weight": torch.ones(2, 3)}, "epoch": 3}, checkpoint)
    save_checkpoint(folder / "run", {"run_key": "k", "step": 3, "model": {"a": torch.ones(3)}})
    saved = folder / "run" / CHECKPOINT
    claims = (Path(__file__).resolve().parents[2] / "workflow" / "claims" / "labeldistill.yaml").read_bytes()
    record = {"schema_version": 1, "run_key": "k", "status": "finished"}
    return {
        "table": Target(
            (world / "v1.0-mini" / "sample_annotation.json").read_bytes(), "v/sample_annotation.json", _table, "json"
        ),
        "results": Target(results.read_bytes(), "results.json", read_results, "json"),
        "predictions": Target(parquet.read_bytes(), "predictions.parquet", Predictions.read),
        "study": Target(
            frozen(load_study("smoke"), ("full",)).encode(), "study.yaml", lambda file: load_study(str(file)), "yaml"
        ),
        "claims": Target(claims, "claims/labeldistill.yaml", load_claims, "yaml"),
        "record": Target(json.dumps(record).encode(), "record.json", read_record, "json"),
        "checkpoint": Target(saved.read_bytes(), str(CHECKPOINT), lambda file: load_checkpoint(file.parents[1], "k")),
        "released": Target(checkpoint.read_bytes(), "released.pth", read_checkpoint),
        "weights": Target(save({"a": torch.ones(4)}, about), "weights-ema.safetensors", read_weights),
        "image": Target(image.read_bytes(), "image.jpg", read_image),
        "cloud": Target(np.ones((40, 5), dtype=np.float32).tobytes(), "cloud.pcd.bin", cloud_problem),
    }


def mutated(target: Target, rng: random.Random) -> bytes:
    """Another file of a target: bytes changed, or one value of its tree."""
    if target.tree and rng.random() < 0.5:
        return _other_value(target, rng)
    data = bytearray(target.sound)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            del data[at : at + rng.randrange(1, 64)]
        elif kind == 3:
            data[at:at] = rng.choice(ODD)
        elif kind == 4:
            data[at : at + 8] = rng.randbytes(8)
        else:
            data[at:at] = data[max(0, at - 40) : at] * rng.choice((1, 2, 200))
    return bytes(data)


def _other_value(target: Target, rng: random.Random) -> bytes:
    tree = json.loads(target.sound) if target.tree == "json" else yaml.safe_load(target.sound)
    node: Any = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            break
        key = rng.choice(keys)
        if not isinstance(node[key], (dict, list)) or rng.random() < 0.2:
            if rng.random() < 0.2:
                del node[key]
            else:
                node[key] = rng.choice(VALUES)
            break
        node = node[key]
    if target.tree == "json":
        return json.dumps(tree).encode("utf-8", "surrogatepass")
    return yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass")


def attacked(target: Target, data: bytes, folder: Path) -> str:
    """What a reader does wrong with a file, in words; empty where it reads it or says what is wrong with it."""
    file = folder / target.name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    start = time.perf_counter()
    try:
        target.read(file)
    except LabelDistillError as error:
        if not str(error).strip():
            return "an empty message"
    except Exception as error:  # the finding that is looked for
        return f"{type(error).__name__}: {error}"[:200]
    took = time.perf_counter() - start
    return f"took {took:.1f} s" if took > LONGEST_S else ""

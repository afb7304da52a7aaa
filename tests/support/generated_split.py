"""Generated ground truth and predictions of any size with val's proportions, for speed, memory and scene statistics.

6,019 samples in 150 scenes and about 31 boxes a sample make up nuScenes' val; the class shares are its own.
"""

from dataclasses import dataclass

import numpy as np

from labeldistill.evaluation.ground_truth import GroundTruth, Racks
from labeldistill.evaluation.predictions import Codes, Floats, Ints, Predictions
from labeldistill.evaluation.protocol import ATTRIBUTES
from labeldistill.geometry.boxes import quaternion_of_yaw

# In the order of CLASSES: share of the boxes, and width, length, height in metres.
_SHARE = np.array([0.42, 0.075, 0.013, 0.014, 0.021, 0.13, 0.011, 0.010, 0.22, 0.086])
_SIZE = np.array(
    [
        [1.95, 4.60, 1.73],
        [2.52, 6.94, 2.85],
        [2.82, 6.47, 3.20],
        [2.95, 11.19, 3.49],
        [2.92, 12.28, 3.87],
        [2.53, 0.50, 0.98],
        [0.77, 2.11, 1.47],
        [0.60, 1.70, 1.28],
        [0.67, 0.73, 1.77],
        [0.41, 0.41, 1.07],
    ]
)
_MOVING = np.array([6, 6, 6, 6, 6, 0, 4, 4, 1, 0], dtype=np.int8)  # indices into ATTRIBUTES
_STILL = np.array([7, 7, 7, 8, 7, 0, 5, 5, 3, 0], dtype=np.int8)
assert ATTRIBUTES[8] == "vehicle.stopped"


@dataclass(frozen=True)
class Size:
    """How much to make; the defaults are val."""

    samples: int = 6019
    scenes: int = 150
    truths_per_sample: int = 31
    boxes_per_sample: int = 300
    skill: float = 0.7
    """Share of the annotated boxes that predictions are made of; spread over scenes, so that scenes differ."""


def generate(size: Size, seed: int = 0) -> tuple[Predictions, GroundTruth]:
    """Ground truth, and predictions some of which are jittered copies of it; the same seed gives the same bytes."""
    random = np.random.default_rng(seed)
    truth = _truth(size, random)
    return _predictions(size, truth, random), truth


def _truth(size: Size, random: np.random.Generator) -> GroundTruth:
    count = random.poisson(size.truths_per_sample, size.samples)
    sample = np.repeat(np.arange(size.samples, dtype=np.int32), count)
    n = len(sample)
    ego = np.concatenate([random.uniform(300, 2000, (size.samples, 2)), np.zeros((size.samples, 1))], axis=1)
    label = random.choice(len(_SHARE), n, p=_SHARE / _SHARE.sum()).astype(np.int8)
    speed, heading = _motion(label, random)
    velocity = speed[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    velocity[random.random(n) < 0.02] = np.nan
    attribute = np.where(speed > 0.2, _MOVING[label], _STILL[label]).astype(np.int8)
    attribute[random.random(n) < 0.004] = 0
    points = random.geometric(0.08, n).astype(np.int32) - 1
    racks = np.flatnonzero(random.random(size.samples) < 0.05).astype(np.int32)
    return GroundTruth(
        tokens=tuple(f"{index:032x}" for index in range(size.samples)),
        scene=np.sort(np.arange(size.samples) % size.scenes).astype(np.int32),
        scene_names=tuple(f"scene-{index:04d}" for index in range(size.scenes)),
        scene_descriptions=tuple("Night, rain" if index % 10 == 0 else "Day" for index in range(size.scenes)),
        ego=ego,
        sample=sample,
        translation=ego[sample] + _places(n, random),
        size=_SIZE[label] * random.uniform(0.8, 1.2, (n, 3)),
        rotation=quaternion_of_yaw(heading),
        velocity=velocity,
        label=label,
        attribute=attribute,
        points=points,
        lidar_points=np.maximum(points - 1, 0),
        visibility=random.integers(1, 5, n).astype(np.int8),
        racks=Racks(
            racks,
            ego[racks] + _places(len(racks), random),
            np.tile([1.5, 8.0, 2.0], (len(racks), 1)),
            quaternion_of_yaw(random.uniform(-np.pi, np.pi, len(racks))),
        ),
    )


def _places(n: int, random: np.random.Generator) -> Floats:
    """[n, 3] places around the ego vehicle, up to 60 m away."""
    angle, distance = random.uniform(-np.pi, np.pi, n), 60 * random.random(n) ** 0.7
    return np.stack([distance * np.cos(angle), distance * np.sin(angle), random.normal(1, 0.5, n)], axis=1)


def _motion(label: Codes, random: np.random.Generator) -> tuple[Floats, Floats]:
    speed = np.where(random.random(len(label)) < 0.3, random.gamma(2.0, 2.5, len(label)), 0.0)
    speed[_MOVING[label] == 0] = 0.0
    return speed, random.uniform(-np.pi, np.pi, len(label))


def _predictions(size: Size, truth: GroundTruth, random: np.random.Generator) -> Predictions:
    skill = np.clip(size.skill + random.normal(0, 0.12, size.scenes), 0, 1)[truth.scene[truth.sample]]
    copied = np.flatnonzero(random.random(len(truth)) < skill)
    copied = np.concatenate([copied, random.choice(copied, len(copied) // 2)])  # a third are second copies
    copied = copied[np.argsort(truth.sample[copied], kind="stable")]
    spare = size.boxes_per_sample - np.bincount(truth.sample[copied], minlength=size.samples)
    noise = np.repeat(np.arange(size.samples, dtype=np.int32), np.maximum(spare, 0))
    found = _copies(truth, copied, random)
    false = _noise(truth, noise, random)
    sample = np.concatenate([truth.sample[copied], noise])
    order = np.argsort(sample, kind="stable")
    columns = {name: np.concatenate([found[name], false[name]])[order] for name in found}
    return Predictions(tokens=truth.tokens, sample=sample[order], **columns)  # type: ignore[arg-type]


def _copies(truth: GroundTruth, rows: Ints, random: np.random.Generator) -> dict[str, Floats | Codes]:
    """Predictions that are near annotated boxes."""
    n = len(rows)
    heading = 2 * np.arctan2(truth.rotation[rows, 3], truth.rotation[rows, 0]) + random.normal(0, 0.3, n)
    wrong = random.random(n) < 0.15
    return {
        "translation": truth.translation[rows] + random.normal(0, [0.8, 0.8, 0.2], (n, 3)),
        "size": truth.size[rows] * np.exp(random.normal(0, 0.12, (n, 3))),
        "rotation": quaternion_of_yaw(heading),
        "velocity": np.nan_to_num(truth.velocity[rows]) + random.normal(0, 0.7, (n, 2)),
        "label": truth.label[rows],
        "score": random.beta(3, 3, n),
        "attribute": np.where(wrong, _STILL[truth.label[rows]], truth.attribute[rows]).astype(np.int8),
    }


def _noise(truth: GroundTruth, sample: Ints, random: np.random.Generator) -> dict[str, Floats | Codes]:
    """Predictions anywhere."""
    n = len(sample)
    label = random.choice(len(_SHARE), n, p=_SHARE / _SHARE.sum()).astype(np.int8)
    return {
        "translation": truth.ego[sample] + _places(n, random),
        "size": _SIZE[label],
        "rotation": quaternion_of_yaw(random.uniform(-np.pi, np.pi, n)),
        "velocity": random.normal(0, 1, (n, 2)),
        "label": label,
        "score": random.beta(1, 8, n),
        "attribute": _STILL[label],
    }

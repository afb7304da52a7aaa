"""A genuine nuScenes folder of two scenes, written from lists of tracks: small enough for hundreds of examples."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

SCENES = ("scene-0103", "scene-0916")  # the devkit's mini_val
SPLITS = {"mini_val": SCENES, "second": SCENES[1:], "own": SCENES}
SAMPLES_PER_SCENE = 3
ATTRIBUTES = ("pedestrian.moving", "pedestrian.standing", "cycle.with_rider", "vehicle.moving", "vehicle.parked")
CATEGORIES = (
    "vehicle.car",
    "vehicle.bicycle",
    "vehicle.motorcycle",
    "movable_object.barrier",
    "human.pedestrian.adult",
    "movable_object.trafficcone",
    "vehicle.trailer",
    "static_object.bicycle_rack",
    "animal",
)
SAMPLES = tuple(f"s{scene}{index}" for scene in range(len(SCENES)) for index in range(SAMPLES_PER_SCENE))


def ego_position(sample: int) -> tuple[float, float, float]:
    return (100.0 + 50 * sample, 200.0 - 25 * sample, 0.0)


@dataclass(frozen=True)
class Track:
    """One object; `places` are relative to the ego vehicle, one a sample from `first` on (never across scenes)."""

    category: str
    first: int
    places: tuple[tuple[float, float, float], ...]
    size: tuple[float, float, float] = (2.0, 4.0, 1.5)
    rotation: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    attribute: str = ""
    lidar_points: int = 5
    radar_points: int = 0
    visibility: str = ""


def write_folder(root: Path, tracks: list[Track], version: str = "v1.0-mini") -> Path:
    """Write the tables under `root/version` and return `root`."""
    (root / version).mkdir(parents=True)
    (root / "maps").mkdir()
    Image.new("L", (4, 4)).save(root / "maps" / "m.png")
    for name, rows in {**_world(), **_annotations(tracks)}.items():
        (root / version / f"{name}.json").write_text(json.dumps(rows))
    (root / version / "splits.json").write_text(json.dumps(SPLITS))
    return root


def _world() -> dict[str, list[dict[str, Any]]]:
    pose = {"rotation": [1.0, 0.0, 0.0, 0.0], "translation": [0.0, 0.0, 0.0]}
    descriptions = ("Night, after rain, peds", "Construction, train station")
    tables: dict[str, list[dict[str, Any]]] = {
        "category": [{"token": f"c{n}", "name": name, "description": ""} for n, name in enumerate(CATEGORIES)],
        "attribute": [{"token": f"a{n}", "name": name, "description": ""} for n, name in enumerate(ATTRIBUTES)],
        "visibility": [{"token": str(n), "level": "", "description": ""} for n in range(1, 5)],
        "sensor": [{"token": "lidar", "channel": "LIDAR_TOP", "modality": "lidar"}],
        "calibrated_sensor": [{"token": "calibrated", "sensor_token": "lidar", "camera_intrinsic": [], **pose}],
        "log": [{"token": "log", "logfile": "", "vehicle": "", "date_captured": "", "location": "here"}],
        "map": [{"token": "map", "log_tokens": ["log"], "category": "semantic_prior", "filename": "maps/m.png"}],
        "scene": [],
        "sample": [],
        "sample_data": [],
        "ego_pose": [],
    }
    for n, name in enumerate(SCENES):
        tokens = SAMPLES[n * SAMPLES_PER_SCENE :][:SAMPLES_PER_SCENE]
        scene = {"token": f"scene{n}", "name": name, "description": descriptions[n], "log_token": "log"}
        scene |= {"nbr_samples": len(tokens), "first_sample_token": tokens[0], "last_sample_token": tokens[-1]}
        tables["scene"].append(scene)
        for index, token in enumerate(tokens):
            _sample(tables, f"scene{n}", token, tokens, index)
    return tables


def _sample(tables: dict[str, list[Any]], scene: str, token: str, tokens: tuple[str, ...], index: int) -> None:
    time = 1_500_000_000_000_000 + 500_000 * index
    previous = tokens[index - 1] if index else ""
    following = tokens[index + 1] if index + 1 < len(tokens) else ""
    links = {"prev": previous, "next": following}
    tables["sample"].append({"token": token, "timestamp": time, "scene_token": scene, **links})
    place = list(ego_position(SAMPLES.index(token)))
    tables["ego_pose"].append(
        {"token": f"e{token}", "timestamp": time, "rotation": [1.0, 0.0, 0.0, 0.0], "translation": place}
    )
    data = {"token": f"d{token}", "sample_token": token, "ego_pose_token": f"e{token}", "fileformat": "bin"}
    data |= {"calibrated_sensor_token": "calibrated", "timestamp": time, "is_key_frame": True, "height": 0, "width": 0}
    links = {key: f"d{value}" if value else "" for key, value in links.items()}
    tables["sample_data"].append({**data, "filename": f"samples/{token}.bin", **links})


def _annotations(tracks: list[Track]) -> dict[str, list[dict[str, Any]]]:
    instances, rows = [], []
    for n, track in enumerate(tracks):
        tokens = [f"b{n}-{step}" for step in range(len(track.places))]
        instance = {"token": f"i{n}", "category_token": f"c{CATEGORIES.index(track.category)}"}
        instance |= {"nbr_annotations": len(tokens), "first_annotation_token": "", "last_annotation_token": ""}
        instances.append(instance)
        for step, place in enumerate(track.places):
            ego = ego_position(track.first + step)
            rows.append(
                {
                    "token": tokens[step],
                    "sample_token": SAMPLES[track.first + step],
                    "instance_token": f"i{n}",
                    "visibility_token": track.visibility,
                    "attribute_tokens": [f"a{ATTRIBUTES.index(track.attribute)}"] if track.attribute else [],
                    "translation": [a + b for a, b in zip(ego, place, strict=True)],
                    "size": list(track.size),
                    "rotation": list(track.rotation),
                    "prev": tokens[step - 1] if step else "",
                    "next": tokens[step + 1] if step + 1 < len(tokens) else "",
                    "num_lidar_pts": track.lidar_points,
                    "num_radar_pts": track.radar_points,
                }
            )
    return {"instance": instances, "sample_annotation": rows}


def box(sample: int, place: tuple[float, float, float], name: str, score: float, **more: Any) -> dict[str, Any]:
    """One predicted box, placed relative to the ego vehicle."""
    ego = ego_position(sample)
    return {
        "sample_token": SAMPLES[sample],
        "translation": [a + b for a, b in zip(ego, place, strict=True)],
        "size": [2.0, 4.0, 1.5],
        "rotation": [1.0, 0.0, 0.0, 0.0],
        "velocity": [0.0, 0.0],
        "detection_name": name,
        "detection_score": score,
        "attribute_name": "",
        **more,
    }


def write_results(path: Path, boxes: list[dict[str, Any]], order: tuple[int, ...] = tuple(range(len(SAMPLES)))) -> Path:
    """An official result file with an entry for every sample, in `order`."""
    results: dict[str, list[Any]] = {SAMPLES[index]: [] for index in order}
    for one in boxes:
        results[one["sample_token"]].append(one)
    meta = {"use_lidar": False, "use_camera": True, "use_radar": False, "use_map": False, "use_external": False}
    path.write_text(json.dumps({"meta": meta, "results": results}))
    return path

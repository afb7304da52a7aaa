"""The tables that do not grow with scenes, and the order of all thirteen."""

from typing import Any

from labeldistill.geometry.frames import quaternion_of_matrix
from labeldistill.synthetic.facts import CATEGORIES, CYCLE, PEDESTRIAN, VEHICLE, VISIBILITY
from labeldistill.synthetic.rig import Sensor
from labeldistill.synthetic.seeds import token

Row = dict[str, Any]

TABLES: tuple[str, ...] = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample", "sample_annotation",
    "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip
VEHICLES: dict[str, str] = {"n008": "boston-seaport", "n015": "singapore-onenorth"}
"""The recording vehicles and where each drives."""


def static_tables(world: str, rigs: dict[str, tuple[Sensor, ...]]) -> dict[str, list[Row]]:
    """Attributes, categories, visibilities, sensors and the vehicles' calibrations."""
    sensors = next(iter(rigs.values()))
    return {
        "attribute": [
            {"token": token(world, "attribute", name), "name": name, "description": name.replace(".", " is ")}
            for name in (*VEHICLE, *CYCLE, *PEDESTRIAN)
        ],
        "category": [
            {"token": token(world, "category", name), "name": name, "description": name.replace(".", ", ")}
            for name in CATEGORIES
        ],
        "visibility": [
            {"token": key, "level": level, "description": f"visibility of whole object: {level[1:]} %"}
            for key, level, _ in VISIBILITY
        ],
        "sensor": [
            {
                "token": token(world, "sensor", sensor.channel),
                "channel": sensor.channel,
                "modality": "camera" if sensor.is_camera else "lidar",
            }
            for sensor in sensors
        ],
        "calibrated_sensor": [_calibration(world, vehicle, s) for vehicle, rig in rigs.items() for s in rig],
    }


def _calibration(world: str, vehicle: str, sensor: Sensor) -> Row:
    return {
        "token": token(world, "calibrated", vehicle, sensor.channel),
        "sensor_token": token(world, "sensor", sensor.channel),
        "translation": [float(v) for v in sensor.translation],
        "rotation": quaternion_of_matrix(sensor.rotation).tolist(),
        "camera_intrinsic": [] if sensor.intrinsics is None else [[float(v) for v in row] for row in sensor.intrinsics],
    }


def logfile(vehicle: str, split: str) -> str:
    """A log's name; nuScenes' own begin with the vehicle too."""
    return f"{vehicle}-synth-{split}"


def log_row(world: str, vehicle: str, split: str) -> Row:
    """The log of one vehicle in one split."""
    return {
        "token": token(world, "log", vehicle, split),
        "logfile": logfile(vehicle, split),
        "vehicle": vehicle,
        "date_captured": "2018-07-18",
        "location": VEHICLES[vehicle],
    }


def map_row(world: str, vehicle: str, logs: list[Row]) -> Row:
    """The map mask of one location."""
    name = token(world, "map", vehicle)
    return {
        "category": "semantic_prior",
        "token": name,
        "filename": f"maps/{name}.png",
        "log_tokens": [row["token"] for row in logs if row["vehicle"] == vehicle],
    }

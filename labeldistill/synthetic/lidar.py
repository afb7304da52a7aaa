"""One LiDAR sweep: a spinning fan of beams, ray-cast; intensities by material, noise and lost pulses."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labeldistill.config.data import SynthSettings
from labeldistill.synthetic.bodies import Bodies
from labeldistill.synthetic.camera import place
from labeldistill.synthetic.ground import ground
from labeldistill.synthetic.layout import Scene
from labeldistill.synthetic.rig import Sensor
from labeldistill.synthetic.shading import face_coordinates, patch_hits
from labeldistill.synthetic.trace import Hits, trace_body, views
from labeldistill.synthetic.windows import Fan, lidar_windows

F32 = NDArray[np.float32]
_LOWEST_DEG, _HIGHEST_DEG = -30.67, 10.67  # nuScenes' 32-beam LiDAR


def elevations(beams: int) -> NDArray[np.float64]:
    """Elevation (rad) of every beam, the lowest (ring 0) first."""
    return np.asarray(np.radians(np.linspace(_LOWEST_DEG, _HIGHEST_DEG, beams)))


def beam_directions(beams: int, azimuths: int, phase: float) -> F32:
    """Unit rays [3, beams, azimuths] in the sensor's frame; column k looks along phase + 2 pi k / azimuths."""
    up = elevations(beams)[:, None]
    around = (phase + 2 * np.pi * np.arange(azimuths) / azimuths)[None]
    parts = [np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up) + 0 * around]
    return np.asarray(np.stack(parts), np.float32)


def sweep(settings: SynthSettings, scene: Scene, sensor: Sensor, time_s: float, rng: Generator) -> F32:
    """Simulate one revolution of the LiDAR.

    Args:
        settings: settings of the world.
        scene: the scene.
        sensor: the LiDAR.
        time_s: time in the scene, seconds.
        rng: random numbers of phase, noise and lost pulses.

    Returns:
        Points [n, 5]: x, y, z (metres, sensor frame), intensity (0-255), ring.
    """
    beams, azimuths = settings.lidar_beams, settings.lidar_azimuths
    phase = float(rng.uniform(0, 2 * np.pi / azimuths))
    rays = beam_directions(beams, azimuths, phase)
    lidar = place(sensor, scene.ego.at(time_s))
    poses = scene.bodies.poses(time_s)
    yaw = float(np.arctan2(lidar.rotation[1, 0], lidar.rotation[0, 0]))
    hits = Hits.empty(beams, azimuths, len(poses))
    seen = views(poses, lidar.rotation, lidar.origin)
    fan = Fan(yaw, elevations(beams), azimuths, phase)
    bodies = scene.bodies
    bounds = bodies.body_low, bodies.body_high
    for body, window in lidar_windows(bounds, poses, lidar.origin, fan, settings.range_m):
        trace_body(hits, scene.bodies, body, seen[body], rays, window, shadows=False)
    return _returns(settings, scene, hits, rays, lidar.rotation, lidar.origin, rng)


def _returns(settings: SynthSettings, scene: Scene, hits: Hits, rays: F32, rotation: NDArray[np.float64],
             origin: NDArray[np.float64], rng: Generator) -> F32:  # fmt: skip
    """Pulses that return from bodies and ground in range, without lost ones, with noise along the ray."""
    below = np.minimum(rays[2], np.float32(-1e-6))
    to_ground = np.float32(-origin[2]) / below
    on_body = hits.depth < to_ground
    distance = np.where(on_body, hits.depth, to_ground)
    kept = distance < settings.range_m
    on_body, reach = on_body[kept], distance[kept]
    beam = np.broadcast_to(np.arange(settings.lidar_beams, dtype=np.float32)[:, None], kept.shape)[kept]
    ray = rays[:, kept]
    intensity, loss = np.zeros(len(reach), np.float32), np.zeros(len(reach), np.float32)
    part, face = hits.part[kept][on_body], hits.face[kept][on_body].astype(np.int32)
    intensity[on_body], loss[on_body] = _material(scene.bodies, part, face, hits.point[:, kept][:, on_body])
    floor = ~on_body
    m, across = rotation.astype(np.float32), ray[:, floor] * reach[floor]
    x, y = (m[i, 0] * across[0] + m[i, 1] * across[1] + np.float32(origin[i]) for i in range(2))  # level: no z part
    _, intensity[floor] = ground(scene.road, x, y, 0.0)
    loss[floor] = np.minimum(np.float32(0.15) + reach[floor] * np.float32(0.02), np.float32(0.6))  # grazing on asphalt
    back = rng.random(len(reach), np.float32) >= np.maximum(loss, np.float32(0.02))
    reach = reach + np.float32(0.008 + 0.012 * settings.difficulty) * rng.standard_normal(len(reach), np.float32)
    bright = np.clip(intensity * (1 + np.float32(0.12) * rng.standard_normal(len(reach), np.float32)), 0, 255)
    points = np.stack([*(ray * reach), np.floor(bright), beam], 1)
    return np.ascontiguousarray(points[back], np.float32)


def _material(bodies: Bodies, part: NDArray[np.int32], face: NDArray[np.int32], point: F32) -> tuple[F32, F32]:
    """Intensity (0-255) and share of lost pulses of hits on bodies."""
    intensity = bodies.lidar[part] * (np.float32(0.6) + np.float32(0.4) * bodies.colour[part].mean(1))
    loss = np.zeros(len(part), np.float32)
    u, v = face_coordinates(bodies, part, face, point)
    for index, rows in patch_hits(bodies, part, face, u, v):
        intensity[index], loss[index] = rows[:, 9], rows[:, 10]
    return intensity, loss

"""One camera image: trace, shade, expose, add sensor noise."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labeldistill.config.data import SynthSettings
from labeldistill.synthetic.bodies import Bodies
from labeldistill.synthetic.ground import ground, sky
from labeldistill.synthetic.layout import Scene
from labeldistill.synthetic.parts import SHADOW
from labeldistill.synthetic.rig import Sensor, rotation_z
from labeldistill.synthetic.shading import face_light, ground_light, head_lights, surface
from labeldistill.synthetic.trace import Hits, trace_body, views
from labeldistill.synthetic.windows import camera_windows

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_HAZE_M = 220.0


@dataclass(frozen=True)
class Picture:
    """An image and what it shows: 8-bit RGB [H, W, 3], and rays met by every body: alone (`total`) and in view."""

    pixels: NDArray[np.uint8]
    total: NDArray[np.int64]
    visible: NDArray[np.int64]
    body: NDArray[np.int32]
    """Body of every traced pixel (-1: none), at the supersampled size."""
    depth: F32
    """Depth (m) of every traced pixel; inf where no body was met."""


@dataclass(frozen=True)
class Placed:
    """A camera at one instant: rotation and origin that bring camera points into the scene, and the ego's pose."""

    rotation: F64
    origin: F64
    ego: F64


def place(sensor: Sensor, ego: F64) -> Placed:
    """Where a sensor is when the ego vehicle's pose is (x, y, yaw)."""
    turn = rotation_z(float(ego[2]))
    return Placed(turn @ sensor.rotation, turn @ sensor.translation + np.array([ego[0], ego[1], 0.0]), ego)


def fine_intrinsics(sensor: Sensor, supersampling: int) -> F64:
    """Intrinsics of the supersampled grid: pixel centres are whole numbers in both."""
    if sensor.intrinsics is None:
        raise ValueError(f"{sensor.channel} is not a camera")
    k = sensor.intrinsics.copy()
    k[:2] *= supersampling
    k[:2, 2] += (supersampling - 1) / 2
    return k


def directions(intrinsics: F64, height: int, width: int) -> F32:
    """Ray of every pixel [3, H, W] in the camera's frame, with z = 1 (so distance along a ray is depth)."""
    u = (np.arange(width) - intrinsics[0, 2]) / intrinsics[0, 0]
    v = (np.arange(height) - intrinsics[1, 2]) / intrinsics[1, 1]
    grid = np.ones((3, height, width), np.float32)
    grid[0], grid[1] = u[None], v[:, None]
    return grid


def take_picture(settings: SynthSettings, scene: Scene, sensor: Sensor, time_s: float, rng: Generator) -> Picture:
    """Render what a camera sees.

    Args:
        settings: settings of the world.
        scene: the scene.
        sensor: the camera.
        time_s: time in the scene, seconds.
        rng: random numbers of the sensor noise.
    """
    height, width = (settings.supersampling * side for side in settings.image_size_px)
    intrinsics = fine_intrinsics(sensor, settings.supersampling)
    camera = place(sensor, scene.ego.at(time_s))
    rays = directions(intrinsics, height, width)
    poses = scene.bodies.poses(time_s)
    hits = _trace(scene.bodies, poses, camera, rays, intrinsics)
    colour = _shade(scene, hits, rays, camera, poses, settings.difficulty)
    body = np.where(hits.part >= 0, scene.bodies.body_of_part[hits.part], -1)
    body = np.where(_is_shadow(scene.bodies, hits.part), -1, body).astype(np.int32)
    visible = np.bincount(body[body >= 0], minlength=len(scene.bodies.motions))
    depth = np.where(body >= 0, hits.depth, np.float32(np.inf))
    return Picture(_expose(colour, scene, settings, rng), hits.total, visible, body, depth)


def _is_shadow(bodies: Bodies, part: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.asarray((part >= 0) & (bodies.surface[part] == SHADOW))


def _trace(bodies: Bodies, poses: F64, camera: Placed, rays: F32, intrinsics: F64) -> Hits:
    size = (rays.shape[1], rays.shape[2])
    hits = Hits.empty(*size, len(poses))
    seen = views(poses, camera.rotation, camera.origin)
    bounds = bodies.body_low, bodies.body_high
    for body, window in camera_windows(bounds, poses, (camera.rotation, camera.origin), intrinsics, size):
        trace_body(hits, bodies, body, seen[body], rays, window, shadows=True)
    return hits


def _shade(scene: Scene, hits: Hits, rays: F32, camera: Placed, poses: F64, difficulty: float) -> F32:
    """Linear colour [H, W, 3] of every ray."""
    rotation = camera.rotation.astype(np.float32)
    world = np.stack([rotation[i, 0] * rays[0] + rotation[i, 1] * rays[1] + rotation[i, 2] * rays[2] for i in range(3)])
    shadow = _is_shadow(scene.bodies, hits.part)
    on_body = (hits.part >= 0) & ~shadow
    below = (world[2] < -1e-4) & ~on_body
    colour = np.zeros((*hits.depth.shape, 3), np.float32)
    above = ~on_body & ~below
    colour[above] = sky(world[:, above], scene.light.sky, scene.light.night)
    colour[below] = _shade_ground(scene, world[:, below], camera, shadow[below], difficulty)
    part, face = hits.part[on_body], hits.face[on_body].astype(np.int32)
    paint, glow = surface(scene.bodies, part, face, hits.point[:, on_body], scene.light)
    lit = face_light(scene.bodies, poses, scene.light)[part, face]
    distance = hits.depth[on_body]
    if scene.light.night:
        lit = lit + _own_light(camera, distance * world[0, on_body], distance * world[1, on_body])
    shaded = paint * np.maximum(lit, glow)[:, None]
    colour[on_body] = _haze(shaded, distance, scene)
    return colour


def _shade_ground(scene: Scene, world: F32, camera: Placed, shadow: NDArray[np.bool_], difficulty: float) -> F32:
    distance = np.minimum(np.float32(-camera.origin[2]) / world[2], np.float32(400))
    dx, dy = distance * world[0], distance * world[1]
    colour, _ = ground(scene.road, dx + np.float32(camera.origin[0]), dy + np.float32(camera.origin[1]), difficulty)
    lit = np.full(len(distance), ground_light(scene.light), np.float32)
    lit[shadow] *= 0.45
    if scene.light.night:
        lit += _own_light(camera, dx, dy)
    return _haze(colour * lit[:, None], distance, scene)


def _own_light(camera: Placed, dx: F32, dy: F32) -> F32:
    """Head light at places (dx, dy) from the camera, in scene axes."""
    c, s = np.float32(np.cos(camera.ego[2])), np.float32(np.sin(camera.ego[2]))
    x0, y0 = (np.float32(camera.origin[i] - camera.ego[i]) for i in range(2))
    x, y = dx + x0, dy + y0
    return head_lights(c * x + s * y, -s * x + c * y)


def _haze(colour: F32, distance: F32, scene: Scene) -> F32:
    share = (1 - np.exp(-distance / np.float32(_HAZE_M)))[:, None]
    return np.asarray(colour * (1 - share) + np.array(scene.light.sky, np.float32) * share, np.float32)


def _expose(colour: F32, scene: Scene, settings: SynthSettings, rng: Generator) -> NDArray[np.uint8]:
    """Average the supersamples, apply exposure and gamma, add noise, round to 8 bits."""
    n = settings.supersampling
    if n > 1:
        h, w, _ = colour.shape
        colour = colour.reshape(h // n, n, w // n, n, 3).mean((1, 3), dtype=np.float32)
    gain = np.float32(scene.light.exposure * rng.uniform(0.95, 1.05) * (1.6 if scene.light.night else 1.0))
    bright = np.sqrt(np.clip(colour * gain, 0, 1) * np.float32(1.02))
    sigma = np.float32((0.006 + 0.018 * settings.difficulty) * (1.8 if scene.light.night else 1.0))
    bright += sigma * rng.standard_normal(bright.shape[:2], np.float32)[..., None]
    bright += np.float32(0.5) * sigma * rng.standard_normal(bright.shape, np.float32)
    return np.asarray(np.clip(bright * 255 + 0.5, 0, 255), np.uint8)

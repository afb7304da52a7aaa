"""From hits to colours: paint, patches, facades, foliage, sun and shade, headlights at night, haze."""

import numpy as np
from numpy.typing import NDArray

from labeldistill.synthetic.bodies import Bodies
from labeldistill.synthetic.ground import noise
from labeldistill.synthetic.layout import Light
from labeldistill.synthetic.parts import FACADE, FOLIAGE, PATCHES

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
_U = np.array([1, 1, 0, 0, 0, 0])  # axis of u for every face; v is z, or y on the horizontal faces
_V = np.array([2, 2, 2, 2, 1, 1])


def face_coordinates(bodies: Bodies, part: I32, face: I32, point: F32) -> tuple[F32, F32]:
    """Coordinates of points on faces.

    Args:
        bodies: all bodies.
        part: [n] part of each point.
        face: [n] face of each point.
        point: [3, n] in the body's frame, metres.

    Returns:
        u [n] and v [n] from -1 to 1 on the face.
    """
    low, high = bodies.low[part], bodies.high[part]
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-4)
    row = np.arange(len(part))
    u_axis, v_axis = _U[face], _V[face]
    u = (point[u_axis, row] - middle[row, u_axis]) / half[row, u_axis]
    v = (point[v_axis, row] - middle[row, v_axis]) / half[row, v_axis]
    return u, v


def patch_hits(bodies: Bodies, part: I32, face: I32, u: F32, v: F32) -> list[tuple[NDArray[np.int64], F32]]:
    """Points that lie in patches.

    Args:
        bodies: all bodies.
        part: [n] part of each point.
        face: [n] face of each point.
        u: [n] first face coordinate, -1 to 1.
        v: [n] second face coordinate, -1 to 1.

    Returns:
        For every patch slot with hits: indices [k] of the points, and rows [k, 12] of their patches.
    """
    result = []
    for slot in range(PATCHES):
        rows = bodies.patches[:, :, slot].reshape(-1, 12)[part * 6 + face]
        across = np.where(rows[:, 5] > 0, np.abs(u), u)
        du, dv = (across - rows[:, 0]) * rows[:, 2], (v - rows[:, 1]) * rows[:, 3]
        du, dv = np.abs(du), np.abs(dv)
        inside = np.where(rows[:, 4] > 0, du * du + dv * dv < 1, np.maximum(du, dv) < 1)
        index = np.flatnonzero(inside)
        if len(index):
            result.append((index, rows[index]))
    return result


def _facades(colour: F32, glow: F32, bodies: Bodies, part: I32, face: I32, point: F32, light: Light) -> None:
    """Rows of windows on buildings, some lit at night."""
    walls = np.flatnonzero((bodies.surface[part] == FACADE) & (face < 4))
    if not len(walls):
        return
    along, up = point[_U[face[walls]], walls], point[2, walls]
    pane = ((along % 2.2) > 1.0) & ((up % 3.0) > 1.3)
    lit = noise(along, up, 2.2) > 0.7
    chosen = walls[pane]
    colour[chosen] = (0.16, 0.19, 0.24)
    if light.night:
        glow[walls[pane & lit]] = 0.45
        colour[walls[pane & lit]] = (0.95, 0.80, 0.45)


def surface(bodies: Bodies, part: I32, face: I32, point: F32, light: Light) -> tuple[F32, F32]:
    """Colour and glow of hits on bodies.

    Args:
        bodies: all bodies.
        part: [n] part of each hit.
        face: [n] face of each hit.
        point: [3, n] in the bodies' frames, metres.
        light: light of the scene.

    Returns:
        Colour [n, 3] before lighting, and emitted light [n].
    """
    colour, glow = bodies.colour[part], np.zeros(len(part), np.float32)
    u, v = face_coordinates(bodies, part, face, point)
    grain = noise(point[0] + point[1], point[2] + np.float32(0.3) * point[1], 0.12)
    rough = np.where(bodies.surface[part] == FOLIAGE, np.float32(0.30), np.float32(0.035))
    _facades(colour, glow, bodies, part, face, point, light)
    for index, rows in patch_hits(bodies, part, face, u, v):
        colour[index], glow[index] = rows[:, 6:9], rows[:, 11]
    return colour * (1 + rough * grain)[:, None], glow


def face_light(bodies: Bodies, poses: NDArray[np.float64], light: Light) -> F32:
    """How much light falls on every face of every part [P, 6]."""
    c, s = np.cos(light.azimuth), np.sin(light.azimuth)
    ce, se = np.cos(light.elevation), np.sin(light.elevation)
    yaw = poses[bodies.body_of_part, 2][:, None]
    n = bodies.planes[..., :3]
    x = np.cos(yaw) * n[..., 0] - np.sin(yaw) * n[..., 1]
    y = np.sin(yaw) * n[..., 0] + np.cos(yaw) * n[..., 1]
    facing = np.clip(x * c * ce + y * s * ce + n[..., 2] * se, 0, None)
    return np.asarray(light.ambient * (0.8 + 0.25 * n[..., 2]) + light.direct * facing, np.float32)


def ground_light(light: Light) -> float:
    """How much light falls on the ground."""
    return float(light.ambient * 1.05 + light.direct * np.sin(light.elevation))


def head_lights(x: F32, y: F32) -> F32:
    """Extra light from the ego's own lamps at places in the ego's frame (m)."""
    ahead = np.maximum(x - np.float32(1.0), np.float32(0.1))
    beam = np.exp(-((y / (1.0 + 0.35 * ahead)) ** 2)) * (x > 2.0)
    return np.asarray(0.9 * beam * np.exp(-ahead / 14.0), np.float32)

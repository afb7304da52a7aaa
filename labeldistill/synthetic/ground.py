"""Ground and sky: asphalt with lanes, kerbs, pavements and verges in road coordinates; colour and LiDAR intensity."""

import numpy as np
from numpy.typing import NDArray

from labeldistill.synthetic.motion import Road
from labeldistill.synthetic.placement import LANES

F32 = NDArray[np.float32]

# Upper bound of n (m), colour, LiDAR intensity: strips from right to left.
_STRIPS: tuple[tuple[float, tuple[float, float, float], float], ...] = (
    (-12.0, (0.30, 0.36, 0.20), 14.0),
    (-7.75, (0.55, 0.53, 0.50), 22.0),
    (-7.6, (0.68, 0.67, 0.64), 30.0),
    (11.1, (0.27, 0.27, 0.28), 7.0),
    (11.25, (0.68, 0.67, 0.64), 30.0),
    (15.5, (0.55, 0.53, 0.50), 22.0),
    (np.inf, (0.30, 0.36, 0.20), 14.0),
)
_EDGES = np.array([strip[0] for strip in _STRIPS[:-1]], np.float32)
_COLOURS = np.array([strip[1] for strip in _STRIPS], np.float32)
_INTENSITIES = np.array([strip[2] for strip in _STRIPS], np.float32)
DRIVABLE = (-7.6, 11.1)
_SOLID = (-5.25, 8.75)
_DASHED = (-1.75, 5.25)
_DOUBLE = 1.75
_PAINT = 70.0

_TEXTURE = np.random.Generator(np.random.PCG64(20)).standard_normal((256, 256)).astype(np.float32)


def noise(u: F32, v: F32, cell_m: float) -> F32:
    """A fixed standard-normal texture of square cells, sampled at (u, v) metres."""
    scale = np.float32(1 / cell_m)
    return np.asarray(_TEXTURE[np.floor(u * scale).astype(np.int32) & 255, np.floor(v * scale).astype(np.int32) & 255])


def _marks(s: F32, n: F32) -> NDArray[np.bool_]:
    half = np.float32(0.09)
    marked = np.abs(np.abs(n - _DOUBLE) - np.float32(0.15)) < np.float32(0.06)
    for line in _SOLID:
        marked |= np.abs(n - np.float32(line)) < half
    dash = (s % 6) < 3
    for line in _DASHED:
        marked |= (np.abs(n - np.float32(line)) < half) & dash
    return np.asarray(marked)


def ground(road: Road, x: F32, y: F32, roughness: float) -> tuple[F32, F32]:
    """Colour and LiDAR intensity of points on the ground.

    Args:
        road: the road.
        x: [..] x in the scene, metres.
        y: [..] y in the scene, metres.
        roughness: scale of the noise.

    Returns:
        Colour [.., 3] and intensity [..].
    """
    s, n = road.coordinates(x, y)
    strip = np.searchsorted(_EDGES, n)
    colour, intensity = _COLOURS[strip], _INTENSITIES[strip]
    marked = _marks(s, n)
    colour[marked] = (0.85, 0.84, 0.78)
    intensity[marked] = _PAINT
    grain = 1 + np.float32(0.10 * roughness) * noise(s, n, 0.25) + np.float32(0.08 * roughness) * noise(s, n, 2.0)
    return colour * np.clip(grain, 0.4, 1.6)[..., None], intensity


def sky(direction: F32, zenith: tuple[float, float, float], night: bool) -> F32:
    """Colour [.., 3] of rays [3, ..] that meet nothing: a gradient, clouds, and a far skyline."""
    x, y, z = direction
    height = z / np.hypot(x, y)
    top = np.array(zenith, np.float32)
    pale = top * 1.6 if night else top * np.float32(0.35) + np.float32(0.6)
    blend = np.clip(height * np.float32(2.5), 0, 1)[..., None]
    colour = pale * (1 - blend) + top * blend
    bearing = np.arctan2(y, x)
    cloud = noise(bearing * np.float32(6), height * np.float32(20), 1.0)
    colour += np.float32(0.001 if night else 0.025) * cloud[..., None]
    skyline = np.float32(0.03) + np.float32(0.02) * noise(bearing * np.float32(12), np.zeros_like(bearing), 1.0)
    far = height < skyline
    colour[far] = (0.02, 0.02, 0.03) if night else (0.42, 0.45, 0.47)
    return np.asarray(colour, np.float32)


assert all(_EDGES[2] < lane < _EDGES[3] for lane, _ in LANES)

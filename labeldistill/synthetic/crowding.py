"""Keeping things apart: footprints as a few circles along their length, checked at several times."""

import numpy as np
from numpy.typing import NDArray

from labeldistill.synthetic.motion import Motion

F64 = NDArray[np.float64]
_CIRCLES = 3


def _circles(motion: Motion, length: float, width: float, times: F64, forward: float = 0.0) -> tuple[F64, float]:
    """Centres [T, 3, 2] and radius (m) of circles that cover a footprint; `forward` shifts it along the heading."""
    pose = motion.at(times)
    reach = max(length - width, 0.0) / 2
    along = np.linspace(-reach, reach, _CIRCLES) + forward
    heading = np.stack([np.cos(pose[:, 2]), np.sin(pose[:, 2])], -1)
    centres = pose[:, None, :2] + along[:, None] * heading[:, None]
    return centres, float(np.hypot(width / 2, max(length - width, 0) / (2 * _CIRCLES)))


class Crowd:
    """Everything placed so far, over the times of one scene."""

    def __init__(self, times: F64) -> None:
        self._times = times
        self._centres = np.zeros((len(times), 0, 2))
        self._radii = np.zeros(0)

    def fits(self, motion: Motion, length: float, width: float, gap: float = 0.35) -> bool:
        """Whether a footprint keeps its distance from all others at all times.

        Args:
            motion: motion of the thing.
            length: length of the footprint, metres.
            width: width of the footprint, metres.
            gap: least distance, metres.
        """
        centres, radius = _circles(motion, length, width, self._times)
        apart = centres[:, :, None] - self._centres[:, None]
        return bool((np.hypot(apart[..., 0], apart[..., 1]) > self._radii + radius + gap).all())

    def add(self, motion: Motion, length: float, width: float, forward: float = 0.0) -> None:
        """Add a footprint.

        Args:
            motion: motion of the thing.
            length: length of the footprint, metres.
            width: width of the footprint, metres.
            forward: shift of the footprint along the heading, metres.
        """
        centres, radius = _circles(motion, length, width, self._times, forward)
        self._centres = np.concatenate([self._centres, centres], 1)
        self._radii = np.concatenate([self._radii, np.full(_CIRCLES, radius)])

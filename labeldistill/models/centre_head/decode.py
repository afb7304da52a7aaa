"""From the head's maps to boxes."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Detections:
    """Boxes of one sample, in the frame of `Batch.boxes`.

    Attributes:
        boxes: [n, 9] x, y, z (centre, metres), dx, dy, dz (metres), yaw (radians), vx, vy (m/s).
        scores: [n] in 0..1, highest first inside a task.
        labels: [n] int64, indices into `geometry.classes.CLASSES`.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

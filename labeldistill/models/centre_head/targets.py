"""What the centre head is trained towards: heatmaps, box codes and where they apply."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """Targets of B samples; every field is a list over the six tasks.

    Attributes:
        heatmaps: [B, classes, H, W] in 0..1, exactly 1 in the cell of a box centre (rows y, columns x).
        boxes: [B, max_objects, 10]: x, y offset inside the cell (cells), z of the box centre (metres), log of
            dx, dy, dz (metres), sine and cosine of yaw, vx, vy (m/s); zeros in unused slots.
        indices: [B, max_objects] int64, row * W + column of each slot's cell; 0 in unused slots.
        masks: [B, max_objects] bool, which slots are used.
    """

    heatmaps: list[Tensor]
    boxes: list[Tensor]
    indices: list[Tensor]
    masks: list[Tensor]

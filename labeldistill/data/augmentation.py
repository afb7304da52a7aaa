"""Image and BEV augmentation: what is drawn, in which order, and what it does to matrices and boxes.

Draws use a `numpy.random.RandomState` in the released order, so that a seed gives the released values: one image
augmentation per camera (the same for all frames), in the order of the cameras, then the BEV augmentation.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray
from torch import Tensor

from labeldistill.config.model import BevAugmentationSettings, ImageSettings


@dataclass(frozen=True)
class ImageAugmentation:
    """Resize, then crop, then flip, then rotate about the centre of the crop.

    Attributes:
        resize: scale relative to the original image.
        resized_px: width, height after the resize.
        crop: left, top, right, bottom in the resized image; outside of it is black.
        flip: mirror left and right.
        rotation_deg: counter-clockwise as seen on the screen.
    """

    resize: float
    resized_px: tuple[int, int]
    crop: tuple[int, int, int, int]
    flip: bool = False
    rotation_deg: float = 0.0

    @cached_property
    def matrix(self) -> NDArray[np.float32]:
        """[4, 4] original pixel (u, v, 1, 1) to network-input pixel."""
        left, top, right, bottom = self.crop
        linear, offset = np.eye(2) * self.resize, -np.array([left, top], dtype=np.float64)
        if self.flip:
            mirror = np.array([[-1.0, 0.0], [0.0, 1.0]])
            linear, offset = mirror @ linear, mirror @ offset + [right - left, 0]
        angle = self.rotation_deg / 180 * np.pi
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        centre = np.array([right - left, bottom - top]) / 2
        matrix = np.eye(4, dtype=np.float32)
        matrix[:2, :2] = turn @ linear
        matrix[:2, 3] = turn @ offset + centre - turn @ centre
        return matrix


def draw_image_augmentation(
    settings: ImageSettings, original_px: tuple[int, int], rng: RandomState
) -> ImageAugmentation:
    """Draw the augmentation of one camera in training; `original_px` is height, width of the file."""
    (height, width), (out_height, out_width) = original_px, settings.size_px
    resize = rng.uniform(*settings.resize_range)
    new_width, new_height = int(width * resize), int(height * resize)
    top = int((1 - rng.uniform(*settings.crop_bottom_range)) * new_height) - out_height
    left = int(rng.uniform(0, max(0, new_width - out_width)))
    flip = bool(settings.flip and rng.choice([0, 1]))
    rotation = rng.uniform(*settings.rotation_deg)
    crop = (left, top, left + out_width, top + out_height)
    return ImageAugmentation(resize, (new_width, new_height), crop, flip, rotation)


def centre_crop(settings: ImageSettings, original_px: tuple[int, int]) -> ImageAugmentation:
    """The transform of evaluation images: resize to fill the input, then crop, centred across and at the bottom."""
    (height, width), (out_height, out_width) = original_px, settings.size_px
    resize = max(out_height / height, out_width / width)
    new_width, new_height = int(width * resize), int(height * resize)
    top = int((1 - np.mean(settings.crop_bottom_range)) * new_height) - out_height
    left = int(max(0, new_width - out_width) / 2)
    return ImageAugmentation(resize, (new_width, new_height), (left, top, left + out_width, top + out_height))


@dataclass(frozen=True)
class BevAugmentation:
    """Rotate about z, scale, then flip the x and the y coordinate."""

    rotation_deg: float = 0.0
    scale: float = 1.0
    flip_x: bool = False
    flip_y: bool = False

    @cached_property
    def matrix(self) -> Tensor:
        """[3, 3] float32: ego frame to augmented ego frame."""
        angle = torch.tensor(self.rotation_deg / 180 * np.pi, dtype=torch.float32)
        sin, cos = torch.sin(angle).item(), torch.cos(angle).item()
        turn = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        flip = torch.diag(torch.tensor([-1.0 if self.flip_x else 1.0, -1.0 if self.flip_y else 1.0, 1.0]))
        return flip @ (torch.eye(3) * self.scale @ turn)

    def of_boxes(self, boxes: Tensor) -> Tensor:
        """Boxes [n, 9] after the augmentation; sizes and velocities are scaled too."""
        matrix = self.matrix
        angle = boxes[:, 6] + torch.tensor(self.rotation_deg / 180 * np.pi, dtype=torch.float32)
        if self.flip_x:
            angle = math.pi - angle
        if self.flip_y:
            angle = -angle
        parts = [boxes[:, :3] @ matrix.T, boxes[:, 3:6] * self.scale, angle[:, None], boxes[:, 7:] @ matrix[:2, :2].T]
        return torch.cat(parts, dim=1)


def draw_bev_augmentation(settings: BevAugmentationSettings, rng: RandomState) -> BevAugmentation:
    """Draw the BEV augmentation of one key frame in training."""
    rotation = rng.uniform(*settings.rotation_deg)
    scale = rng.uniform(*settings.scale)
    flip_x = bool(rng.uniform() < settings.flip_x_probability)
    flip_y = bool(rng.uniform() < settings.flip_y_probability)
    return BevAugmentation(rotation, scale, flip_x, flip_y)

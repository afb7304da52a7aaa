"""The camera branch of the student: from images of several frames to their BEV maps and the depth distribution."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from labeldistill.config.study import RunSettings
from labeldistill.data.batch import CameraMatrices
from labeldistill.models.depth_net import DepthNet, camera_vector
from labeldistill.models.half_geometry import autocast_to_half, half_frustum_to_ego
from labeldistill.models.resnet import ResNet
from labeldistill.models.second_fpn import SecondFpn
from labeldistill.models.view_transform import create_frustum, frustum_to_ego, voxel_indices
from labeldistill.ops.bev_pool import bev_pool, voxel_cells
from labeldistill.ops.half_pool import half_bev_pool

Bounds = tuple[float, float, float]


@dataclass(frozen=True)
class CameraSwitches:
    """Switches that act on a camera branch; the defaults are the release's.

    Attributes:
        truncate_voxels: released behaviour of switch `voxel_truncation`.
        key_camera_vector: released behaviour of switch `camera_vector_frame`.
        frustum_centres: corrected behaviour of switch `frustum_centres`.
        half_frustum: released behaviour of switch `frustum_precision`; acts where autocast computes in half.
        half_lift: released behaviour of switch `lift_precision`; likewise.
    """

    truncate_voxels: bool = True
    key_camera_vector: bool = True
    frustum_centres: bool = False
    half_frustum: bool = True
    half_lift: bool = True

    @classmethod
    def from_run(cls, run: RunSettings) -> "CameraSwitches":
        """Read the switches of a run."""
        return cls(
            truncate_voxels=run.released("voxel_truncation"),
            key_camera_vector=run.released("camera_vector_frame"),
            frustum_centres=not run.released("frustum_centres"),
            half_frustum=run.released("frustum_precision"),
            half_lift=run.released("lift_precision"),
        )


@dataclass(frozen=True)
class CameraShape:
    """Sizes, widths and switches of a camera branch.

    Attributes:
        grid_m: low, high and cell size of the grid along x, y, z, metres.
        depth_m: first depth, end and bin size, metres.
        image_size_px: height and width of the input images.
        stride: pixels per feature cell of the neck's output.
        backbone_depth: ResNet depth.
        backbone_base_channels: width of the ResNet.
        backbone_frozen_stages: see ResNet; the release freezes the stem (0).
        neck_channels: channels that each scale contributes to the neck's output.
        neck_upsample: upsampling factor of each scale in the neck.
        depth_net_channels: width of the depth net.
        depth_net_aspp: whether the depth net has its atrous pyramid.
        depth_net_deformable: whether the depth net has its deformable convolution.
        bev_channels: channels of one frame's BEV map.
        switches: those that act on it.
    """

    grid_m: tuple[Bounds, Bounds, Bounds]
    depth_m: Bounds
    image_size_px: tuple[int, int]
    stride: int
    backbone_depth: int
    backbone_base_channels: int
    backbone_frozen_stages: int
    neck_channels: Sequence[int]
    neck_upsample: Sequence[float]
    depth_net_channels: int
    depth_net_aspp: bool
    depth_net_deformable: bool
    bev_channels: int
    switches: CameraSwitches = CameraSwitches()


class CameraBackbone(nn.Module):
    """Image backbone, neck, depth net, lift and BEV pooling (released `BaseLSSFPN`, names as there).

    Frames are processed one after the other, the key frame with gradient and past frames without, as in the release;
    each frame is a separate batch for BatchNorm.

    Args:
        shape: sizes, widths and switches.

    Attributes:
        channels_last: memory layout of the image features; True is faster and rounds differently.
    """

    voxel_size: Tensor
    voxel_coord: Tensor
    voxel_num: Tensor
    frustum: Tensor

    def __init__(self, shape: CameraShape) -> None:
        super().__init__()
        self.channels_last = True
        self.image_size_px = tuple(shape.image_size_px)
        self.switches = shape.switches
        self.cells_xyz = tuple(round((high - low) / step) for low, high, step in shape.grid_m)
        self.register_buffer("voxel_size", torch.tensor([step for _, _, step in shape.grid_m]))
        self.register_buffer("voxel_coord", torch.tensor([low + step / 2 for low, _, step in shape.grid_m]))
        self.register_buffer("voxel_num", torch.tensor(self.cells_xyz))
        size = (shape.image_size_px, shape.stride, shape.depth_m)
        self.register_buffer("frustum", create_frustum(*size, centres=shape.switches.frustum_centres))
        self._other_frustum = create_frustum(*size, centres=not shape.switches.frustum_centres)
        self.img_backbone = ResNet(
            shape.backbone_depth, base_channels=shape.backbone_base_channels, frozen_stages=shape.backbone_frozen_stages
        )
        self.img_neck = SecondFpn(self.img_backbone.out_channels, shape.neck_channels, shape.neck_upsample)
        self.depth_net = DepthNet(
            sum(shape.neck_channels),
            shape.depth_net_channels,
            shape.bev_channels,
            len(self.frustum),
            aspp=shape.depth_net_aspp,
            deformable=shape.depth_net_deformable,
        )

    def forward(
        self, images: Tensor, cameras: CameraMatrices, voxels: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the BEV maps of all frames and the depth of the key frame.

        Args:
            images: [B, F, N, 3, H, W] normalised, key frame first.
            cameras: their matrices.
            voxels: for each frame [B, N, D, h, w, 3] indices to pool into; None computes them from the matrices.

        Returns:
            BEV maps of all frames, concatenated by channel in frame order, [B, F * bev_channels, Y, X], and the
            key frame's depth probabilities [B * N, D, h, w], float32.

        Raises:
            ValueError: images whose size differs from the one the frustum was made for.
        """
        if tuple(images.shape[-2:]) != self.image_size_px:
            raise ValueError(f"images must be {self.image_size_px} pixels, got {tuple(images.shape[-2:])}")
        maps, depths = [], []
        for frame in range(images.shape[1]):
            with torch.set_grad_enabled(torch.is_grad_enabled() and frame == 0):
                given = None if voxels is None else voxels[frame]
                bev, depth = self.single_frame(images[:, frame], cameras, frame, given)
            maps.append(bev)
            depths.append(depth)
        return (maps[0] if len(maps) == 1 else torch.cat(maps, 1)), depths[0]

    def single_frame(
        self, images: Tensor, cameras: CameraMatrices, frame: int, voxels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Process the images of one frame.

        Args:
            images: [B, N, 3, H, W] normalised.
            cameras: matrices of all frames.
            frame: index of the frame, 0 is the key frame.
            voxels: [B, N, D, h, w, 3] indices to pool into; None computes them from the matrices.

        Returns:
            BEV map [B, bev_channels, Y, X] and depth probabilities [B * N, D, h, w].
        """
        features = self.image_features(images)
        logits, context = self.depth_net(
            features, camera_vector(cameras, 0 if self.switches.key_camera_vector else frame)
        )
        depth = logits.softmax(dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))
        cells = self.cells(cameras, frame) if voxels is None else self.flatten(voxels)
        if self.switches.half_lift and autocast_to_half(images.device):
            shape = (self.cells_xyz[1], self.cells_xyz[0])
            return half_bev_pool(logits.softmax(dim=1, dtype=torch.float16), context, cells, shape), depth
        return self.pool(depth, context, cells), depth

    def image_features(self, images: Tensor) -> Tensor:
        """[B, N, 3, H, W] -> [B * N, channels, h, w]."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        x = images.flatten(0, 1).contiguous(memory_format=layout)
        return self.img_neck(self.img_backbone(x))  # type: ignore[no-any-return]

    def cells(self, cameras: CameraMatrices, frame: int) -> Tensor:
        """BEV cell [B, N, D, h, w] of every frustum point of one frame, -1 outside."""
        half = self.switches.half_frustum and autocast_to_half(self.frustum.device)
        points = (half_frustum_to_ego if half else frustum_to_ego)(self.frustum, cameras, frame)
        low = self.voxel_coord - self.voxel_size / 2.0
        return self.flatten(voxel_indices(points, low, self.voxel_size, truncate=self.switches.truncate_voxels))

    def flatten(self, voxels: Tensor) -> Tensor:
        """Voxel indices [..., 3] -> cells [...]."""
        x, y, z = self.cells_xyz
        return voxel_cells(voxels, (x, y, z))

    def pool(self, depth: Tensor, context: Tensor, cells: Tensor) -> Tensor:
        """Sum the lifted features into [B, bev_channels, Y, X]; see `ops.bev_pool`."""
        return bev_pool(depth, context, cells, (self.cells_xyz[1], self.cells_xyz[0]))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Check stored geometry against that of the settings, then ignore it.

        Otherwise weights trained with one value of switch `frustum_centres` would silently undo the other.
        """
        for name in ("voxel_size", "voxel_coord", "voxel_num", "frustum"):
            ours = getattr(self, name)
            theirs = state_dict.get(prefix + name)
            if theirs is None or theirs.shape != ours.shape:
                continue  # a missing or misshapen buffer is reported like any other entry
            known = [ours, self._other_frustum] if name == "frustum" else [ours]
            if not any(torch.allclose(k.cpu().float(), theirs.cpu().float(), rtol=1e-3, atol=1e-3) for k in known):
                rest[-1].append(f"{prefix}{name}: the weights belong to another grid, image size or depth range")
            state_dict[prefix + name] = ours.to(theirs.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)

"""Recorded camera branch (released: layers/backbones/base_lss_fpn.py and the voxel pooling operators).

Gradients of these networks jump where a ReLU's input is zero up to rounding: the recording in float32 differs from the
same code in float64 by up to 1.2 % (`noise_floor.json`), and so do two memory layouts. Training is therefore run in
each arithmetic of ARITHMETICS, and the one nearest to the recording is compared.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import StudentSettings
from labeldistill.data.batch import CameraMatrices
from labeldistill.models.aspp import Aspp
from labeldistill.models.camera_backbone import CameraBackbone, CameraShape
from labeldistill.models.depth_net import DepthNet, camera_vector
from labeldistill.models.view_transform import create_frustum, frustum_to_ego
from labeldistill.ops.bev_pool import bev_pool, voxel_cells
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.module_run import compare_gradient
from labeldistill.parity.compare import Comparison

R50, R18 = "05_base_lss_fpn_r50.pt", "05b_base_lss_fpn_r18.pt"
DEPTH_NET, POOLING, FRUSTUM = "05c_depth_net.pt", "05d_voxel_pooling.pt", "05e_full_frustum.pt"
BORDER = 5e-5
"""Distance in voxels: nearer to a border, float32 rounding of the recording decides where a point belongs."""
ARITHMETICS = ((torch.float32, True), (torch.float32, False), (torch.float64, True))
"""Type and channels-last memory."""


def recorded_cameras(mats: dict[str, Tensor], dtype: torch.dtype = torch.float32) -> CameraMatrices:
    """The matrices of a record."""
    names = ("sensor2ego_mats", "intrin_mats", "ida_mats", "bda_mat")
    return CameraMatrices(*(mats[name].to(dtype) for name in names))


def nearest(run: Callable[[torch.dtype, bool], Iterator[Comparison]]) -> list[Comparison]:
    """The comparisons of `run` in the arithmetic that comes nearest to the recording."""

    def worst(rows: list[Comparison]) -> float:
        return max(row.error / row.limit if row.limit > 0 else row.error for row in rows)

    return min((list(run(dtype, channels_last)) for dtype, channels_last in ARITHMETICS), key=worst)


def camera_backbone_of(cfg: dict[str, Any]) -> CameraBackbone:
    """The camera branch that a recorded `cfg` (the release's backbone configuration) describes, without dropout."""
    backbone, neck, depth_net = (cfg[f"{part}_conf"] for part in ("img_backbone", "img_neck", "depth_net"))
    shape = CameraShape(
        grid_m=(cfg["x_bound"], cfg["y_bound"], cfg["z_bound"]),
        depth_m=cfg["d_bound"],
        image_size_px=cfg["final_dim"],
        stride=cfg["downsample_factor"],
        backbone_depth=backbone["depth"],
        backbone_base_channels=backbone.get("base_channels", 64),
        backbone_frozen_stages=backbone.get("frozen_stages", -1),
        neck_channels=neck["out_channels"],
        neck_upsample=neck["upsample_strides"],
        depth_net_channels=depth_net["mid_channels"],
        depth_net_aspp=True,
        depth_net_deformable=True,
        bev_channels=cfg["output_channels"],
    )
    model = CameraBackbone(shape)
    without_dropout(model)
    return model


def without_dropout(model: torch.nn.Module) -> None:
    """Switch the pyramid's dropout off, as in the recordings."""
    for module in model.modules():
        if isinstance(module, Aspp):
            module.dropout.p = 0.0


@case(R50)
def base_lss_fpn_r50(golden: GoldenFolder) -> Iterator[Comparison]:
    """Bottleneck backbone: forward in both modes, gradients, buffers."""
    yield from _compare_backbone(golden.load(R50), golden, compare.DEEP_GRADIENT_LIMIT)


@case(R18, R50)
def base_lss_fpn_r18(golden: GoldenFolder) -> Iterator[Comparison]:
    """Basic-block backbone, on the images of the other case."""
    yield from _compare_backbone(golden.load(R18), golden, compare.GRADIENT_LIMIT)


def _compare_backbone(record: dict[str, Any], golden: GoldenFolder, limit: float) -> Iterator[Comparison]:
    pixels = record["imgs_int8"] if "imgs_int8" in record else golden.load(R50)["imgs_int8"]
    images, cameras = pixels.float() / 32, recorded_cameras(record["mats"])
    voxels = [v.int() for v in record["train"]["geom_int"]]
    model = camera_backbone_of(record["cfg"])
    model.load_state_dict(record["state_dict"])
    yield compare.output("frustum", model.frustum, record["frustum"])
    for frame, theirs in enumerate(record["train"]["geom"]):
        points = frustum_to_ego(model.frustum, cameras, frame)
        yield compare.output(f"geometry of frame {frame}", points[:, :, ::3, ::2, ::3], theirs)
        yield _same_voxels(f"voxels of frame {frame}", model, points, voxels[frame])
    yield from _compare_eval(model, images, cameras, voxels, record["eval"])
    yield from nearest(lambda dtype, layout: _compare_train(record, images.to(dtype), voxels, limit, layout))


def _same_voxels(what: str, model: CameraBackbone, points: Tensor, theirs: Tensor) -> Comparison:
    position = (points.double() - (model.voxel_coord - model.voxel_size / 2).double()) / model.voxel_size.double()
    clear = (position - position.round()).abs() > BORDER
    return compare.exact(f"{what}, off borders", position.trunc()[clear], theirs[clear])


def _compare_eval(
    model: CameraBackbone, images: Tensor, cameras: CameraMatrices, voxels: list[Tensor], record: dict[str, Tensor]
) -> Iterator[Comparison]:
    model.eval()
    with torch.no_grad():
        bev, depth = model(images, cameras, voxels)
        key_bev, _ = model(images[:, :1], cameras, voxels)
    yield compare.output("eval bev", bev, record["bev"])
    yield compare.output("eval depth", depth, record["depth"])
    yield compare.output("eval bev of the key frame alone", key_bev, record["bev_key_only"])


def _compare_train(
    record: dict[str, Any], images: Tensor, voxels: list[Tensor], limit: float, channels_last: bool
) -> Iterator[Comparison]:
    model = camera_backbone_of(record["cfg"])
    model.load_state_dict(record["state_dict"])
    model.to(images.dtype).train().channels_last = channels_last
    theirs = record["train"]
    images = images.clone().requires_grad_()
    bev, depth = model(images, recorded_cameras(record["mats"], images.dtype), voxels)
    yield compare.output("train bev", bev, theirs["bev"])
    yield compare.output("train depth", depth, theirs["depth"])
    seeds = [int(seed) for seed in re.findall(r"randn\(seed (\d+)\)", record["README"])] or [5, 6]
    sum((o * _randn(o, seed)).sum() for o, seed in zip((bev, depth), seeds, strict=True)).backward()
    assert images.grad is not None
    yield compare.gradient("gradient of images", images.grad[:, 0, :1], theirs["grad_imgs_key0_cam0"], limit)
    per_frame = images.grad.abs().sum((0, 2, 3, 4, 5))
    yield compare.gradient("size of the images' gradient, per frame", per_frame, theirs["grad_imgs_abs_sum_per_frame"])
    yield from _compare_parameters(model, theirs["param_grads"], limit)
    buffers = dict(model.named_buffers())
    for name, value in theirs["buffers_after"].items():
        check = compare.output if value.is_floating_point() else compare.exact
        yield check(f"{name} after training", buffers[name], value)


def _compare_parameters(
    model: torch.nn.Module, recorded: dict[str, Tensor], limit: float, prefix: str = ""
) -> Iterator[Comparison]:
    parameters = dict(model.named_parameters())
    largest = max(float(g.norm()) for g in recorded.values())
    for name, theirs in recorded.items():
        yield compare_gradient(f"{prefix}gradient of {name}", parameters[name].grad, theirs, largest, limit)


def _randn(like: Tensor, seed: int) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


@case(DEPTH_NET)
def depth_net(golden: GoldenFolder) -> Iterator[Comparison]:
    """Depth logits and context, with the deformable convolution."""
    record = golden.load(DEPTH_NET)
    for mode in ("train", "eval"):
        yield from nearest(partial(_compare_depth_net, record, mode))


def _compare_depth_net(
    record: dict[str, Any], mode: str, dtype: torch.dtype, channels_last: bool
) -> Iterator[Comparison]:
    state = record["state_dict"]
    channels, in_channels = state["reduce_conv.0.weight"].shape[:2]
    context, bins = state["context_conv.weight"].shape[0], state["depth_conv.5.weight"].shape[0]
    model = DepthNet(in_channels, channels, context, bins)
    without_dropout(model)
    model.load_state_dict(state)
    model.to(dtype).train(mode == "train")
    layout = torch.channels_last if channels_last else torch.contiguous_format
    x = record["x"].to(dtype).clone(memory_format=layout).requires_grad_()
    out = torch.cat(model(x, camera_vector(recorded_cameras(record["mats"], dtype))), 1)
    torch.autograd.backward((out * _randn(out, record["grad_out_seed"])).sum())
    yield compare.output(f"{mode} output", out, record[mode]["out"])
    yield compare.gradient(f"{mode} gradient of x", x.grad, record[mode]["grad_x"])
    yield from _compare_parameters(model, record[mode]["param_grads"], compare.GRADIENT_LIMIT, f"{mode} ")


@case(POOLING)
def voxel_pooling(golden: GoldenFolder) -> Iterator[Comparison]:
    """Both pooling operators of the release, which are one here, by both backends."""
    record = golden.load(POOLING)
    nx, ny, nz = record["voxel_num"].tolist()
    cells = voxel_cells(record["geom_xyz"], (nx, ny, nz))
    for backend in ("sparse", "matrix"):
        lifted = record["input_features"].clone().requires_grad_()
        pooled = bev_pool(*_as_pixels(lifted), cells.flatten(2, 3).unsqueeze(2), (ny, nx), backend)
        torch.autograd.backward(pooled, record["grad_out"])
        yield compare.output(f"training operator, {backend}", pooled, record["out_train"])
        yield compare.gradient(f"gradient of lifted features, {backend}", lifted.grad, record["grad_features"])
        pooled = bev_pool(record["depth"], record["context"], cells, (ny, nx), backend)
        yield compare.output(f"inference operator, {backend}", pooled, record["out_inference"])


def _as_pixels(lifted: Tensor) -> tuple[Tensor, Tensor]:
    """[B, N, D, h, w, C] as depth (all one) and context of an image of D * h rows with a single depth bin."""
    context = lifted.permute(0, 1, 5, 2, 3, 4).flatten(0, 1).flatten(2, 3)
    return torch.ones_like(context[:, :1]), context


@case(FRUSTUM)
def full_frustum(golden: GoldenFolder) -> Iterator[Comparison]:
    """Frustum, geometry and the number of points in each cell, at full size."""
    record, settings, grid = golden.load(FRUSTUM), StudentSettings(), GridSettings()
    frustum = create_frustum(settings.image.size_px, settings.stride, settings.depth_m)
    yield compare.exact("frustum shape", list(frustum.shape), list(record["frustum_shape"]))
    yield compare.output("frustum corners", frustum[::37, ::5, ::14], record["frustum_corners"])
    points = frustum_to_ego(frustum, recorded_cameras(record["mats"]), 0)
    yield compare.output("geometry", points[:, :, ::16, ::5, ::11], record["geom_sample"])
    low = torch.tensor([axis[0] for axis in (grid.x_m, grid.y_m, grid.z_m)], dtype=torch.double)
    size = torch.tensor([axis[2] for axis in (grid.x_m, grid.y_m, grid.z_m)], dtype=torch.double)
    position = (points.double() - low) / size
    yield from _compare_counts(position, grid.cells_xy, record)


def _compare_counts(position: Tensor, cells_xy: tuple[int, int], record: dict[str, Any]) -> Iterator[Comparison]:
    nx, ny = cells_xy
    near = (position - position.round()).abs() <= BORDER
    cells = voxel_cells(position.trunc().int(), (nx, ny, 1)).flatten().long()
    counts = torch.bincount(cells[cells >= 0], minlength=nx * ny).view(ny, nx)
    # A point near a border may have been counted on the other side.
    doubtful = torch.zeros(ny + 2, nx + 2, dtype=torch.long)
    for x, y in position[near.any(-1)][:, :2].clamp(-1, max(nx, ny)).round().int().tolist():
        doubtful[max(y, 0) : y + 2, max(x, 0) : x + 2] += 1
    beyond = ((counts - record["voxel_hist"]).abs() - doubtful[1:-1, 1:-1]).clamp(min=0)
    yield compare.exact("points in each cell, but for those on its border", beyond, torch.zeros_like(beyond))
    difference = abs(int(counts.sum()) - int(record["kept"]))
    yield compare.exact("points kept, but for those on a border", max(0, difference - int(near.any(-1).sum())), 0)

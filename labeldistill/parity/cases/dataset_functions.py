"""09b: image and depth transform, normalisation, BEV transform and projection of the released dataset, one by one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from labeldistill.config.model import ImageSettings
from labeldistill.data.augmentation import BevAugmentation, ImageAugmentation
from labeldistill.data.depth_maps import depth_map, project
from labeldistill.data.images import Normalisation, augmented
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison, exact, output


@case("09b_dataset_functions.pt", "09_dataset.pt")
def compare(folder: GoldenFolder) -> Iterator[Comparison]:
    """Every recorded call of the released functions."""
    recorded = folder.load("09b_dataset_functions.pt")
    source = Image.fromarray(recorded["src_rgb"].numpy())
    for number, one in enumerate(recorded["img_cases"]):
        yield from _image(f"image {number}", source, one)
    for number, one in enumerate(recorded["bev_cases"]):
        change = BevAugmentation(float(one["rotate"]), float(one["scale"]), bool(one["flip_dx"]), bool(one["flip_dy"]))
        yield output(f"BEV {number}: matrix", change.matrix, one["rot_mat"])
        yield output(f"BEV {number}: boxes", change.of_boxes(one["gt"].float()), one["out"])
    yield from _projection(recorded["map_pointcloud_to_image"], folder.load("09_dataset.pt")["infos"])


def _image(name: str, source: Image.Image, one: dict[str, Any]) -> Iterator[Comparison]:
    left, top, right, bottom = one["crop"]
    width, height = one["resize_dims"]
    change = ImageAugmentation(
        one["resize"], (width, height), (left, top, right, bottom), bool(one["flip"]), float(one["rotate"])
    )
    rgb = augmented(source, change)
    image = Normalisation(ImageSettings(), bgr=True).of(rgb)
    points = one["points"].numpy()
    yield exact(f"{name}: pixels", rgb, one["out_rgb"])
    yield exact(f"{name}: normalised", image.permute(1, 2, 0), one["normalized"])
    yield output(f"{name}: matrix", change.matrix, one["ida_mat"])
    yield exact(f"{name}: depth map", depth_map(points, change, (bottom - top, right - left)), one["depth_map"])


def _projection(one: dict[str, Any], infos: list[dict[str, Any]]) -> Iterator[Comparison]:
    info = infos[one["info_index"]]
    lidar, camera = info["lidar_infos"]["LIDAR_TOP"], info["cam_infos"][one["cam"]]

    def pose(entry: dict[str, Any]) -> tuple[Any, Any]:
        return entry["rotation"], entry["translation"]

    points = project(
        one["points"].numpy(),
        pose(lidar["calibrated_sensor"]),
        pose(lidar["ego_pose"]),
        pose(camera["calibrated_sensor"]),
        pose(camera["ego_pose"]),
        np.asarray(camera["calibrated_sensor"]["camera_intrinsic"], dtype=np.float64),
        (camera["height"], camera["width"]),
    )
    theirs = np.concatenate([one["pts_img"][:2].numpy(), one["depth"][None].numpy()]).T
    yield exact("projection: number of points", len(points), len(theirs))
    if len(points) == len(theirs):
        yield output("projection: pixels", points[:, :2], theirs[:, :2])
        yield output("projection: depth", points[:, 2], theirs[:, 2])

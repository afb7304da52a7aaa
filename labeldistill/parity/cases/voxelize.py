"""Hard voxelisation and mean voxel features, against mmcv's Voxelization and mmdetection3d's HardSimpleVFE."""

from collections.abc import Iterator

from labeldistill.models.voxel_encoder import MeanVoxelEncoder, VoxelLayer
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison


@case("08_voxelize_vfe.pt")
def voxelize_and_mean(folder: GoldenFolder) -> Iterator[Comparison]:
    """Voxels, counts, coordinates and mean features with the limits of both modes."""
    recorded = folder.load("08_voxelize_vfe.pt")
    config = recorded["cfg"]
    low, high, size = config["point_cloud_range"][:3], config["point_cloud_range"][3:], config["voxel_size"]
    x, y, z = (round((h - low_) / s) for low_, h, s in zip(low, high, size, strict=True))
    layer = VoxelLayer(tuple(low), tuple(size), (x, y, z), config["max_num_points"], tuple(config["max_voxels"]))
    for mode in ("train", "eval"):
        voxels = layer.train(mode == "train")(recorded["points"])
        expected = recorded[mode]
        yield compare.exact(f"{mode} coordinates", voxels.coordinates, expected["coors"])
        yield compare.exact(f"{mode} points per voxel", voxels.counts, expected["num_points"])
        yield compare.exact(f"{mode} voxel points", voxels.points, expected["voxels"])
        yield compare.output(f"{mode} voxel features", MeanVoxelEncoder()(voxels), expected["voxel_features"])

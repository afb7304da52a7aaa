from pathlib import Path

import numpy as np
import pytest
from nuscenes.nuscenes import NuScenes

from labeldistill.data.augmentation import ImageAugmentation
from labeldistill.data.depth_maps import depth_map
from labeldistill.data.infos import Infos

SAME = ImageAugmentation(1.0, (8, 6), (0, 0, 8, 6))
FLIPPED = ImageAugmentation(1.0, (8, 6), (0, 0, 8, 6), flip=True)


def filled(points, change=SAME, released=True):
    image = depth_map(np.array(points, dtype=np.float32), change, (6, 8), released_pixels=released)
    return {(int(r), int(c)): float(image[r, c]) for r, c in np.argwhere(image)}


def test_released_pixels_by_hand():
    assert filled([[2.9, 3.2, 5.0]]) == {(3, 2): 5.0}
    assert filled([[-0.9, -0.5, 5.0]]) == {(0, 0): 5.0}  # truncation pulls (-1, 0) in
    assert filled([[-1.0, 3.0, 5.0], [8.0, 3.0, 5.0], [3.0, 6.0, 5.0]]) == {}
    assert filled([[2.1, 3.1, 9.0], [2.2, 3.2, 7.0], [2.3, 3.3, 8.0]]) == {(3, 2): 8.0}  # the last one wins
    assert filled([[2.0, 3.0, 5.0]], FLIPPED) == {(3, 6): 5.0}  # 8 - 2


def test_corrected_pixels_by_hand():
    assert filled([[2.9, 3.2, 5.0]], released=False) == {(3, 3): 5.0}  # nearest pixel centre
    assert filled([[-0.4, 0.0, 5.0]], released=False) == {(0, 0): 5.0}
    assert filled([[-0.9, 0.0, 5.0]], released=False) == {}
    assert filled([[2.1, 3.1, 9.0], [2.2, 3.2, 7.0], [2.3, 3.3, 8.0]], released=False) == {(3, 2): 7.0}
    assert filled([[2.0, 3.0, 5.0]], FLIPPED, released=False) == {(3, 5): 5.0}  # 8 - 1 - 2


def test_points_are_left_as_they_were():
    points = np.array([[2.0, 3.0, 5.0]], dtype=np.float32)
    for released in (True, False):
        depth_map(points, FLIPPED, (6, 8), released_pixels=released)
        assert points.tolist() == [[2.0, 3.0, 5.0]]
    assert not depth_map(np.zeros((0, 3), np.float32), SAME, (6, 8)).any()


@pytest.mark.parametrize("which", ["tiny", "real"])
def test_projected_points_are_the_devkits(which, request, infos: Infos):
    """Oracle: NuScenesExplorer.map_pointcloud_to_image. It works in float64 where ours follows the released float32."""
    from labeldistill.config.data import CAMERAS

    index = infos if which == "tiny" else request.getfixturevalue("real_infos")
    version = "v1.0-trainval" if which == "tiny" else "v1.0-mini"
    devkit = NuScenes(version, str(Path(index.dataroot)), verbose=False)
    total = 0
    for sample, token in enumerate(index.samples.token.to_pylist()):
        data = devkit.get("sample", token)["data"]
        for n, camera in enumerate(CAMERAS):
            points, depth, _ = devkit.explorer.map_pointcloud_to_image(data["LIDAR_TOP"], data[camera], min_dist=1e-9)
            ours = index.depth_points(6 * sample + n)
            assert abs(len(ours) - len(depth)) <= 1  # a point on the one-pixel border may round to either side
            if len(ours) == len(depth):
                np.testing.assert_allclose(ours[:, 2], depth, atol=2e-3)
                near = ours[:, 2] > 1
                np.testing.assert_allclose(ours[near, :2], points[:2].T[near], atol=0.6)
            total += len(ours)
    assert total > 200

"""The whole LiDAR teacher: positions on the map, bad clouds and settings, and that it learns."""

import math

import pytest
import torch
from torch import Tensor

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import HeadSettings, TeacherSettings
from labeldistill.config.study import RunSettings
from labeldistill.data.batch import Batch
from labeldistill.errors import InputError
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.teacher import LidarTeacher, released_experiment, voxel_cells

GRID = GridSettings(x_m=(-12.8, 12.8, 1.6), y_m=(-6.4, 6.4, 0.8), max_decoded_distance_m=15)
SETTINGS = TeacherSettings(
    voxel_m=(0.2, 0.1, 0.2),
    max_points_per_voxel=3,
    max_voxels=(2000, 3000),
    encoder_channels=((4, 4, 8), (8, 8, 8), (8, 8, 12), (12, 12)),
    encoder_output_channels=12,
    second_channels=(16, 24),
    second_layers=(1, 1),
    neck_channels=(16, 16),
    head=HeadSettings(shared_channels=16, branch_channels=8),
)


def teacher(**changes: object) -> LidarTeacher:
    torch.manual_seed(0)
    return LidarTeacher(GRID, SETTINGS.model_copy(update=changes), HeadOptions())


def cloud(batch: int = 2, count: int = 400) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(batch, count, 5, generator=generator) * 2 - 1
    return points * torch.tensor([12.8, 6.4, 2.0, 255.0, 0.2]) - torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])


def batch_of(points: Tensor, boxes: list[Tensor], labels: list[Tensor]) -> Batch:
    return Batch(None, None, None, points, boxes, labels, [str(i) for i in range(len(points))])


def test_maps_have_the_cells_of_the_grid() -> None:
    output = teacher().eval()(cloud())
    assert [tuple(scale.shape) for scale in output.features] == [(2, 16, 16, 16), (2, 24, 8, 8)]
    assert len(output.predictions) == 6
    assert all(maps.shape[2:] == (16, 16) for task in output.predictions for maps in task.values())


@pytest.mark.parametrize("position", [(-12.7, -6.3), (9.1, -2.3), (-3.3, 5.0), (12.7, 6.3)])
def test_a_point_lands_in_the_cell_of_its_position(position: tuple[float, float]) -> None:
    """Rows are y, columns are x; the encoder's windows reach one cell further at most."""
    model = teacher().eval()
    voxels = model.pts_voxel_layer(torch.tensor([[[*position, -1.0, 100.0, 0.0]]]))
    with torch.no_grad():
        bev = model.pts_middle_encoder(model.pts_voxel_encoder(voxels), voxels.coordinates, 1)
    rows, columns = (bev[0] != 0).any(0).nonzero().unbind(1)
    column, row = (position[0] + 12.8) / 1.6, (position[1] + 6.4) / 0.8
    assert len(rows) > 0
    assert ((rows + 0.5 - row).abs() <= 1.5).all()
    assert ((columns + 0.5 - column).abs() <= 1.5).all()


def test_padding_far_and_broken_points_change_nothing() -> None:
    model = teacher().eval()
    points = cloud()
    rubbish = torch.full((2, 4, 5), -999.0)
    rubbish[:, 1] = torch.tensor([0.0, 0.0, 0.0, math.nan, 0.0])
    rubbish[:, 2] = torch.tensor([math.inf, 0.0, 0.0, 1.0, 0.0])
    rubbish[:, 3] = torch.tensor([12.8, 0.0, 0.0, 1.0, 0.0])  # the upper border is outside
    with torch.no_grad():
        plain, dirty = model(points), model(torch.cat((rubbish, points, rubbish), dim=1))
    for a, b in zip(plain.features, dirty.features, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("empty", [0, 1])
@pytest.mark.parametrize("train", [False, True])
def test_a_sample_without_a_voxel_works_wherever_it_stands(empty: int, train: bool) -> None:
    """The release counts samples by the last voxel's (quirk 22)."""
    points = cloud()
    points[empty] = -999
    output = teacher().train(train)(points)
    assert all(len(scale) == 2 and scale.isfinite().all() for scale in output.features)
    if not train:
        alone = teacher().eval()(points[1 - empty : 2 - empty])
        torch.testing.assert_close(output.features[1][1 - empty], alone.features[1][0])


def test_a_batch_without_any_voxel_trains() -> None:
    boxes, labels = [torch.zeros(0, 9)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2
    loss = teacher().train().losses(batch_of(torch.full((2, 3, 5), -999.0), boxes, labels))["detection"]
    loss.backward()
    assert loss.isfinite()


def test_each_mode_has_its_limit_of_voxels() -> None:
    model = teacher(max_voxels=(50, 70))
    assert len(model.train().pts_voxel_layer(cloud()).counts) == 2 * 50
    assert len(model.eval().pts_voxel_layer(cloud()).counts) == 2 * 70


def test_prediction_is_neck_and_head_of_the_features() -> None:
    model = teacher().eval()
    output = model(cloud())
    again = model.predict(model.encode(cloud()))
    assert all(torch.equal(a[name], b[name]) for a, b in zip(output.predictions, again, strict=True) for name in a)


def boxes_with_points() -> Batch:
    """Two cars and a pedestrian, drawn as clouds of points inside their boxes."""
    boxes = torch.tensor(
        [[8.3, -3.5, -1.0, 4.5, 1.9, 1.6, 0.0, 0.0, 0.0], [-6.0, 2.7, -1.0, 4.5, 1.9, 1.6, 1.2, 0.0, 0.0],
         [1.0, 4.1, -1.0, 0.7, 0.7, 1.7, 0.0, 0.0, 0.0]]
    )  # fmt: skip
    generator = torch.Generator().manual_seed(3)
    clouds = []
    for box in boxes:
        local = (torch.rand(80, 3, generator=generator) - 0.5) * box[3:6]
        cos, sin = box[6].cos(), box[6].sin()
        local[:, :2] = local[:, :2] @ torch.tensor([[cos, sin], [-sin, cos]])
        clouds.append(torch.cat((local + box[:3], torch.full((80, 1), 100.0), torch.zeros(80, 1)), dim=1))
    labels = torch.tensor([0, 0, 8])
    return batch_of(torch.cat(clouds)[None], [boxes], [labels])


def test_it_learns_boxes_where_they_are() -> None:
    batch, model = boxes_with_points(), teacher()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    losses = []
    for _ in range(40):
        loss = model.train().losses(batch)["detection"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 5
    (found,) = model.detect(batch)
    for wanted, label in zip(batch.boxes[0], batch.labels[0], strict=True):
        same = found.labels == label
        near = (found.boxes[same, :2] - wanted[:2]).norm(dim=1)
        assert near.min() < 0.5
        best = found.boxes[same][near.argmin()]
        torch.testing.assert_close(best[3:6], wanted[3:6], atol=0.4, rtol=0.2)
        assert abs(math.remainder(float(best[6] - wanted[6]), math.tau)) < 0.4


def test_rules_of_the_run_reach_the_losses() -> None:
    batch = boxes_with_points()
    batch.boxes[0][0, 7] = math.nan
    assert LidarTeacher(GRID, SETTINGS, HeadOptions()).losses(batch)["detection"].isnan()
    assert LidarTeacher(GRID, SETTINGS, HeadOptions(mask_nan=True)).losses(batch)["detection"].isfinite()


def run(teacher_settings: TeacherSettings | None) -> RunSettings:
    return RunSettings.model_construct(
        stage="teacher", grid=GRID, teacher=teacher_settings, switches={"nan_targets": "corrected"}
    )


def test_a_run_says_how_it_is_built() -> None:
    model = LidarTeacher.from_settings(run(SETTINGS))
    assert model.grid == GRID
    assert model.head_options.mask_nan
    with pytest.raises(InputError, match="teacher"):
        LidarTeacher.from_settings(run(None))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"voxel_m": (0.2, 0.2, 0.2)}, "voxel_m"),
        ({"voxel_m": (0.2, 0.1, 0.3)}, "voxel_m"),
        ({"voxel_m": (0.3, 0.1, 0.2)}, "voxel_m"),
        ({"encoder_channels": ((4, 4, 8), (8, 8, 8), (8, 8))}, "voxel_m"),
        ({"encoder_channels": ((4, 4, 8), (8, 8, 8), (8, 8, 12), (16, 16))}, "encoder_channels"),
        ({"voxel_m": (0.2, 0.1, 1.0)}, "encoder_channels"),
    ],
)
def test_settings_that_do_not_fit_name_their_key(changes: dict[str, object], key: str) -> None:
    with pytest.raises(InputError, match=f"teacher.{key}"):
        teacher(**changes)


def test_fewer_stages_want_larger_voxels() -> None:
    model = teacher(voxel_m=(0.4, 0.2, 0.2), encoder_channels=((4, 4, 8), (8, 8, 12), (12, 12))).eval()
    assert voxel_cells(GRID, model.settings) == (64, 64, 40)
    assert model(cloud()).features[0].shape == (2, 16, 16, 16)


def test_full_size_counts() -> None:
    """The released numbers: 31,397,660 with the camera head that its experiment stores along."""
    with torch.device("meta"):
        model = LidarTeacher(GridSettings(), TeacherSettings(), HeadOptions())
        whole = released_experiment(model)
    assert sum(p.numel() for p in whole.parameters()) == 31_397_660
    assert model.pts_middle_encoder.output_shape == (2, 128, 128)
    assert {name.split(".")[0] for name in model.state_dict()} == {
        "pts_middle_encoder", "pts_backbone", "pts_neck", "pts_bbox_head",
    }  # fmt: skip

"""Hard voxelisation against a plain loop over points."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.ops.voxelize import Voxels, voxelize

LOW, SIZE, CELLS = (-1.0, -2.0, 0.0), (0.5, 0.5, 1.0), (4, 8, 2)
GRID = (LOW, SIZE, CELLS)


def loop_voxelize(
    points: torch.Tensor, max_points: int, max_voxels: int
) -> list[tuple[tuple[int, ...], list[list[float]]]]:
    """[(sample, z, y, x), points] in order of first point; the sizes used here are exact in binary."""
    result = []
    for sample, cloud in enumerate(points.tolist()):
        voxels: dict[tuple[int, ...], list[list[float]]] = {}
        for point in cloud:
            if not all(math.isfinite(value) for value in point):
                continue
            cell = [math.floor((point[a] - LOW[a]) / SIZE[a]) for a in range(3)]
            if any(not 0 <= cell[a] < CELLS[a] for a in range(3)):
                continue
            key = (sample, *reversed(cell))
            if key not in voxels:
                if len(voxels) >= max_voxels:
                    continue
                voxels[key] = []
            if len(voxels[key]) < max_points:
                voxels[key].append(point)
        result += list(voxels.items())
    return result


def as_list(voxels: Voxels) -> list[tuple[tuple[int, ...], list[list[float]]]]:
    return [
        (tuple(cell), points[:count])
        for cell, points, count in zip(
            voxels.coordinates.tolist(), voxels.points.tolist(), voxels.counts.tolist(), strict=True
        )
    ]


def cloud(batch: int, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(batch, count, 5, generator=generator) * 5 - 2.5
    points[:, ::7] = -999
    points[:, 3::11, 2] = 0.0  # on a border between cells
    points[0, 1::13, 4] = math.nan
    points[-1, 2::17, 0] = math.inf
    return points


@pytest.mark.parametrize(("max_points", "max_voxels"), [(1, 5), (3, 20), (4, 1000), (2, 1)])
def test_equals_a_loop_over_points(max_points: int, max_voxels: int) -> None:
    points = cloud(3, 300, seed=max_points)
    voxels = voxelize(points, *GRID, max_points, max_voxels)
    assert as_list(voxels) == loop_voxelize(points, max_points, max_voxels)
    unused = torch.arange(max_points) >= voxels.counts[:, None]
    assert not voxels.points[unused].any()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([-1.0, -0.75, 0.0, 0.5, 0.99, 1.0, -2.0, -999.0, math.nan]), min_size=3, max_size=3),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_equals_a_loop_on_borders_and_gaps(rows: list[list[float]], max_points: int, max_voxels: int) -> None:
    points = torch.tensor([rows, rows[::-1]])
    assert as_list(voxelize(points, *GRID, max_points, max_voxels)) == loop_voxelize(points, max_points, max_voxels)


def test_a_full_sample_still_fills_its_old_voxels() -> None:
    points = torch.tensor([[[0.1, 0.1, 0.5], [0.9, 0.9, 0.5], [0.2, 0.2, 0.5]]])
    voxels = voxelize(points, *GRID, 5, 1)
    assert voxels.counts.tolist() == [2]
    assert voxels.points[0, :2].tolist() == points[0, [0, 2]].tolist()


@pytest.mark.parametrize("shape", [(2, 0, 5), (2, 4, 5)])
def test_no_point_in_range_gives_no_voxel(shape: tuple[int, int, int]) -> None:
    voxels = voxelize(torch.full(shape, -999.0), *GRID, 3, 10)
    assert voxels.points.shape == (0, 3, 5)
    assert voxels.coordinates.shape == (0, 4)
    assert voxels.counts.shape == (0,)


def test_a_sample_in_the_middle_or_at_the_end_may_be_empty() -> None:
    points = cloud(4, 50, seed=5)
    points[1] = points[3] = -999
    voxels = voxelize(points, *GRID, 3, 6)
    assert as_list(voxels) == loop_voxelize(points, 3, 6)
    assert set(voxels.coordinates[:, 0].tolist()) == {0, 2}


def test_repeats_with_any_number_of_threads() -> None:
    points = torch.rand(2, 20_000, 5) * 4 - 2
    threads = torch.get_num_threads()
    try:
        runs = []
        for count in (1, 2, 2):
            torch.set_num_threads(count)
            runs.append(voxelize(points, LOW, (0.05, 0.05, 0.1), (40, 80, 20), 3, 10_000))
    finally:
        torch.set_num_threads(threads)
    for run in runs[1:]:
        assert torch.equal(run.points, runs[0].points)
        assert torch.equal(run.coordinates, runs[0].coordinates)

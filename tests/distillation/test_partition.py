"""Which channels belong to which group, in the release and within every frame."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labeldistill.distillation.model import partitions
from labeldistill.distillation.partition import GROUPS, Partition

THIRDS = {"label": 1 / 3, "lidar": 1 / 3, "free": 1 / 3}


def channels(partition, group):
    return [c for s in partition.slices(group) for c in range(s.start, s.stop)]


def test_released_thirds_of_three_frames_are_the_frames():
    partition = Partition(450, THIRDS)
    assert channels(partition, "label") == list(range(150))
    assert channels(partition, "lidar") == list(range(150, 300))


def test_released_thirds_of_five_frames_cross_frames():
    partition = Partition(750, THIRDS)
    assert channels(partition, "label") == list(range(250))  # the current frame and 100 channels of the next
    assert channels(partition, "lidar") == list(range(250, 500))


def test_corrected_thirds_lie_within_every_frame():
    partition = Partition(18, THIRDS, frames=3)
    assert channels(partition, "label") == [0, 1, 6, 7, 12, 13]
    assert channels(partition, "lidar") == [2, 3, 8, 9, 14, 15]
    x = torch.arange(18.0).view(1, 18, 1, 1)
    assert partition.take(x, "lidar").flatten().tolist() == [2, 3, 8, 9, 14, 15]


def test_the_rest_is_free():
    partition = Partition(10, {"label": 0.25, "lidar": 0.5, "free": 0.25})
    assert [partition.size(g) for g in GROUPS] == [2, 5, 3]


@given(st.integers(1, 40), st.integers(1, 5), st.floats(0, 1), st.floats(0, 1))
def test_groups_are_disjoint_and_complete(block, frames, a, b):
    low, high = sorted((a, b))
    partition = Partition(block * frames, {"label": low, "lidar": high - low, "free": 1 - high}, frames)
    everything = [c for g in GROUPS for c in channels(partition, g)]
    assert sorted(everything) == list(range(block * frames))
    for group in GROUPS:
        assert partition.size(group) == len(channels(partition, group))


@pytest.mark.parametrize(("corrected", "expected"), [((), [6, 7]), (("partition_axis",), [0, 1, 6, 7])])
def test_switch_partition_axis(make_run, corrected, expected):
    scale_0, scale_1 = partitions(make_run(corrected=corrected))
    assert (scale_0.channels, scale_1.channels) == (18, 9)
    label = channels(scale_0, "label")
    assert (set(expected) <= set(label)) == bool(corrected)
    assert scale_0.size("label") == 6
    assert channels(scale_1, "label") == [0, 1, 2]


def test_without_partition_both_groups_are_all_channels():
    whole = Partition(12, {"label": 1.0, "lidar": 1.0, "free": 0.0}, frames=3)
    assert [whole.size(group) for group in GROUPS] == [12, 12, 0]
    x = torch.arange(12.0).view(1, 12, 1, 1)
    assert torch.equal(whole.take(x, "label"), x)
    assert torch.equal(whole.take(x, "lidar"), x)

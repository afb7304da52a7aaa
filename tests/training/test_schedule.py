import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeldistill.config.training import TrainingSettings
from labeldistill.errors import InputError
from labeldistill.training.order import MicroBatches
from labeldistill.training.schedule import lr_factor, run_length


def test_released_milestones() -> None:
    training = TrainingSettings(epochs=24, batch=16)
    length = run_length(training, 28130, 4)
    assert (length.steps_per_epoch, length.steps, length.accumulation, length.batch_per_device) == (1758, 42192, 1, 4)
    per_epoch = [lr_factor(epoch * 1758, training, length) for epoch in range(24)]
    assert per_epoch == pytest.approx([1.0] * 19 + [0.1] * 4 + [0.01])
    assert lr_factor(19 * 1758 - 1, training, length) == 1.0


def test_cosine_with_warm_up() -> None:
    training = TrainingSettings(steps=100, batch=4, schedule="cosine", warmup_steps=10)
    length = run_length(training, 40, 1)
    factors = [lr_factor(step, training, length) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.09)))
    assert factors[50] == pytest.approx(0.5)
    assert all(a > b for a, b in itertools.pairwise(factors[10:]))
    assert 0 < factors[-1] < 1e-3


@pytest.mark.parametrize(("devices", "per_device", "accumulation"), [(1, None, 1), (2, None, 1), (2, 2, 2), (1, 2, 4)])
def test_the_global_batch_is_fixed(devices: int, per_device: int | None, accumulation: int) -> None:
    length = run_length(TrainingSettings(steps=5, batch=8, batch_per_device=per_device), 100, devices)
    assert (length.batch, length.accumulation) == (8, accumulation)
    assert length.batch_per_device * devices * length.accumulation == 8


def test_a_batch_that_devices_cannot_share_is_refused() -> None:
    with pytest.raises(InputError, match=r"training\.batch.*16 is not a multiple of 3"):
        run_length(TrainingSettings(steps=5, batch=16), 100, 3)
    with pytest.raises(InputError, match=r"data\.splits\.train"):
        run_length(TrainingSettings(steps=5), 0, 1)


sizes = st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (4, 1)])


@given(samples=st.integers(1, 40), seed=st.integers(0, 5), split=sizes, start=st.integers(0, 7))
def test_any_number_of_processes_sees_the_same_key_frames(
    samples: int, seed: int, split: tuple[int, int], start: int
) -> None:
    world, accumulation = split
    alone = run_length(TrainingSettings(steps=8, batch=8), samples, 1)
    shared = run_length(TrainingSettings(steps=8, batch=8, batch_per_device=8 // world // accumulation), samples, world)
    whole = list(MicroBatches(alone, seed))
    ranks = [list(MicroBatches(shared, seed, rank=rank, world=world, start=start)) for rank in range(world)]
    assert [len(r) for r in ranks] == [len(MicroBatches(shared, seed, start=start))] * world
    for step in range(start, 8):
        micro = slice((step - start) * accumulation, (step - start + 1) * accumulation)
        seen = [key for batches in zip(*(r[micro] for r in ranks), strict=True) for keys in batches for key in keys]
        assert seen == whole[step]


@given(seed=st.integers(0, 5), world=st.sampled_from([1, 2, 4]))
def test_released_devices_draw_what_the_first_one_draws(seed: int, world: int) -> None:
    """Four devices of two key frames, or fewer that accumulate: the same key frames with the same draws."""
    length = run_length(TrainingSettings(steps=3, batch=8, batch_per_device=2), 30, world)
    ranks = [list(MicroBatches(length, seed, rank=rank, world=world, same_draws=True)) for rank in range(world)]
    for step in range(3):
        micro = slice(step * length.accumulation, (step + 1) * length.accumulation)
        chunks = [keys for batches in zip(*(r[micro] for r in ranks), strict=True) for keys in batches]
        assert len(chunks) == 4
        assert len({tuple(draw for _, _, draw in keys) for keys in chunks}) == 1
        assert [index for _, index, _ in chunks[0]] == [draw for _, _, draw in chunks[0]]
        assert len({index for keys in chunks for _, index, _ in keys}) == 8
    alone = run_length(TrainingSettings(steps=3, batch=8), 30, 1)
    assert list(MicroBatches(alone, seed, same_draws=True)) == list(MicroBatches(alone, seed))


@given(samples=st.integers(8, 40), seed=st.integers(0, 5))
def test_an_epoch_shows_no_key_frame_twice_and_the_next_has_another_order(samples: int, seed: int) -> None:
    length = run_length(TrainingSettings(epochs=2, batch=4), samples, 1)
    keys = [key for batch in MicroBatches(length, seed) for key in batch]
    epochs = [[index for epoch, index, _ in keys if epoch == number] for number in (0, 1)]
    assert all(len(set(e)) == len(e) == samples // 4 * 4 for e in epochs)
    assert epochs[0] != epochs[1]

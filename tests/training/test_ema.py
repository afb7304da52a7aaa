import math

import torch

from labeldistill.training.ema import NO_RAMP, Ema


def state(value: float) -> dict[str, torch.Tensor]:
    return {"w": torch.full((2,), value), "bn.num_batches_tracked": torch.tensor(int(value))}


def test_released_counter_makes_the_decay_constant() -> None:
    ema = Ema(state(0.0), decay=0.999, updates=NO_RAMP)
    ema.update(state(1.0))
    assert ema.current_decay() == 0.999
    torch.testing.assert_close(ema.state["w"], torch.full((2,), 0.001))
    ema.update(state(1.0))
    torch.testing.assert_close(ema.state["w"], torch.full((2,), 0.001 * 0.999 + 0.001))


def test_the_ramp_starts_near_the_weights_themselves() -> None:
    ema = Ema(state(0.0), decay=0.999, warmup_steps=2000)
    ema.update(state(1.0))
    decay = 0.999 * (1 - math.exp(-1 / 2000))
    assert ema.current_decay() == decay < 0.001
    torch.testing.assert_close(ema.state["w"], torch.full((2,), 1 - decay))


def test_integer_buffers_keep_their_first_value() -> None:
    ema = Ema(state(3.0), decay=0.9)
    ema.update(state(8.0))
    assert int(ema.state["bn.num_batches_tracked"]) == 3


def test_only_what_is_included_is_averaged_and_the_model_is_not_aliased() -> None:
    model = state(1.0) | {"centerpoint.w": torch.ones(2)}
    ema = Ema(model, decay=0.9, include=lambda name: not name.startswith("centerpoint."))
    model["w"] += 1
    assert set(ema.state) == {"w", "bn.num_batches_tracked"}
    assert ema.state["w"].tolist() == [1.0, 1.0]


def test_goes_on_from_a_checkpoint() -> None:
    first, second = Ema(state(0.0), decay=0.9), Ema(state(5.0), decay=0.9)
    first.update(state(1.0))
    second.load_state_dict(first.state_dict())
    for ema in (first, second):
        ema.update(state(2.0))
    assert first.updates == second.updates == 2
    assert torch.equal(first.state["w"], second.state["w"])

"""Recorded: the release's EMA callback, with its counter as set before training and with a working ramp."""

from collections.abc import Iterator

from torch import Tensor

from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison
from labeldistill.training.ema import Ema

DECAY = 0.999
PREFIX = "model."


@case("10_ema.pt")
def ema(golden: GoldenFolder) -> Iterator[Comparison]:
    """Averages, counter and decay after every step, and the state of the written checkpoint, in every recording."""
    for name, recorded in golden.load("10_ema.pt").items():
        if not isinstance(recorded, dict):
            continue
        ours = Ema(recorded["start"], decay=DECAY, updates=recorded["len_updates"])
        for number, step in enumerate(recorded["sequence"]):
            ours.update(step["model"])
            where = f"{name}[{number}]"
            yield compare.exact(f"{where} updates", ours.updates, step["updates"])
            yield compare.loss(f"{where} decay", ours.current_decay(), step["decay"])
            yield from _states(where, ours.state, step["ema"])
        if "checkpoint" in recorded:
            saved = recorded["checkpoint"]["state_dict"]
            yield from _states(f"{name} checkpoint", {PREFIX + k: v for k, v in ours.state.items()}, saved)


def _states(where: str, ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> Iterator[Comparison]:
    yield compare.exact(f"{where} names", sorted(ours), sorted(theirs))
    for key, value in theirs.items():
        check = compare.output if value.is_floating_point() else compare.exact
        yield check(f"{where} {key}", ours[key], value)

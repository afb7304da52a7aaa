"""The sets of weights in a checkpoint file: raw, EMA or unnamed; none of several is ever chosen silently."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from labeldistill.errors import InputError

WeightsName = Literal["raw", "ema"]

STATE_ENTRIES = ("state_dict", "model_state_dict", "model")
"""Keys under which training code stores the state dict of a checkpoint, the most common first."""
EMA_ENTRIES = ("ema_state_dict", "state_dict_ema", "model_ema", "ema_weights", "ema")
TRAINING_ENTRIES = ("optimizer_states", "optimizer", "callbacks", "pytorch-lightning_version", "loops")
"""Keys that only training loops write: the state dict beside them holds the trained, raw weights."""
AVERAGED = ("current_model_state", "averaging_state")
"""Lightning's WeightAveraging writes these beside a `state_dict` that then holds the average."""
MMCV_EMA = "ema_"
"""mmcv's EMAHook keeps its copy of parameter `a.b` as the buffer `ema_a_b` of the same state dict."""
SWAPPED = (
    "mmcv's EMAHook swaps the parameters with its `ema_*` buffers before it saves at the end of an epoch; in such a "
    "file `raw` (the plain names) is the average and `ema` (the buffers) what was trained"
)


@dataclass(frozen=True)
class WeightSet:
    """One state dict of a file.

    Attributes:
        name: kind of weights according to the file; None if it does not say.
        entry: dotted path in the file; None if the file is the state dict.
        state: the state dict.
        note: what users should know.
    """

    name: WeightsName | None
    entry: str | None
    state: Mapping[str, Any]
    note: str = ""


def weight_sets(loaded: Mapping[str, Any], file: Path) -> list[WeightSet]:
    """Every set of weights of a checkpoint.

    Raises:
        InputError: none, or several with the same name; the message names the entries.
    """
    if all(isinstance(loaded.get(entry), Mapping) for entry in AVERAGED):
        return [
            WeightSet("raw", AVERAGED[0], loaded[AVERAGED[0]]),
            WeightSet("ema", STATE_ENTRIES[0], loaded[STATE_ENTRIES[0]]),
        ]
    plain = _plain(loaded)
    averages = [*_named_averages(loaded), *_callback_averages(loaded)]
    if len(averages) > 1:
        places = " and ".join(str(each.entry) for each in averages)
        raise InputError(f"holds several averages ({places}); save the one that is meant alone", file=file)
    if plain is None:
        return averages
    buffers = _mmcv_average(plain)
    if buffers is not None:
        averages.append(buffers)
        plain = _without_buffers(plain)
    if averages and plain.name is None:
        plain = WeightSet("raw", plain.entry, plain.state)
    return [plain, *averages]


def chosen(sets: list[WeightSet], which: WeightsName | None, file: Path) -> WeightSet:
    """The set that is asked for.

    Args:
        sets: sets in the file.
        which: the set that is asked for; None: the only one.
        file: the file, for the message.

    Raises:
        InputError: several without a choice, or the chosen one is missing.
    """
    there = " and ".join(f"{s.name or 'unnamed'} weights ({s.entry or 'the file itself'})" for s in sets)
    if not sets:
        raise InputError("holds no state dict", file=file)
    if which is None:
        if len(sets) > 1:
            raise InputError(f"holds {there}; say which: --weights raw or --weights ema", file=file, key="--weights")
        return sets[0]
    found = next((s for s in sets if s.name in (which, None)), None)
    if found is None:
        raise InputError(f"holds no {which} weights, but {there}", file=file, key="--weights")
    return found


def is_state_dict(value: Any) -> bool:
    """Whether a value is a mapping that holds tensors under dotted names."""
    return isinstance(value, Mapping) and any("." in str(k) and isinstance(v, Tensor) for k, v in value.items())


def _plain(loaded: Mapping[str, Any]) -> WeightSet | None:
    """The state dict in its usual place; it is raw if a training loop wrote the file."""
    entry = next((name for name in STATE_ENTRIES if isinstance(loaded.get(name), Mapping)), None)
    if entry is not None:
        trained = any(name in loaded for name in TRAINING_ENTRIES)
        return WeightSet("raw" if trained else None, entry, loaded[entry])
    return WeightSet(None, None, loaded) if any(isinstance(value, Tensor) for value in loaded.values()) else None


def _named_averages(loaded: Mapping[str, Any]) -> Iterator[WeightSet]:
    for entry in EMA_ENTRIES:
        for place, state in _states(loaded.get(entry), entry):
            yield WeightSet("ema", place, state)


def _callback_averages(loaded: Mapping[str, Any]) -> Iterator[WeightSet]:
    callbacks = loaded.get("callbacks")
    for name, state in callbacks.items() if isinstance(callbacks, Mapping) else ():
        for place, found in _states(state, f"callbacks.{name}"):
            if "ema" in place.lower() or "averag" in place.lower():
                yield WeightSet("ema", place, found)


def _states(value: Any, place: str, depth: int = 3) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """State dicts in a value or in its mappings, with their dotted places."""
    if is_state_dict(value):
        yield place, value
    elif isinstance(value, Mapping) and depth:
        for name, inner in value.items():
            yield from _states(inner, f"{place}.{name}", depth - 1)


def _mmcv_average(plain: WeightSet) -> WeightSet | None:
    buffers = _buffers_of(plain.state)
    if not buffers:
        return None
    state = {name: plain.state[buffers.get(name, name)] for name in plain.state if name not in buffers.values()}
    return WeightSet("ema", f"{plain.entry}: {MMCV_EMA}*" if plain.entry else f"{MMCV_EMA}*", state, SWAPPED)


def _without_buffers(plain: WeightSet) -> WeightSet:
    copies = set(_buffers_of(plain.state).values())
    state = {name: value for name, value in plain.state.items() if name not in copies}
    return WeightSet("raw", plain.entry, state, SWAPPED)


def _buffers_of(state: Mapping[str, Any]) -> dict[str, str]:
    """Parameter -> the name of its EMA buffer, for every parameter that has one."""
    found: dict[str, str] = {}
    for name in state:
        parent = name.partition(".")[0] + "."
        bare = name.removeprefix(parent)
        for buffer in (f"{MMCV_EMA}{name.replace('.', '_')}", f"{parent}{MMCV_EMA}{bare.replace('.', '_')}"):
            if buffer in state:
                found[name] = buffer
    return found

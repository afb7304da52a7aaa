"""Mutations of a sound file, and what a reader may do with one: give its result or a message, within five seconds.

Nothing is written outside the file's folder, no pickle is loaded, no process started (`fuzz_watch`).
"""

import copy
import random
import time
from pathlib import Path
from typing import Any

from fuzz_targets import Target, targets

from labeldistill.errors import LabelDistillError

__all__ = ["Target", "attacked", "mutated", "targets"]

LONGEST_S = 5.0
ODD = (
    b"NaN",
    b"Infinity",
    b"1e400",
    b"-1",
    b"null",
    b"{}",
    b"[]",
    b'""',
    b"9" * 400,
    b"\x00",
    b"\xff\xfe",
    b"\xff\xc0",
    b"\xff\xff\xff\xff",
    b"&a [*a]",
    b"<<: *a",
    b"!!python/name:os.system",
    b"cos\nsystem\n(S'true'\ntR.",
    b"[" * 2000,
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    3,
    2**63,
    1e308,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "x" * 5000,
    "../../x",
    "\ud800",
    "\x00",
    [],
    {},
    [[]],
    [None],
    {"": {}},
    {"a": 1},
)


def mutated(target: Target, rng: random.Random) -> bytes:
    """Another file of a target: bytes changed, or one value of its tree."""
    if target.tree is None or rng.random() < 0.4:
        return changed(target.sound, rng)
    tree = copy.deepcopy(target.tree)
    for _ in range(rng.choice((1, 1, 1, 2))):
        _change_a_value(tree, rng)
    try:
        return target.built(tree)
    except Exception:  # what no library would write: bytes, then
        return changed(target.sound, rng)


def changed(sound: bytes, rng: random.Random) -> bytes:
    """Some of the bytes flipped, cut, doubled or replaced by odd ones."""
    data = bytearray(sound)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            del data[at : at + rng.randrange(1, 64)]
        elif kind == 3:
            data[at:at] = rng.choice(ODD)
        elif kind == 4:
            data[at : at + 8] = rng.randbytes(8)
        else:
            data[at:at] = data[max(0, at - 40) : at] * rng.choice((1, 2, 200))
    return bytes(data)


def _change_a_value(tree: Any, rng: random.Random) -> None:
    node = tree
    while keys := list(node) if isinstance(node, dict) else list(range(len(node))):
        key = rng.choice(keys)
        if isinstance(node[key], (dict, list)) and node[key] and rng.random() < 0.85:
            node = node[key]
            continue
        kind = rng.random()
        if kind < 0.15:
            del node[key]
        elif isinstance(node[key], bytes):
            node[key] = changed(node[key], rng)
        elif kind < 0.3 and isinstance(node, list):
            node.insert(key, copy.deepcopy(node[rng.choice(keys)]))
        elif kind < 0.3:
            node[rng.choice(("", "x", str(key).upper(), "run_key"))] = node[key]
        else:
            node[key] = rng.choice(VALUES)
        return


def attacked(target: Target, data: bytes, folder: Path) -> str:
    """What a reader does wrong with a file, in words; empty where it reads it or says what is wrong with it."""
    file = folder / target.name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    start = time.process_time()  # seconds of this process: other work on the machine counts for nothing
    try:
        target.read(file)
    except LabelDistillError as error:
        if not str(error).strip():
            return "an empty message"
    except Exception as error:  # the finding that is looked for
        return f"{type(error).__name__}: {error}"[:200]
    took = time.process_time() - start
    return f"took {took:.1f} s" if took > LONGEST_S else ""

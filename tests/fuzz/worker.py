"""One reader under attack in a process of its own, which may crash or hang: `__main__` looks after it."""

import argparse
import json
import mmap
import os
import random
import time
from pathlib import Path

from fuzz_watch import ALLOWANCE, Watch, forget_peak, memory
from fuzzing import Target, attacked, mutated, targets

BATCH = 100


def data_of(target: Target, name: str, seed: int, number: int) -> bytes:
    """The input of a number: the same in every process."""
    return mutated(target, random.Random(f"{seed}/{name}/{number}"))


class Attack:
    """A reader and what is seen of it.

    Args:
        name: of the target.
        seed: of all its inputs.
        scratch: a folder for this process.
    """

    def __init__(self, name: str, seed: int, scratch: Path) -> None:
        self.name, self.seed, self.folder = name, seed, scratch / "read"
        self.target = targets(scratch / "sound")[name]
        self.folder.mkdir()
        for _ in range(3):  # what a reader imports and allocates once
            assert attacked(self.target, self.target.sound, self.folder) == ""
        self.watch = Watch(scratch)

    def one(self, number: int) -> tuple[bytes, str]:
        """An input and what the reader did wrong with it."""
        data = data_of(self.target, self.name, self.seed, number)
        self.watch.armed = True
        what = attacked(self.target, data, self.folder)
        self.watch.armed = False
        return data, what or self.watch.taken()

    def hungry(self, numbers: range) -> int | None:
        """The input of a batch that takes too much memory, if it does so again when it is alone."""
        for number in numbers:
            forget_peak()
            before, _ = memory()
            self.one(number)
            if memory()[1] - before > ALLOWANCE:
                return number
        return None


def main() -> None:
    """Attack; a finding is a line of JSON, the number of the input at work stands in the file `--progress`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    for option in ("--seed", "--first", "--last"):
        parser.add_argument(option, type=int, required=True)
    for option in ("--scratch", "--progress"):
        parser.add_argument(option, type=Path, required=True)
    asked = parser.parse_args()
    os.chdir(asked.scratch)
    attack, start = Attack(asked.name, asked.seed, asked.scratch), time.process_time()
    with asked.progress.open("r+b") as stream, mmap.mmap(stream.fileno(), 8) as progress:
        for first in range(asked.first, asked.last, BATCH):
            batch = range(first, min(first + BATCH, asked.last))
            forget_peak()
            before, _ = memory()
            for number in batch:
                progress[:] = number.to_bytes(8, "little")
                _, what = attack.one(number)
                if what:
                    print(json.dumps({"number": number, "what": what}), flush=True)
            if memory()[1] - before > ALLOWANCE and (number := attack.hungry(batch)) is not None:
                print(json.dumps({"number": number, "what": f"more than {ALLOWANCE >> 20} MiB"}), flush=True)
        progress[:] = asked.last.to_bytes(8, "little")
    print(json.dumps({"seconds": time.process_time() - start}), flush=True)


if __name__ == "__main__":
    main()

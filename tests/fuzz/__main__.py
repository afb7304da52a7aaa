"""`PYTHONPATH=tests/support python -m tests.fuzz --inputs 1000000`: attack every reader, keep what fails."""

import argparse
import hashlib
import random
import tempfile
import time
from pathlib import Path

from fuzzing import attacked, mutated, targets

CORPUS = Path(__file__).parent / "corpus"


def main() -> int:
    """Run; the exit code is 1 where a reader failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append")
    asked = parser.parse_args()
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        every = targets(Path(scratch) / "sound")
        names = asked.target or list(every)
        start = time.monotonic()
        for number in range(asked.inputs):
            name = names[number % len(names)]
            data = mutated(every[name], random.Random(f"{asked.seed}/{number}"))
            if (what := attacked(every[name], data, Path(scratch) / name)) and what not in failures:
                failures[what] = name
                CORPUS.mkdir(exist_ok=True)
                (CORPUS / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
                print(f"{name}: {what}", flush=True)
            if number % 10_000 == 9_999:
                print(f"{number + 1} inputs, {(number + 1) / (time.monotonic() - start):.0f}/s", flush=True)
    print(f"{asked.inputs} inputs, {len(failures)} kinds of failure")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

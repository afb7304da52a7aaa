"""`PYTHONPATH=tests/support python -m tests.fuzz --inputs 1000000`: attack every reader, keep what fails."""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from fuzzing import Target, targets

from tests.fuzz.worker import data_of

CORPUS = Path(__file__).parent / "corpus"
HANGS_S = 20.0
"""A process that computes for so long at one input is killed."""
SLEEPS_S = 300.0
"""So is one that does not compute at all for so long."""


@dataclass
class Story:
    """What happened to one reader."""

    name: str
    target: Target
    seed: int
    inputs: int = 0
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    def keep(self, number: int, what: str) -> None:
        """Keep the first input of each kind of failure."""
        if what in self.failures:
            return
        data = data_of(self.target, self.name, self.seed, number)
        self.failures[what] = f"{self.name}-{hashlib.sha256(data).hexdigest()[:12]}"
        CORPUS.mkdir(exist_ok=True)
        (CORPUS / self.failures[what]).write_bytes(data)
        print(f"{self.name} {number}: {what}", flush=True)


def attack(story: Story, inputs: int) -> None:
    """Attack one reader; a process that crashes or hangs is followed by another, which goes on behind that input."""
    first = 0
    while first < inputs:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            progress = Path(folder) / "progress"
            progress.write_bytes(bytes(8))
            first = _worker(story, Path(folder), first, inputs)
    story.inputs = inputs


def _worker(story: Story, folder: Path, first: int, last: int) -> int:
    (folder / "scratch").mkdir()
    words = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.worker", story.name, "--seed", str(story.seed)]
    words += [
        "--first",
        str(first),
        "--last",
        str(last),
        "--scratch",
        str(folder / "scratch"),
        "--progress",
        str(folder / "progress"),
    ]
    with (folder / "said").open("w+") as said, (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(words, stdout=said, stderr=errors)
        hung = _waited(process, folder / "progress")
        for line in _lines(folder / "said"):
            if "number" in line:
                story.keep(line["number"], line["what"])
            story.seconds += line.get("seconds", 0.0)
    at = int.from_bytes((folder / "progress").read_bytes(), "little")
    if process.returncode == 0:
        return last
    if process.returncode > 0:
        raise SystemExit((folder / "errors").read_text()[-2000:])
    story.keep(at, f"no answer for {HANGS_S:.0f} s" if hung else f"crash by signal {-process.returncode}")
    stack = [line for line in (folder / "errors").read_text().splitlines() if line.startswith("  File")]
    print("\n".join(stack[:12]), flush=True)
    return at + 1


def _waited(process: subprocess.Popen[bytes], progress: Path) -> bool:
    """Wait for a process; whether it had to be killed because it hangs."""
    at, computed, since = b"", 0.0, time.monotonic()
    watched = psutil.Process(process.pid)
    while True:
        try:
            process.wait(timeout=2)
            return False
        except subprocess.TimeoutExpired:
            now, seconds = progress.read_bytes(), sum(watched.cpu_times()[:2])
            if now != at:
                at, computed, since = now, seconds, time.monotonic()
            elif seconds - computed > HANGS_S or time.monotonic() - since > SLEEPS_S:
                process.kill()
                process.wait()
                return True


def _lines(file: Path) -> Iterator[dict]:  # type: ignore[type-arg]
    for line in file.read_text().splitlines():
        if line.startswith("{") and line.endswith("}"):
            yield json.loads(line)


def main() -> int:
    """Run; the exit code is 1 where a reader failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = targets(Path(folder) / "sound")
        names = asked.target or list(every)
        share = asked.inputs / sum(1 / every[name].slow for name in names)
        stories = [Story(name, every[name], asked.seed) for name in names]
        for story in stories:
            attack(story, round(share / story.target.slow))
            speed = story.inputs / max(story.seconds, 1e-9)
            row = f"| {story.name} | {story.inputs:,} | {story.seconds:.0f} | {speed:,.0f} | {len(story.failures)} |"
            print(row, flush=True)
    total, kinds = sum(story.inputs for story in stories), sum(len(story.failures) for story in stories)
    print(f"| all | {total:,} | {sum(s.seconds for s in stories):.0f} | | {kinds} |")
    return 1 if kinds else 0


if __name__ == "__main__":
    raise SystemExit(main())

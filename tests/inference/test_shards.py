"""Batches dealt out to processes: each once, in order; the first failure ends all, and none outlives its parent."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sleeping_share import Sleeper

from labeldistill.errors import LabelDistillError
from labeldistill.inference.shards import Share, in_shares, interleaved


@given(st.integers(0, 40), st.integers(1, 9), st.integers(1, 6))
def test_every_sample_is_in_one_batch_and_order_comes_back(samples: int, size: int, processes: int) -> None:
    alone = Share().batches(samples, size)
    shares = [Share(rank, processes).batches(samples, size) for rank in range(processes)]
    assert interleaved(shares) == alone
    assert [index for batch in alone for index in batch] == list(range(samples))


@pytest.mark.parametrize("sizes", [(1, 2), (3, 1), (2, 2, 0)])
def test_a_share_with_lost_or_repeated_batches_is_noticed(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not dealt out"):
        interleaved([[0] * size for size in sizes])


@pytest.mark.parametrize("rank", [0, 1])  # which is which process is not said: the last one's end is noticed too
@pytest.mark.parametrize(
    ("failure", "message"), [("input", r"^image.jpg: is cut short$"), ("killed", "one of 2 processes was killed")]
)
def test_the_first_failure_ends_all_and_is_told_as_it_was(failure: str, message: str, rank: int) -> None:
    start = time.monotonic()
    with pytest.raises(LabelDistillError, match=message):
        in_shares(Sleeper(failure, rank), 2)
    assert time.monotonic() - start < 100


def test_helpers_end_with_a_killed_parent() -> None:
    script = Path(__file__).parents[1] / "support" / "sleeping_share.py"
    with subprocess.Popen([sys.executable, str(script)]) as parent:
        watched = psutil.Process(parent.pid)
        helpers: list[psutil.Process] = []
        while len(helpers) < 2:  # the two, without multiprocessing's resource tracker
            assert parent.poll() is None
            time.sleep(0.2)
            helpers = [p for p in watched.children() if "spawn_main" in " ".join(p.cmdline())]
        time.sleep(3)  # into their work
        parent.kill()
    _, alive = psutil.wait_procs(helpers, timeout=60)
    assert not alive

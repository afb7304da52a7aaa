"""Dividing the batches of a split among processes of this machine, one per device, and merging their results.

Whole batches are dealt out in turn, so what is computed from a batch does not depend on the number of processes.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from multiprocessing.connection import Connection
from typing import TypeVar

from labeldistill.errors import LabelDistillError

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """Process `rank` of `processes`: its batches are number rank, rank + processes, ..."""

    rank: int = 0
    processes: int = 1

    def batches(self, samples: int, size: int) -> list[list[int]]:
        """Indices of its batches of up to `size` samples; over all shares, each of `samples` occurs once."""
        starts = range(0, samples, size)[self.rank :: self.processes]
        return [list(range(start, min(start + size, samples))) for start in starts]


def in_shares(work: Callable[[Share], list[T]], processes: int) -> list[T]:
    """Do `work` (one result per batch; picklable if processes > 1) for every share; returns results in batch order.

    The first failure ends the other processes, and so does the end of this one.

    Raises:
        LabelDistillError: raised by `work`, or a process was killed.
    """
    if processes == 1:
        return work(Share())
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_end_when_closed, initargs=(receiver,)) as pool:
        try:
            running = [pool.submit(work, Share(rank, processes)) for rank in range(processes)]
            # The pool only watches processes that existed when it last looked, and each is started by submitting its
            # share: one more submission makes it look when all exist. Otherwise it notices the end of the last one too
            # late.
            pool.submit(int)
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            for ended in done:
                ended.result()
            return interleaved([share.result() for share in running])
        except BrokenProcessPool as error:
            raise LabelDistillError(f"one of {processes} processes was killed (out of memory?)") from error
        finally:
            sender.close()


def interleaved(shares: Sequence[Sequence[T]]) -> list[T]:
    """Results of all batches in order, from those of each share.

    Raises:
        ValueError: a share cannot have this number of results.
    """
    sizes = [len(share) for share in shares]
    if sizes != sorted(sizes, reverse=True) or sizes[0] - sizes[-1] > 1:
        raise ValueError(f"shares of {sizes} batches were not dealt out in turn")
    missing = object()
    return [result for turn in zip_longest(*shares, fillvalue=missing) for result in turn if result is not missing]  # type: ignore[misc]


def _end_when_closed(receiver: Connection) -> None:
    """End this process when the other end is closed, on purpose or because the process holding it has ended."""

    def listen() -> None:
        with suppress(EOFError, OSError):
            receiver.recv()
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()

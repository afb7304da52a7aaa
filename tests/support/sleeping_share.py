"""Work for several processes that takes long except in the first share; imports nothing heavy. As a script, it runs."""

import os
import signal
import time
from dataclasses import dataclass

from labeldistill.errors import InputError
from labeldistill.inference.shards import Share, in_shares


@dataclass(frozen=True)
class Sleeper:
    """`failure`: what share `rank` does: "input" (an error of the user's), "killed", or "" (sleep as the others)."""

    failure: str = ""
    rank: int = 0

    def __call__(self, share: Share) -> list[int]:
        if share.rank == self.rank and self.failure == "input":
            raise InputError("is cut short", file="image.jpg")
        if share.rank == self.rank and self.failure == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(120)
        return []


if __name__ == "__main__":
    in_shares(Sleeper(), 2)

"""The processes of a training: one for each device of this machine, joined with those of other machines.

The first one runs the command that was typed and starts the helpers with the same command and a LOCAL_RANK; a launcher
such as torchrun that has set LOCAL_RANK has started them already.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from labeldistill.errors import LabelDistillError
from labeldistill.training.devices import Accelerator, local_rank, node_rank
from labeldistill.training.stopping import Interrupted

SILENCE = timedelta(minutes=30)
"""A process that waits longer for the others gives up."""
_LOOK_S = 1.0
_GRACE_S = 10.0
"""Between a helper's failure and the end of this process: time to fail by itself, with a better message."""


@contextmanager
def joined(accelerator: Accelerator, devices: int, nodes: int) -> Iterator[torch.device]:
    """Meet the run's other processes; the helpers have ended when the block is left, and are killed if it fails.

    Args:
        accelerator: of every process.
        devices: processes on each machine.
        nodes: machines.

    Yields:
        This process's device.

    Raises:
        LabelDistillError: a helper failed and this process noticed; the helper has said why on stderr.
    """
    device = torch.device("cpu") if accelerator == "cpu" else torch.device("cuda", local_rank())
    if accelerator == "cuda":
        torch.cuda.set_device(device)
    if devices * nodes == 1:
        yield device
        return
    helpers = _Helpers()
    try:
        if "LOCAL_RANK" not in os.environ:
            helpers.start(devices, devices * nodes)
        dist.init_process_group(
            "nccl" if accelerator == "cuda" else "gloo",
            timeout=SILENCE,
            rank=node_rank() * devices + local_rank(),
            world_size=devices * nodes,
        )
        yield device
    except Interrupted:
        helpers.wait()  # they were asked to stop in the same step
        raise
    except Exception as error:
        if code := helpers.failed(within_s=_LOOK_S):
            raise LabelDistillError(_said(code)) from error
        raise
    else:
        helpers.wait()
        if accelerator == "cuda":  # gloo's destructor can hang: it joins threads that need the GIL
            dist.destroy_process_group()
    finally:
        helpers.end()


def _said(code: int) -> str:
    return f"a process of another device ended with exit code {code}; the same command goes on from the last checkpoint"


class _Helpers:
    """Processes for the other devices of this machine; none where something else has started them."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._over = threading.Event()

    def start(self, devices: int, world: int) -> None:
        """Start this command again for every other device, and watch over it."""
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        if "MASTER_PORT" not in os.environ:
            os.environ["MASTER_PORT"] = str(_free_port())
        command = [sys.executable, *sys.orig_argv[1:]]
        common = {**os.environ, "WORLD_SIZE": str(world)}
        for rank in range(1, devices):
            self._processes.append(subprocess.Popen(command, env={**common, "LOCAL_RANK": str(rank)}))
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """End everything some seconds after a helper failed: on a GPU the others would wait for it without end."""
        code = None
        while not code and not self._over.wait(_LOOK_S):
            code = self.failed()
        if code and not self._over.wait(_GRACE_S):
            print(f"labeldistill: {_said(code)}", file=sys.stderr, flush=True)
            self.end()
            os._exit(1)

    def failed(self, within_s: float = 0.0) -> int | None:
        """Exit code of the first helper that ended badly, looked for until `within_s` seconds have passed."""
        until = time.monotonic() + within_s
        while True:
            codes = [process.poll() for process in self._processes]
            if bad := [code for code in codes if code]:
                return bad[0]
            if time.monotonic() >= until or None not in codes:
                return None
            time.sleep(0.05)

    def wait(self) -> None:
        """Until all have ended by themselves."""
        for process in self._processes:
            process.wait()

    def end(self) -> None:
        """Nobody watches any more, and nothing is left running."""
        self._over.set()
        for process in self._processes:
            process.kill()
        self.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])

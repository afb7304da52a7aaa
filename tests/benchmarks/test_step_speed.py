"""A training step and its parts, each new way against the old one in one run on one thread, in processor time.

pytest tests/benchmarks -k step --benchmark-only -s
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest
import torch
from torch import Tensor

from labeldistill.checks.dry_run import Places, prepare
from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.models.centre_head.head import CentreHead
from labeldistill.models.sparse_encoder import SparseEncoder
from labeldistill.training.schedule import run_length
from labeldistill.training.step import TrainingStep

REPEATS = 7
ENCODER = ((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def in_turn(*works: Callable[[], object]) -> list[float]:
    """Median processor milliseconds of each piece of work; one after the other, so that all see the same machine."""
    found: list[list[float]] = [[] for _ in works]
    for repeat in range(REPEATS + 1):
        for work, seconds in zip(works, found, strict=True):
            start = time.process_time()
            work()
            if repeat:
                seconds.append(time.process_time() - start)
    return [1e3 * median(seconds) for seconds in found]


def told(capsys: pytest.CaptureFixture[str], benchmark: Any, names: list[str], milliseconds: list[float]) -> None:
    benchmark.extra_info |= dict(zip(names, milliseconds, strict=True))
    rows = ", ".join(f"{name} {ms:.1f} ms" for name, ms in zip(names, milliseconds, strict=True))
    with capsys.disabled():
        print(f"\n{rows}: {milliseconds[1] / milliseconds[0]:.2f} x")


def mini_step(variant: str) -> Callable[[], object]:
    """One step of `mini` on made-up key frames; its points fill space, so that teachers cost more than in the study."""
    job = prepare(run_settings(load_study("mini"), "student", variant, 0), Places(), batch=2, device="cpu").job
    job.model.train()
    step = TrainingStep(job, run_length(job.training, len(job.items), 1), "32-true")
    batch = job.items.collate([job.items.item(0, index) for index in range(2)]).to(torch.device("cpu"))
    return lambda: step(0, [batch])


@pytest.mark.benchmark(group="step")
def test_whole_step(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [mini_step(variant) for variant in ("baseline", "full")]
    told(capsys, benchmark, ["step of mini, baseline", "full"], benchmark.pedantic(lambda: in_turn(*steps), rounds=1))


@pytest.mark.benchmark(group="step")
def test_heads_of_step(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    head, x = CentreHead(32, 32, 16), torch.randn(2, 32, 32, 32, requires_grad=True)

    def separate() -> list[Tensor]:
        shared = head.shared_conv(x)
        return [task.get_submodule(name)(shared) for task in head.task_heads for name in task.branches]

    def joined() -> list[Tensor]:
        return [value for maps in head(x) for value in maps.values()]

    def trained(forward: Callable[[], list[Tensor]]) -> Callable[[], object]:
        return lambda: torch.cat(forward(), 1).square().sum().backward()

    found = benchmark.pedantic(lambda: in_turn(trained(joined), trained(separate)), rounds=1)
    told(capsys, benchmark, ["36 branches of mini's head, forward and backward, joined", "one by one"], found)


@pytest.mark.benchmark(group="step")
def test_optimiser_of_step(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    job = prepare(run_settings(load_study("mini"), "student", "baseline", 0), Places(), batch=2, device="cpu").job
    parameters = list(job.model.parameters())
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    ways = [torch.optim.AdamW(parameters, fused=fused).step for fused in (True, False)]
    told(capsys, benchmark, ["AdamW, fused", "one by one"], benchmark.pedantic(lambda: in_turn(*ways), rounds=1))


@pytest.mark.benchmark(group="step")
def test_sparse_encoder_of_step(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The released encoder on 20,000 voxels in clusters; both backends, the second being what GPUs use."""
    torch.manual_seed(0)
    shape = (41, 512, 512)
    centres = torch.rand(200, 1, 3) * torch.tensor(shape)
    cells = (centres + torch.randn(200, 200, 3) * torch.tensor([1.5, 4.0, 4.0])).flatten(0, 1).long()
    cells = cells[((cells >= 0) & (cells < torch.tensor(shape))).all(1)].unique(dim=0)[:20_000]
    coordinates = torch.nn.functional.pad(cells, (1, 0))
    features, encoder = torch.randn(len(cells), 5), SparseEncoder(5, shape, ENCODER, 128)

    def trained(backend: str) -> Callable[[], object]:
        def work() -> None:
            for module in encoder.modules():
                if hasattr(module, "backend"):
                    module.backend = backend
            encoder(features, coordinates, 1).sum().backward()

        return work

    ways = [trained("reference"), trained("gathered")]
    found = benchmark.pedantic(lambda: in_turn(*ways), rounds=1)
    told(capsys, benchmark, [f"encoder, {len(cells)} voxels, rulebook", "one product a layer"], found)

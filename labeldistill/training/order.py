"""The key frames of each micro-batch of each process: a pure function of (seed, epoch, step, rank)."""

from collections.abc import Iterator

import torch

from labeldistill.training.schedule import Length
from labeldistill.training.seeding import derived_seed

Key = tuple[int, int, int]
"""Epoch, index and draw of an item; its augmentation is seeded from (seed, epoch, draw)."""


def epoch_order(seed: int, epoch: int, samples: int) -> list[int]:
    """The shuffled indices of one epoch."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "order", epoch))
    return torch.randperm(samples, generator=generator).tolist()


class MicroBatches:
    """Batch sampler: keys of every micro-batch that process `rank` sees from optimiser step `start` to the end.

    A step takes the next `batch` indices of its epoch; they are dealt out to micro-batches, then to processes, so
    that any number of processes trains on the same key frames in the same step. A split smaller than the batch is
    repeated.
    """

    def __init__(
        self, length: Length, seed: int, *, rank: int = 0, world: int = 1, start: int = 0, same_draws: bool = False
    ) -> None:
        """Build the sampler of one process.

        Args:
            length: size of the run.
            seed: seed of the run.
            rank: number of the process, from 0.
            world: number of processes.
            start: first optimiser step.
            same_draws: every device, and every micro-batch that stands for one, draws the augmentations that the first
                one draws (switch `device_draws`, released); otherwise each key frame draws its own.
        """
        self.same_draws = same_draws
        self.length, self.seed, self.rank, self.world, self.start = length, seed, rank, world, start

    def __len__(self) -> int:
        return (self.length.steps - self.start) * self.length.accumulation

    def __iter__(self) -> Iterator[list[Key]]:
        order: list[int] = []
        known = -1
        for step in range(self.start, self.length.steps):
            epoch, position = divmod(step, self.length.steps_per_epoch)
            if epoch != known:
                order, known = self._order(epoch), epoch
            chosen = order[position * self.length.batch : (position + 1) * self.length.batch]
            yield from self._dealt(epoch, chosen)

    def _order(self, epoch: int) -> list[int]:
        order = epoch_order(self.seed, epoch, self.length.samples)
        repeats = -(-self.length.batch // len(order))
        return order * repeats

    def _dealt(self, epoch: int, indices: list[int]) -> Iterator[list[Key]]:
        size = self.length.batch_per_device
        for micro in range(self.length.accumulation):
            first = (micro * self.world + self.rank) * size
            own = indices[first : first + size]
            yield [(epoch, *pair) for pair in zip(own, indices[:size] if self.same_draws else own, strict=True)]

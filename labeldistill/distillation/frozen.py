"""Teachers that are not trained: no gradient for good, and the mode that the release leaves them in."""

from torch import nn


def freeze(module: nn.Module) -> None:
    """Take every parameter out of training."""
    module.requires_grad_(False)


def set_frozen_mode(module: nn.Module, mode: bool, *, follow: bool) -> None:
    """Mode of a frozen teacher when its owner is set to `mode` (True: training).

    Args:
        module: the teacher.
        mode: the owner's new mode.
        follow: the teacher follows, so that in training its BatchNorm layers use and update batch statistics
            (released switch `teacher_mode`: Lightning puts the whole module back into train mode); otherwise it
            stays in eval mode.
    """
    module.train(mode and follow)

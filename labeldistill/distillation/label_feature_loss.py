"""Term `label_feature`: the student's label group against the label encoder's features (paper 3.4)."""

from collections.abc import Sequence

from torch import Tensor

from labeldistill.distillation.feature_distance import feature_distance, object_masks


def label_feature_loss(adapted: Sequence[Tensor], label: Sequence[Tensor], heatmaps: Sequence[Tensor]) -> Tensor:
    """Squared error over every cell that a ground-truth heatmap reaches, all alike; a scalar.

    Args:
        adapted: adapted label group, [B, C_i, h_i, w_i] a scale.
        label: the label encoder's features, the same shapes.
        heatmaps: ground truth, one [B, classes, H, W] a task.
    """
    sizes = [(x.shape[-2], x.shape[-1]) for x in label]
    masks = object_masks(heatmaps, sizes, summed=True)
    return feature_distance(adapted, label, [(mask > 0).float() for mask in masks])

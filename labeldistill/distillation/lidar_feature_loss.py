"""Term `lidar_feature`: the student's LiDAR group against the teacher's SECOND features (paper 3.4)."""

from collections.abc import Sequence

from torch import Tensor

from labeldistill.distillation.feature_distance import feature_distance, object_masks


def lidar_feature_loss(
    adapted: Sequence[Tensor], teacher: Sequence[Tensor], heatmaps: Sequence[Tensor], *, summed_mask: bool
) -> Tensor:
    """Squared error weighted by the ground-truth heatmaps; a scalar.

    Args:
        adapted: adapted LiDAR group, [B, C_i, h_i, w_i] a scale.
        teacher: the teacher's features, the same shapes.
        heatmaps: ground truth, one [B, classes, H, W] a task.
        summed_mask: see `object_masks` (switch `feature_mask`).
    """
    sizes = [(x.shape[-2], x.shape[-1]) for x in teacher]
    return feature_distance(adapted, teacher, object_masks(heatmaps, sizes, summed=summed_mask))

"""Names and units that a reader meets on a page, for what tables and files call by short keys."""

from labeldistill.config.metrics import METRICS

_METRICS = {
    "mAP": "mean average precision",
    "NDS": "nuScenes detection score",
    "mATE": "translation error",
    "mASE": "scale error",
    "mAOE": "orientation error",
    "mAVE": "velocity error",
    "mAAE": "attribute error",
}
_MEASURED = {
    "train_samples_per_s": "training speed (samples/s)",
    "train_step_median_ms": "training step, median (ms)",
    "train_loader_ms": "loading a training batch (ms)",
    "train_waiting_for_data_percent": "waiting for data (%)",
    "train_forward_ms": "forward pass (ms)",
    "train_backward_ms": "backward pass (ms)",
    "train_optimizer_ms": "optimiser (ms)",
    "loader_samples_per_s": "loader alone (samples/s)",
    "inference_samples_per_s": "inference (samples/s)",
    "latency_voxels_ms": "of it voxels (ms)",
    "peak_memory_mb": "peak memory in training (MB)",
    "latency_median_ms": "latency, median (ms)",
    "latency_p90_ms": "latency, 90th percentile (ms)",
    "latency_forward_ms": "of it network (ms)",
    "latency_decode_ms": "of it decoding (ms)",
    "latency_loader_ms": "loading one key frame (ms)",
    "inference_memory_mb": "peak memory in inference (MB)",
}


def metric_words(metric: str) -> str:
    """`mean average precision (points, higher is better)`; a metric without words of its own keeps its name."""
    spec = METRICS[metric]
    return f"{_METRICS.get(metric, metric)} ({spec.unit}, {'higher' if spec.higher_is_better else 'lower'} is better)"


def measured_words(column: str) -> str:
    """What a throughput column holds, with its unit; a column without words of its own keeps its name."""
    return _MEASURED.get(column, column.replace("_", " "))


def seeds_words(n: int, noun: str = "run") -> str:
    """`1 run`, `6 runs`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"

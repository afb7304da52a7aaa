"""Names, shapes and start of the full-size camera student."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import StudentSettings
from labeldistill.distillation.adaptor import DistillAdaptor
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.models.student import CameraStudent
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison

BEVDEPTH = {"bev_channels": 80, "trunk_base_channels": 160}
"""Stock BEVDepth's widths."""
LARGE = 200
"""Elements from which a tensor shows its distribution."""
SIGMAS = 6.0
UNIFORM_EDGE = 2.1
"""In sample deviations: a uniform distribution ends at 1.73, of 200 normal values the largest is near 2.8."""


def stock_bevdepth(frame_offsets: tuple[int, ...]) -> CameraStudent:
    """BEVDepth R50 at full size, without memory for its weights."""
    with torch.device("meta"):
        return CameraStudent(GridSettings(), StudentSettings(frame_offsets=frame_offsets, **BEVDEPTH))


@case("12_keys_bevdepth_r50_1key.json")
def bevdepth_one_frame(golden: GoldenFolder) -> Iterator[Comparison]:
    """BEVDepth of one frame."""
    yield from _compare_keys(stock_bevdepth((0,)), golden.load("12_keys_bevdepth_r50_1key.json"))


@case("12_keys_bevdepth_r50_2key.json")
def bevdepth_two_frames(golden: GoldenFolder) -> Iterator[Comparison]:
    """BEVDepth of two frames."""
    yield from _compare_keys(stock_bevdepth((0, -1)), golden.load("12_keys_bevdepth_r50_2key.json"))


def _compare_keys(model: nn.Module, recorded: dict[str, list[int]]) -> Iterator[Comparison]:
    ours = {name: list(value.shape) for name, value in model.state_dict().items()}
    yield compare.exact("names and shapes", ours, recorded)
    yield compare.exact("order of names", list(ours), list(recorded))
    buffers = ("running_mean", "running_var", "num_batches_tracked", "backbone.frustum")
    wanted = [
        math.prod(shape)
        for name, shape in recorded.items()
        if not name.endswith(buffers) and not name.startswith("backbone.voxel_")
    ]
    yield compare.exact("number of parameters", sum(p.numel() for p in model.parameters()), sum(wanted))


def fresh_student() -> nn.ModuleDict:
    """The full-size five-frame student with what distillation trains beside it, newly initialised."""
    settings = StudentSettings(frame_offsets=(0, -2, -4, -6, -8))
    student = CameraStudent(GridSettings(), settings)
    adaptor = DistillAdaptor((250, 100), (128, 256))  # a third of 5 x 150 and of 300 channels
    encoder = LabelEncoder(hidden_channels=256, out_channels=(128, 256), cells_xy=(128, 128))
    parts = {"backbone": student.backbone, "head": student.head}
    return nn.ModuleDict({**parts, "distill_encoder_lidar": adaptor, "label_encoder": encoder})


@case("13_init_stats.json")
def initial_distributions(golden: GoldenFolder) -> Iterator[Comparison]:
    """Spread and shape of every freshly initialised parameter; the draws themselves differ."""
    recorded: dict[str, list[float]] = golden.load("13_init_stats.json")
    parameters = dict(fresh_student().named_parameters())
    yield compare.exact("names", sorted(parameters), sorted(recorded))
    for name, statistics in recorded.items():
        yield from _compare_distribution(name, parameters[name].detach(), statistics)


def _compare_distribution(name: str, ours: Tensor, statistics: list[float]) -> Iterator[Comparison]:
    """Constants exactly; else mean and standard deviation within their sampling error, and the tails."""
    mean, std, low, high = statistics
    count = ours.numel()
    if low == high and count > 1:
        yield compare.exact(name, ours, torch.full_like(ours, mean))
    elif count >= LARGE:
        spread = float(ours.std())
        off = abs(float(ours.mean()) - mean) / spread
        yield Comparison(f"{name} mean, in standard deviations", off, SIGMAS * math.sqrt(2 / count))
        yield Comparison(f"{name} standard deviation", abs(spread / std - 1), SIGMAS / math.sqrt(count) + 1e-3)
        yield compare.exact(f"{name} uniform", _is_uniform(ours), max(-low, high) < UNIFORM_EDGE * std)
    elif count > 1:
        limit = max(-low, high) * (1 + SIGMAS / count)
        yield Comparison(f"{name} range", float(ours.abs().max()) / limit, 1.0)


def _is_uniform(values: Tensor) -> bool:
    """Whether the largest value could be a uniform distribution's edge."""
    return float(values.abs().max()) < UNIFORM_EDGE * float(values.std())

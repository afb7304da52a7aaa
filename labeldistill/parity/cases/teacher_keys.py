"""Names and shapes of the full-size teacher, as its released experiment stores them."""

from collections.abc import Iterator
from math import prod

import torch

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import TeacherSettings
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.teacher import LidarTeacher, released_experiment
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison

FILE = "12_keys_centerpoint_vox01.json"


@case(FILE)
def teacher_keys(folder: GoldenFolder) -> Iterator[Comparison]:
    """Every name and shape, and the number of parameters."""
    recorded: dict[str, list[int]] = folder.load(FILE)
    with torch.device("meta"):
        model = released_experiment(LidarTeacher(GridSettings(), TeacherSettings(), HeadOptions()))
    ours = {name: list(value.shape) for name, value in model.state_dict().items()}
    yield compare.exact("names and shapes", ours, recorded)
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    wanted = sum(prod(shape) for name, shape in recorded.items() if not name.endswith(buffers))
    yield compare.exact("number of parameters", sum(p.numel() for p in model.parameters()), wanted)

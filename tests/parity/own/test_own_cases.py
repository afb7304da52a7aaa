"""The core against oracles of our own, in a clone without recorded values; and that every case can fail.

`own_recordings.py` says what is imitated and what is not.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from own_recordings import CORE, FUNCTIONS, IMAGES, record, save
from torch import Tensor
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.parity.case import GoldenFolder, all_cases
from labeldistill.parity.compare import Comparison
from labeldistill.parity.run import run_case

Keys = tuple[str | int, ...]
RUNS = r"(eval|train)\.(outputs|grad_inputs|grad_box|grad_label|param_grads|buffers_after)\b"
# What the oracle says should come out, as a pattern of the dotted path in the file; the rest are inputs.
EXPECTED = {
    "01_label_backbone.pt": RUNS,
    "02_distill_adaptor.pt": RUNS,
    "03b_gen_labelinput.pt": r".*bev_",
    "05d_voxel_pooling.pt": r"out_train|out_inference|grad_features",
    "05e_full_frustum.pt": r"frustum_|geom_sample|voxel_hist|kept",
    "08_voxelize_vfe.pt": r"train|eval",
    "08b_sparse_encoder.pt": r"(train|eval)\.(out$|out_sum|out_occ|buffers_after)|grad_eval\.(weighted|grad_[vc])",
    "08d_decode_circle_nms.pt": r"decoded|circle_nms\.\d+\.keep",
    "10_ema.pt": r"\w+\.(sequence\.\d+\.(ema|updates|decay)|checkpoint\.state_dict)",
    "10b_optimizer_groups_labeldistill_r50_2key.json": r"optimizer$|groups\.\d+\.[12]",
    "10b_optimizer_groups_labeldistill_r50_4key.json": r"optimizer$|groups\.\d+\.[12]",
    "11_format_bbox.pt": r"output",
    "11_results_nusc.json": r"meta|results",
    FUNCTIONS: r".*\.(out_rgb|ida_mat|depth_map|normalized|out|rot_mat|pts_img|depth)$",
}
# What the outcome hangs on: a weight, a setting or a coordinate.
ONE_VALUE: dict[str, Keys] = {
    "01_label_backbone.pt": ("state_dict", "mlp2.fc2.weight"),
    "02_distill_adaptor.pt": ("state_dict", "blocks.0.3.conv2.weight"),
    "03b_gen_labelinput.pt": ("cases", 0, "center"),
    "05d_voxel_pooling.pt": ("context",),
    "05e_full_frustum.pt": ("mats", "ida_mats"),
    "08_voxelize_vfe.pt": ("cfg", "max_num_points"),
    "08b_sparse_encoder.pt": ("state_dict", "encoder_layers.encoder_layer1.1.conv1.weight"),
    "08d_decode_circle_nms.pt": ("circle_nms", 2, "thresh"),
    "10_ema.pt": ("callback_full", "start", "fc.weight"),
    "10b_optimizer_groups_labeldistill_r50_2key.json": ("optimizer_config", "lr"),
    "10b_optimizer_groups_labeldistill_r50_4key.json": ("optimizer_config", "weight_decay"),
    "11_format_bbox.pt": ("output", "results", "a", 0, "translation", 0),  # the next file reads its inputs too
    "11_results_nusc.json": ("results", "b", 0, "rotation", 0),
    FUNCTIONS: ("img_cases", 1, "resize"),
}
# Comparisons of names and counts, which damaged values leave as they are.
OF_STRUCTURE = re.compile(r"names|number of|sample tokens")


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(CORE, tmp_path_factory.mktemp("core"))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(IMAGES, tmp_path_factory.mktemp("images"))


@pytest.fixture(params=[*CORE, FUNCTIONS])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(name: str, core: Path, images: Path) -> Path:
    return images if name in IMAGES else core


def leaves(value: Any, path: Keys = ()) -> Iterator[Keys]:
    """Path of every tensor, number and string."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, (*path, key))
    else:
        yield path


def damage(value: Any) -> Any:
    """The value, its largest element changed by its own size or 1; a word or an empty tensor gets longer."""
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, Tensor) and not value.numel():
        return value.new_zeros(1)
    tensor = torch.as_tensor(value).clone(memory_format=torch.contiguous_format)
    flat = tensor.view(-1)
    place = int(flat.double().abs().argmax())
    flat[place] = ~flat[place] if tensor.dtype == torch.bool else flat[place] + flat[place].abs().clamp(min=1)
    return tensor if isinstance(value, Tensor) else type(value)(tensor.item())


def planted(file: Path, into: Path, where: Callable[[Keys], bool]) -> int:
    """Write `file` into folder `into` with every leaf damaged for which `where` holds; says how many."""
    value, count = GoldenFolder(file.parent).load(file.name), 0
    for path in list(leaves(value)):
        if where(path):
            holder = value
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = damage(holder[path[-1]])
            count += 1
    save(value, into / file.name)
    return count


def compared(name: str, folder: Path) -> tuple[Comparison, ...]:
    result = run_case(all_cases()[name], GoldenFolder(folder))
    assert not result.problem
    return result.comparisons


def cli(*arguments: object) -> tuple[int, list[str]]:
    """Exit code of `labeldistill parity` and the cases that failed."""
    done = CliRunner().invoke(build("parity"), ["parity", *map(str, arguments), "--format", "json"])
    rows = json.loads(done.stdout)
    return done.exit_code, [row["case"] for row in rows if row["verdict"] == "FAIL"]


def test_own_case(name: str, folder: Path) -> None:
    rows = compared(name, folder)
    assert rows
    assert all(c.passed for c in rows), [c for c in rows if not c.passed][:10]


def test_every_value_of_a_case_can_fail(name: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    pattern = re.compile(EXPECTED[name])
    assert planted(folder / name, tmp_path, lambda path: bool(pattern.match(".".join(map(str, path))))) > 0
    assert [c for c in compared(name, tmp_path) if c.passed and not OF_STRUCTURE.search(c.what)] == []


def test_one_changed_value_fails_its_case_and_no_other(name: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    assert planted(folder / name, tmp_path, lambda path: path == ONE_VALUE[name]) == 1
    only = ("--case", name) if name in IMAGES else ()
    assert cli(tmp_path, *only) == (1, [name])


def test_a_truncated_file_is_bad_input_and_named(core: Path, tmp_path: Path) -> None:
    name = "02_distill_adaptor.pt"
    (tmp_path / name).write_bytes((core / name).read_bytes()[:1000])
    done = CliRunner().invoke(build("parity"), ["parity", str(tmp_path)])
    assert done.exit_code == 2
    assert name in done.output


def test_a_file_that_no_case_reads_fails(core: Path, tmp_path: Path) -> None:
    shutil.copy(core / "11_results_nusc.json", tmp_path / "99_unknown.json")
    assert cli(tmp_path) == (1, ["99_unknown.json"])


def test_the_verb_as_a_process(core: Path) -> None:
    command = [sys.executable, "-m", "labeldistill.cli.main", "parity", str(core), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert [row["case"] for row in json.loads(done.stdout)] == sorted(CORE)

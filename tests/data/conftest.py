"""A hand-written nuScenes folder, its index, and settings of runs over it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_nuscenes import VERSION, TinyWorld
from tiny_runs import tiny_run

from labeldistill.config.data import DataSettings
from labeldistill.config.grid import GridSettings
from labeldistill.config.methods import Stage
from labeldistill.config.model import ImageSettings
from labeldistill.config.study import RunSettings
from labeldistill.config.terms import Term
from labeldistill.data.infos import Infos, build_infos


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("tiny-nuscenes"))


@pytest.fixture
def own(tiny: TinyWorld, tmp_path: Path) -> Path:
    """A copy of the folder that a test may damage."""
    return Path(shutil.copytree(tiny.root, tmp_path / "world"))


DATA = DataSettings(
    dataroot="world",
    version=VERSION,
    splits={"train": ("scene-0001",), "val": ("scene-0003",), "tuning": ("scene-0001",)},
)
IMAGE = ImageSettings(size_px=(32, 48), resize_range=(0.9, 1.1))

MakeRun = Callable[..., RunSettings]


def _make_run(stage: Stage = "student", terms: dict[Term, float] | None = None, **more: Any) -> RunSettings:
    """A run over the hand-written folder; `offsets` are its frames."""
    student = {"image": IMAGE, "frame_offsets": more.pop("offsets", (0, -1))}
    return tiny_run(stage, terms=terms, student=student, **{"data": DATA, "grid": GridSettings(), **more})


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    return _make_run


@pytest.fixture(scope="session")
def infos(tiny: TinyWorld, tmp_path_factory: pytest.TempPathFactory) -> Infos:
    return Infos.open(build_infos(DATA, tiny.root, tmp_path_factory.mktemp("infos")), tiny.root)


@pytest.fixture(scope="session")
def real_infos(real_nuscenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Infos:
    """The one real key frame with all six images and its cloud."""
    data = DATA.model_copy(
        update={"version": "v1.0-mini", "splits": {"train": ("scene-0061",), "val": ("scene-0061",)}}
    )
    root = real_nuscenes / "nuscenes"
    return Infos.open(build_infos(data, root, tmp_path_factory.mktemp("real-infos")), root)

"""A hand-written nuScenes folder, its index, and settings of runs over it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_nuscenes import VERSION, TinyWorld

from labeldistill.config.data import DataSettings
from labeldistill.config.grid import GridSettings
from labeldistill.config.methods import Stage
from labeldistill.config.model import BevAugmentationSettings, ImageSettings, StudentSettings
from labeldistill.config.study import RunSettings
from labeldistill.config.switches import STAGES_OF_SWITCH, Switches
from labeldistill.config.terms import Term
from labeldistill.config.training import TrainingSettings
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
FULL: dict[Term, float] = {"detection": 1.0, "depth": 3.0, "lidar_feature": 0.3, "label_feature": 0.3, "response": 1.0}

MakeRun = Callable[..., RunSettings]


def _make_run(
    stage: Stage = "student",
    terms: dict[Term, float] | None = None,
    corrected: tuple[str, ...] = (),
    released: tuple[str, ...] = (),
    offsets: tuple[int, ...] = (0, -1),
    data: DataSettings = DATA,
    seed: int = 0,
) -> RunSettings:
    switches = {name: value for name, value in Switches().model_dump().items() if stage in STAGES_OF_SWITCH[name]}
    assert set(corrected) | set(released) <= set(switches)
    switches |= dict.fromkeys(corrected, "corrected") | dict.fromkeys(released, "released")
    return RunSettings(
        stage=stage,
        seed=seed,
        data=data,
        grid=GridSettings(),
        bev_augmentation=BevAugmentationSettings(),
        training=TrainingSettings(epochs=1),
        switches=switches,
        student=StudentSettings(image=IMAGE, frame_offsets=offsets, neck_upsample=(0.5, 1, 2, 4))
        if stage == "student"
        else None,
        terms=FULL if terms is None else terms,
    )


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

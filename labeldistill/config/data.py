"""Where key frames come from: a nuScenes folder, its splits, what is read from it; settings of the synthetic world."""

from typing import Literal

from pydantic import Field, model_validator

from labeldistill.config.base import Name, Settings
from labeldistill.geometry.classes import CLASSES

CAMERAS: tuple[str, ...] = (
    "CAM_FRONT_LEFT",
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_BACK_LEFT",
    "CAM_BACK",
    "CAM_BACK_RIGHT",
)
"""The released camera order; every [.., N, ..] axis follows it."""


class SynthSettings(Settings):
    """The synthetic world. The same settings and seed give byte-identical files."""

    seed: int = Field(0, ge=0)
    scenes: dict[str, int] = {"train": 40, "val": 20, "tuning": 10}
    """Number of scenes in each split."""
    key_frames_per_scene: int = Field(6, ge=2)
    sweeps_per_key_frame: int = Field(9, ge=0, le=9)
    """LiDAR sweeps written between two key frames; 9 is 20 Hz."""
    image_size_px: tuple[int, int] = (64, 176)
    """Height and width of the JPEGs that are written."""
    jpeg_quality: int = Field(90, ge=1, le=95)
    supersampling: int = Field(1, ge=1, le=4)
    classes: tuple[str, ...] = CLASSES
    range_m: float = Field(25.0, gt=5)
    """Objects are placed within this distance of the ego vehicle's path; also the range of the LiDAR."""
    lidar_beams: int = Field(32, ge=4)
    lidar_azimuths: int = Field(512, ge=32)
    objects_per_scene: tuple[int, int] = (16, 32)
    night_fraction: float = Field(0.15, ge=0, le=1)
    difficulty: float = Field(0.5, ge=0, le=1)
    """0: no clutter, no occluders, clean colours; 1: dense clutter, strong noise, colours carry no class."""


class DataSettings(Settings):
    """One nuScenes folder and how it is split. Nothing else in the code knows which data set it reads."""

    dataroot: str | None = None
    """Folder that holds `<version>/`, `samples/`, `sweeps/`, `maps/`; None: the world that `synth` writes."""
    version: Name = "v1.0-trainval"
    splits: dict[Literal["train", "val", "tuning"], str | tuple[str, ...]] = {"train": "train", "val": "val"}
    """Each split: a name known to the devkit or to the folder's splits.json, or a list of scene names."""
    synth: SynthSettings | None = None
    past_sweeps: int = Field(5, ge=0)
    """LiDAR sweeps before the key frame that are indexed for the teacher."""
    future_sweeps: int = Field(3, ge=0)
    """LiDAR sweeps after the key frame (the released teacher sees 3)."""
    max_point_distance_m: float = 58.0
    """Points farther away in their own sensor frame are dropped before the teacher sees them."""
    min_lidar_points: int = Field(1, ge=0)
    """Boxes with fewer LiDAR and radar points (added up, as in the release) are not used as ground truth."""
    max_points: int = Field(320_000, ge=1)
    """Most LiDAR points that the teacher sees, all sweeps together; a random subset is kept of more."""

    @model_validator(mode="after")
    def _one_source(self) -> "DataSettings":
        if (self.dataroot is None) == (self.synth is None):
            raise ValueError("give either `dataroot` (an existing nuScenes folder) or `synth` (a world to write)")
        return self

"""Files of the world: equal settings give equal bytes, bad settings a message, and failures leave nothing behind."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from labeldistill.config.data import SynthSettings
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.synthetic.write import write_world

TINY: dict[str, Any] = {
    "scenes": {"train": 1, "val": 1},
    "key_frames_per_scene": 2,
    "sweeps_per_key_frame": 1,
    "image_size_px": (32, 88),
    "lidar_azimuths": 128,
    "objects_per_scene": (6, 8),
    "night_fraction": 0.0,
}


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny") / "world"
    write_world(SynthSettings(**TINY), out)
    return out


def test_same_settings_give_the_same_bytes_with_two_workers(tiny: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_world(SynthSettings(**TINY), tmp_path / "again", workers=2, progress=lambda k, n: seen.append((k, n)))
    assert digests(tmp_path / "again") == digests(tiny)
    assert len(digests(tiny)) == 13 + 2 + 1 + 2 * (2 * 7 + 1)  # tables; splits, settings; a map; files of two scenes
    assert seen == [(1, 2), (2, 2)]


def test_another_seed_gives_another_world(tiny: Path, tmp_path: Path) -> None:
    write_world(SynthSettings(**TINY, seed=1), tmp_path / "other")
    mine, other = digests(tiny), digests(tmp_path / "other")
    assert set(mine.values()).isdisjoint({v for k, v in other.items() if k.startswith(("samples", "sweeps"))})


def test_night_is_dark_and_said_so(tiny: Path, tmp_path: Path) -> None:
    write_world(SynthSettings(**{**TINY, "night_fraction": 1.0}), tmp_path / "night")
    brightness = []
    for root, night in ((tiny, False), (tmp_path / "night", True)):
        scenes = read_json(root / "v1.0-trainval" / "scene.json")
        assert all(("night" in scene["description"]) == night for scene in scenes)
        assert not any("rain" in scene["description"] for scene in scenes)
        images = [np.asarray(Image.open(path)) for path in (root / "samples" / "CAM_BACK").iterdir()]
        brightness.append(np.mean(images))
    assert brightness[1] < 0.7 * brightness[0]


def test_a_scene_does_not_depend_on_how_many_there_are(tiny: Path, tmp_path: Path) -> None:
    write_world(SynthSettings(**{**TINY, "scenes": {"train": 2, "val": 1}}), tmp_path / "more")
    mine = {value for name, value in digests(tiny).items() if name.startswith("samples")}
    assert mine <= set(digests(tmp_path / "more").values())


def test_images_and_points_are_what_the_settings_say(tiny: Path) -> None:
    image = Image.open(next((tiny / "samples" / "CAM_FRONT").iterdir()))
    assert image.format == "JPEG"
    assert image.size == (88, 32)
    points = np.fromfile(next((tiny / "samples" / "LIDAR_TOP").iterdir()), np.float32).reshape(-1, 5)
    assert np.isfinite(points).all()
    assert np.linalg.norm(points[:, :3], axis=1).max() < 25.2
    assert points[:, 3].min() >= 0
    assert points[:, 3].max() <= 255
    assert set(np.unique(points[:, 4])) <= set(range(32))


def test_supersampling_smooths_but_keeps_geometry(tiny: Path, tmp_path: Path) -> None:
    write_world(SynthSettings(**TINY, supersampling=2), tmp_path / "fine")
    for fine in (tmp_path / "fine" / "samples" / "CAM_BACK").iterdir():
        a = np.asarray(Image.open(fine), np.float32)
        b = np.asarray(Image.open(tiny / "samples" / "CAM_BACK" / fine.name), np.float32)
        assert 0.5 < np.abs(a - b).mean() < 14
        shifted = np.abs(a[:, 2:] - b[:, :-2]).mean()
        assert np.abs(a - b).mean() < shifted


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"classes": ("car", "tank")}, "synth.classes"),
        ({"classes": ()}, "synth.classes"),
        ({"objects_per_scene": (9, 3)}, "synth.objects_per_scene"),
        ({"objects_per_scene": (0, 3)}, "synth.objects_per_scene"),
        ({"image_size_px": (0, 176)}, "synth.image_size_px"),
        ({"scenes": {"holiday": 3}}, "synth.scenes.holiday"),
        ({"scenes": {"train": -1}}, "synth.scenes.train"),
        ({"scenes": {"train": 0}}, "synth.scenes"),
        ({"scenes": {"train": 600, "tuning": 101}}, "synth.scenes.train"),
        ({"scenes": {"val": 151}}, "synth.scenes.val"),
    ],
)
def test_settings_that_make_no_world_are_refused(change: dict[str, Any], key: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write_world(SynthSettings(**{**TINY, **change}), tmp_path / "world")
    assert caught.value.key == key
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("keep")
    with pytest.raises(InputError, match="already exists"):
        write_world(SynthSettings(**TINY), tmp_path / "mine")
    assert (tmp_path / "mine" / "precious.txt").read_text() == "keep"


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_failure_half_way_leaves_nothing(failure: BaseException, tmp_path: Path) -> None:
    def stop(done: int, of: int) -> None:
        raise failure

    expected = InputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_world(SynthSettings(**TINY), tmp_path / "world", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="can't be written"):
        write_world(SynthSettings(**TINY), tmp_path / "file" / "world")


def test_fewer_classes_give_only_those(tmp_path: Path) -> None:
    write_world(SynthSettings(**{**TINY, "classes": ("bus", "pedestrian")}), tmp_path / "two")
    tables = tmp_path / "two" / "v1.0-trainval"
    names = {row["token"]: row["name"] for row in read_json(tables / "category.json")}
    used = {names[row["category_token"]] for row in read_json(tables / "instance.json")}
    assert used == {"vehicle.bus.rigid", "human.pedestrian.adult"}


def test_a_killed_build_leaves_no_worker_and_the_next_clears_up(tmp_path: Path) -> None:
    script = tmp_path / "build.py"
    script.write_text(
        "from pathlib import Path\n"
        "from labeldistill.config.data import SynthSettings\n"
        "from labeldistill.synthetic.write import write_world\n"
        "if __name__ == '__main__':\n"
        f"    write_world(SynthSettings(scenes={{'train': 60}}), Path({str(tmp_path / 'world')!r}), workers=2)\n"
    )
    build = subprocess.Popen([sys.executable, str(script)], cwd=Path(__file__).parents[2])
    wait_until(lambda: any(tmp_path.glob(".world.*.part/samples/LIDAR_TOP/*")))
    workers = psutil.Process(build.pid).children(recursive=True)
    build.kill()
    build.wait()
    wait_until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers))
    assert not (tmp_path / "world").exists()
    write_world(SynthSettings(**TINY), tmp_path / "world")
    assert [path.name for path in tmp_path.iterdir() if path != script] == ["world"]


def wait_until(condition: Callable[[], bool], seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)

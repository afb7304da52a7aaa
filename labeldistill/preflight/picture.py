"""One picture and one cloud of projected points, as bytes in the package: what preprocessing must make of them.

`golden/picture.json` holds the hashes of every step, recorded with the versions it names (`record` writes it).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from labeldistill.config.model import ImageSettings
from labeldistill.data.augmentation import ImageAugmentation
from labeldistill.data.depth_maps import depth_map
from labeldistill.data.images import Normalisation, augmented
from labeldistill.nuscenes.sensor_files import read_image

GOLDEN = Path(__file__).parent / "golden"
PICTURE, HASHES = GOLDEN / "picture.jpg", GOLDEN / "picture.json"
PLAIN = ImageAugmentation(0.55, (176, 99), (8, 19, 168, 99))
TURNED = ImageAugmentation(0.55, (176, 99), (8, 19, 168, 99), flip=True, rotation_deg=5.0)
POINTS = 400


def versions() -> dict[str, str]:
    """Libraries that decode and resample."""
    from importlib.metadata import version

    return {"pillow": version("pillow"), "jpeg": str(features.version("jpg")), "numpy": version("numpy")}


def points() -> NDArray[np.float32]:
    """Projected points [n, 3]: u, v in pixels of the picture, depth in metres; whole fractions, the same everywhere."""
    step = np.arange(POINTS, dtype=np.float32)
    return np.stack([(step * 37 % 1280) / 4, (step * 53 % 720) / 4, 2 + (step * 11 % 224) / 4], axis=1)


def steps() -> dict[str, str]:
    """Hash of what each step of preprocessing makes of the picture and the points, in order."""
    image = read_image(PICTURE)
    found: dict[str, NDArray[Any]] = {
        "decode": np.asarray(image),
        "resize and crop": augmented(image, PLAIN),
        "flip and rotate": augmented(image, TURNED),
    }
    for name, bgr in (("normalise as RGB", False), ("normalise as BGR", True)):
        found[name] = Normalisation(ImageSettings(), bgr=bgr).of(found["resize and crop"]).numpy()
    for name, released in (("depth map, released", True), ("depth map, corrected", False)):
        found[name] = depth_map(points(), TURNED, (80, 160), released_pixels=released)
    return {name: hashlib.sha256(values.tobytes()).hexdigest()[:16] for name, values in found.items()}


def recorded() -> dict[str, Any]:
    """What `record` wrote."""
    found: dict[str, Any] = json.loads(HASHES.read_text(encoding="utf-8"))
    return found


def record() -> None:
    """Draw the picture and record what this machine's libraries make of it."""
    GOLDEN.mkdir(exist_ok=True)
    row, column = np.mgrid[0:180, 0:320].astype(np.float64)
    waves = [128 + 90 * np.sin(column / (7 + 5 * c) + c) * np.cos(row / (11 - 3 * c)) for c in range(3)]
    pixels = np.stack(waves, axis=-1) + np.random.default_rng(0).normal(0, 12, (180, 320, 3))
    pixels[60:120, 100:180] = (220, 40, 30)  # red in front: colours that change places show
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(PICTURE, quality=85)
    HASHES.write_text(json.dumps({"made with": versions(), "steps": steps()}, indent=1) + "\n")

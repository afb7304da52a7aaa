"""Reading one image or one point cloud; errors name a missing, truncated or foreign file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from labeldistill.errors import InputError

FORMATS = ("JPEG", "PNG")
"""Pillow would try 40 more, some of which start other programs."""
MOST_PIXELS = 2**24
"""nuScenes' images have 1.4 million; a damaged header can ask for 4,000 million."""
POINT_VALUES = 5
"""Float32 values per LiDAR point in nuScenes' .pcd.bin files: x, y, z, intensity, ring index."""


def read_image(path: str | Path) -> Image.Image:
    """Decode a whole image as RGB.

    Raises:
        InputError: missing, truncated, far too large, or neither JPEG nor PNG.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise InputError(f"its header says {image.width} x {image.height} pixels: damaged?", file=path)
            image.load()
            return image if image.mode == "RGB" else image.convert("RGB")
    except FileNotFoundError as error:
        raise InputError("no such image", file=path) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"its header says too many pixels: damaged? ({error})", file=path) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"image can't be decoded, truncated? ({error})", file=path) from error


def read_cloud(path: str | Path) -> NDArray[np.float32]:
    """Points [n, 5]: x, y, z in metres in the sensor's frame, intensity 0-255, ring index.

    Raises:
        InputError: missing, or not a whole number of points.
    """
    try:
        values = np.fromfile(path, dtype=np.float32)
        size = Path(path).stat().st_size
    except FileNotFoundError as error:
        raise InputError("no such point cloud", file=path) from error
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror or error}", file=path) from error
    if size % (4 * POINT_VALUES):
        raise InputError(f"{size} bytes is not a whole number of points of 20 bytes, truncated?", file=path)
    return values.reshape(-1, POINT_VALUES)

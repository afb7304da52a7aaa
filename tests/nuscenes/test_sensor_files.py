"""Files that claim to be images: only JPEG and PNG are decoded, and only of a size that a camera has."""

from pathlib import Path

import pytest
from PIL import Image

from labeldistill.errors import InputError
from labeldistill.nuscenes.sensor_files import MOST_PIXELS, read_image


@pytest.mark.parametrize("kind", ["PPM", "TIFF", "GIF", "EPS"])
def test_other_formats_are_refused_whatever_the_name(kind: str, tmp_path: Path) -> None:
    """Pillow would decode these too, EPS by starting Ghostscript."""
    file = tmp_path / "image.jpg"
    Image.new("RGB", (32, 16), (200, 10, 10)).save(file, kind)
    with pytest.raises(InputError, match="can't be decoded"):
        read_image(file)


@pytest.mark.parametrize("size", [(5000, 4000), (10000, 10000), (12000, 12000), (65000, 65000)])
def test_a_header_that_asks_for_too_much_is_refused_before_decoding(size: tuple[int, int], tmp_path: Path) -> None:
    file = tmp_path / "image.jpg"
    Image.new("RGB", (32, 16)).save(file)
    data = bytearray(file.read_bytes())
    at = data.index(b"\xff\xc0") + 5  # height and width in the header of the frame
    data[at : at + 4] = size[1].to_bytes(2, "big") + size[0].to_bytes(2, "big")
    file.write_bytes(data)
    assert size[0] * size[1] > MOST_PIXELS
    with pytest.raises(InputError, match="its header says"):
        read_image(file)


def test_png_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (32, 16), (200, 10, 10)).save(tmp_path / "image.jpg", "PNG")
    assert read_image(tmp_path / "image.jpg").getpixel((3, 3)) == (200, 10, 10)

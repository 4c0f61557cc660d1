import struct
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from lit_dalle.data.notes import DAMAGED, RowError
from lit_dalle.data.pictures import open_picture, to_float, to_rgb, to_uint8


def encoded(image, form="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return {"bytes": buffer.getvalue(), "path": None}


def colour_of(image):
    return image.getpixel((0, 0))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (4, 4), 1), (255, 255, 255)),
        (Image.new("L", (4, 4), 100), (100, 100, 100)),
        (Image.new("LA", (4, 4), (0, 0)), (255, 255, 255)),
        (Image.new("LA", (4, 4), (50, 255)), (50, 50, 50)),
        (Image.new("RGBA", (4, 4), (200, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (200, 0, 0, 255)), (200, 0, 0)),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 128)), (127, 127, 127)),
        (Image.new("RGB", (4, 4), (1, 2, 3)).convert("P"), None),
        (Image.new("CMYK", (4, 4), (0, 0, 0, 0)), (255, 255, 255)),
        (Image.fromarray(np.full((4, 4), 65535, np.uint16)), (255, 255, 255)),
        (Image.fromarray(np.full((4, 4), 257 * 9, np.uint16)), (9, 9, 9)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_every_mode_becomes_rgb(image, expected):
    rgb = to_rgb(image)
    assert (rgb.mode, rgb.size) == ("RGB", (4, 4))
    if expected is not None:
        assert colour_of(rgb) == expected


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_transparent_colour_becomes_white(mode):
    image = Image.new("RGB", (4, 4), (0, 0, 0)).convert(mode)
    record = encoded(image, transparency=(0, 0, 0) if mode == "RGB" else 0)
    assert colour_of(open_picture(record, "row 0")) == (255, 255, 255)


def test_16_bit_files_keep_their_brightness():
    record = encoded(Image.fromarray(np.full((4, 4), 257 * 40, np.uint16)))
    assert colour_of(open_picture(record, "row 0")) == (40, 40, 40)


def test_pictures_are_turned_upright():
    image = Image.new("RGB", (8, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    assert open_picture(encoded(image, "JPEG", exif=exif), "row 0").size == (4, 8)


UPRIGHT = {1: "abcd", 2: "badc", 3: "dcba", 4: "cdab", 5: "acbd", 6: "cadb", 7: "dbca", 8: "bdac"}
"""What is seen of a picture of four fields, line by line, by its orientation."""


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_every_orientation_is_turned_once(form, orientation):
    image = Image.new("L", (2, 2))
    image.putdata([0, 80, 160, 240])
    exif = image.getexif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    record = encoded(image.convert("RGB"), form, exif=exif, **options)
    upright = to_rgb(open_picture(record, "row 0"))  # the second time there is nothing to turn
    seen = ["abcd"[round(upright.getpixel((x, y))[0] / 80)] for y in (0, 1) for x in (0, 1)]
    assert "".join(seen) == UPRIGHT[orientation]


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_a_picture_is_turned_though_the_rest_of_its_exif_is_damaged(form):
    image = Image.new("RGB", (8, 4))
    exif = image.getexif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    record = encoded(image, form, exif=exif)
    resolution, text = (struct.pack(">HHI", 0x011A, kind, 1) for kind in (5, 2))
    assert record["bytes"].count(resolution) == 1
    record["bytes"] = record["bytes"].replace(resolution, text)
    assert open_picture(record, "row 0").size == (4, 8)


@pytest.mark.parametrize("error", [TypeError("bad operand"), KeyError(7), AssertionError()])
def test_whatever_a_reader_stumbles_over_is_a_damaged_picture(monkeypatch, error):
    def stumble(self):
        raise error

    monkeypatch.setattr(Image.Image, "getexif", stumble)
    said = str(error) or "AssertionError"
    with pytest.raises(RowError, match=f"cannot read the picture row 3: {said}; repair") as found:
        open_picture(encoded(Image.new("RGB", (4, 4))), "row 3")
    assert found.value.kind == DAMAGED


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"bytes": b"no picture", "path": "a/b.png"},
            r"cannot read the picture a/b\.png \(row 7\)",
        ),
        ({"bytes": None, "path": "a/missing.png"}, r"there is no file a/missing\.png"),
        ({"bytes": None, "path": None}, "row 7 has no picture"),
        (None, "row 7 has no picture"),
    ],
)
def test_an_unreadable_picture_is_named(record, message):
    with pytest.raises(ValueError, match=message):
        open_picture(record, "row 7")


def test_a_truncated_file_is_named():
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    record = encoded(Image.fromarray(noise))
    record["bytes"] = record["bytes"][:200]
    with pytest.raises(ValueError, match="cannot read the picture row 7"):
        open_picture(record, "row 7")


def test_pixels_keep_their_places_and_range():
    image = Image.new("RGB", (3, 2))
    image.putpixel((2, 1), (255, 51, 0))
    pixels = to_float(to_uint8(image))
    assert pixels.shape == (3, 2, 3)
    assert torch.equal(pixels[:, 1, 2], torch.tensor([1.0, 0.2, 0.0]))
    assert pixels.sum() == pixels[:, 1, 2].sum()

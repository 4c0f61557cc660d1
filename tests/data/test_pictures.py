from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

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

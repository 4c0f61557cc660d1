import numpy as np
import pytest
from fake_npm import SQUARE, SVG, iconify, tar, webp

from lit_dalle.data.emoji.drawings import Drawings, from_files, from_iconify, slug_of
from lit_dalle.data.emoji.names import Name
from lit_dalle.data.emoji.rendering import render

HALF = '<path fill="red" d="M0 0h8v16H0z"/>'


def name(label, hexcode="1F449"):
    return Name(hexcode, "👉", label, (), "g", "s", "", 1.0, ())


@pytest.fixture
def read(tmp_path):
    def reader(files, **settings):
        path = tmp_path / "package.tgz"
        path.write_bytes(tar(files))
        return from_iconify(path, **settings)

    return reader


def test_an_alias_may_be_its_parent_mirrored(read):
    aliases = {
        "point-right": {"parent": "point-left", "hFlip": True},
        "point": {"parent": "point-right"},
        "back": {"parent": "point-right", "hFlip": True},
    }
    drawings = read(iconify({"point-left": {"body": HALF}}, {}, aliases))
    red = {
        slug: np.asarray(render(drawings.by_slug[slug]))[32, [8, 56]].tolist()
        for slug in ("point-left", "point-right", "point", "back")
    }
    left, right = [[255, 0, 0], [255] * 3], [[255] * 3, [255, 0, 0]]
    assert red == {"point-left": left, "point-right": right, "point": right, "back": left}


def test_code_points_come_before_names(read):
    icons = {"a": {"body": SQUARE.format(colour="red")}, "point": {"body": HALF}}
    drawings = read(iconify(icons, {"1F449": "a"}))
    assert drawings.find(name("point")) == drawings.by_slug["a"]
    assert drawings.find(name("point", "1F4AF")) == drawings.by_slug["point"]
    assert drawings.find(name("nothing", "1F4AF")) is None


def test_tones_are_named_in_two_ways(read):
    drawings = read(iconify({"point-dark": {"body": HALF}}, {}))
    assert drawings.find(name("point: dark skin tone")) is not None


def test_old_names(read):
    icons = {"pistol": {"body": HALF}, "letter-q": {"body": HALF}}
    old = read(iconify(icons, {}), renamed=True)
    assert old.find(name("water pistol")) is not None
    assert old.find(name("regional indicator Q")) is not None
    assert read(iconify(icons, {})).find(name("water pistol")) is None


@pytest.mark.parametrize(
    ("label", "slug"),
    [
        ("flag: Côte d’Ivoire", "flag-cote-divoire"),
        ("Japanese “here” button", "japanese-here-button"),
        ("flag: Trinidad & Tobago", "flag-trinidad-and-tobago"),
        ("UP! button", "up-button"),
    ],
)
def test_slugs(label, slug):
    assert slug_of(label) == slug


def test_files_are_found_by_code_points(tmp_path):
    path = tmp_path / "package.tgz"
    path.write_bytes(tar({"svg/26F9-FE0F.svg": b"<svg/>", "other/26F9.svg": b"", "svg/a.txt": b""}))
    drawings = from_files(path, "svg", ".svg")
    assert drawings == Drawings({"26f9": b"<svg/>"})


def test_what_is_not_square_stands_in_the_middle():
    wide = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 8">' + SQUARE + "</svg>"
    picture = np.asarray(render(wide.format(colour="blue").encode()))
    assert picture.shape == (64, 64, 3)
    assert picture[16:48].reshape(-1, 3).tolist() == [[0, 0, 255]] * 32 * 64
    assert picture[[*range(16), *range(48, 64)]].min() == 255


def test_transparency_is_white_and_colours_are_kept():
    half = render(SVG.format(body=HALF).encode())
    assert half.getpixel((60, 5)) == (255, 255, 255)
    assert render(webp("#0000ff00")).getpixel((5, 5)) == (255, 255, 255)
    assert render(webp("#00ff00")).size == (64, 64)

"""What the augmentation leaves as it is, and what it changes."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lit_dalle.data import artwork
from lit_dalle.data.draws import generator


def disc(colour, ground="white", side=64):
    image = Image.new("RGB", (side, side), ground)
    ImageDraw.Draw(image).ellipse([16, 16, 47, 47], fill=colour)
    return image


def hue_of(image):
    hue, saturation, _ = (np.asarray(band, int) for band in image.convert("HSV").split())
    return np.median(hue[saturation > 60])


def test_no_part_that_matters_leaves_the_picture():
    for index in range(200):
        moved = artwork._moved(disc("black"), generator(0, 0, index))
        dark = (np.asarray(moved.convert("L")) < 128).sum()
        full = (np.asarray(disc("black").convert("L")) < 128).sum()
        smallest, largest = artwork.SMALLEST**2, artwork.LARGEST**2
        assert 0.95 * smallest * full < dark < 1.05 * largest * full


def test_what_comes_in_at_the_edges_has_the_colour_of_the_corner():
    for index in range(50):
        moved = artwork._moved(Image.new("RGB", (64, 64), (10, 200, 30)), generator(0, 0, index))
        assert np.abs(np.asarray(moved, int) - (10, 200, 30)).max() <= 1


@pytest.mark.parametrize("colour", [(220, 30, 30), (30, 160, 40), (40, 60, 220)])
def test_colours_keep_their_name(colour):
    for index in range(50):
        turned = hue_of(artwork._coloured(disc(colour), generator(0, 0, index)))
        away = abs(turned - hue_of(disc(colour)))
        assert min(away, 256 - away) <= artwork.HUE + 4


def test_ink_has_no_colours_and_outlines_stay_outlines():
    for index in range(50):
        inked = np.asarray(artwork._inked(disc((220, 30, 30)), generator(0, 0, index)))
        assert (inked == inked[..., :1]).all()
    for index in range(20):
        lines = np.asarray(artwork._outlines(disc((220, 30, 30)), generator(0, 0, index)))
        assert lines[32, 32] == 255
        assert lines[0, 0] == 255  # no frame around the picture
        assert (lines == 0).sum() > 60


def test_kinds_come_as_often_as_said():
    image = disc((220, 30, 30))
    grey = sum(
        (lambda a: bool((a == a[..., :1]).all()))(
            np.asarray(artwork.augment_artwork(image, generator(0, 0, index)))
        )
        for index in range(400)
    )
    assert abs(grey / 400 - artwork.INKED) < 0.08

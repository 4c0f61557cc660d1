"""Regions of pictures: what is read from the command line, the window, and its tokens."""

import numpy as np
import pytest
from PIL import Image

from lit_dalle.generation.region import (
    Rectangle,
    Window,
    check_region,
    extended,
    read_mask,
    read_upright,
    rectangles_mask,
    token_map,
    window_of,
)

RNG = np.random.default_rng(0)


def region(width, height, *rectangles):
    return rectangles_mask([Rectangle(*one) for one in rectangles], width, height)


def inside(mask, window):
    """Whether a mask lies in a window."""
    return window.mask_of(mask).sum() == mask.sum()


def test_rectangles_are_joined():
    mask = region(8, 6, (1, 2, 3, 2), (3, 3, 5, 3))
    assert mask.shape == (6, 8)
    wanted = [(y, x) for y in range(2, 4) for x in range(1, 4)]
    wanted += [(y, x) for y in range(3, 6) for x in range(3, 8)]
    assert set(zip(*np.nonzero(mask), strict=True)) == set(wanted)


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "", "1.5,2,3,4"])
def test_what_is_no_rectangle(text):
    with pytest.raises(ValueError, match="a rectangle is X,Y,W,H: four whole numbers"):
        Rectangle.parse(text)
    assert Rectangle.parse(" 1, 2,3,4") == Rectangle(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("rectangle", "message"),
    [
        ((0, 0, 0, 3), "the rectangle 0,0,0,3 is empty"),
        ((-1, 0, 3, 3), "reaches beyond the picture of 8×6 pixels"),
        ((6, 0, 3, 3), "reaches beyond the picture of 8×6 pixels"),
        ((0, 4, 3, 3), "the rectangle 0,4,3,3 .X,Y,W,H. reaches beyond"),
    ],
)
def test_rectangles_that_make_no_sense(rectangle, message):
    with pytest.raises(ValueError, match=message):
        region(8, 6, rectangle)


def test_regions_that_make_no_sense():
    for mask, message in (
        (np.zeros((6, 8), bool), "empty: there is nothing to repaint"),
        (np.ones((6, 8), bool), "covers the whole picture, .* that is lit-dalle generate"),
        (np.ones((8, 6), bool), "is height × width of its picture, 6 × 8, got 8 × 6"),
    ):
        with pytest.raises(ValueError, match=message):
            check_region(mask, 8, 6)
    check_region(region(8, 6, (0, 0, 8, 5)), 8, 6)


def test_a_mask_is_a_picture_of_the_same_size(tmp_path):
    mask = region(8, 6, (1, 2, 3, 2))
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png", 8, 6), mask)
    with pytest.raises(ValueError, match=r"mask.png is 8×6 pixels, and the picture, upright, 6×8"):
        read_mask(tmp_path / "mask.png", 6, 8)


def test_pictures_that_cannot_be_edited(tmp_path):
    frames = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (0, 200)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "text.png").write_text("no picture")
    whole = tmp_path / "whole.png"
    Image.fromarray(RNG.integers(0, 256, (32, 32, 3), np.uint8)).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:600])
    for name, message in (
        ("moving.gif", "moving.gif is animated: it has 2 frames; save the one to edit as PNG"),
        ("text.png", "text.png is no picture that can be read: give a PNG or JPEG"),
        ("cut.png", "cut.png cannot be read: .*; save it anew"),
    ):
        with pytest.raises(ValueError, match=message):
            read_upright(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"there is no picture \S*none.png"):
        read_upright(tmp_path / "none.png")


def test_a_picture_is_laid_on_a_larger_canvas():
    pixels = RNG.integers(0, 256, (4, 5, 3), np.uint8)
    canvas, mask = extended(Image.fromarray(pixels), {"left": 2, "bottom": 3})
    assert canvas.size == (7, 7)
    assert np.array_equal(np.asarray(canvas)[:4, 2:], pixels)
    assert mask.sum() == 49 - 20
    assert not mask[:4, 2:].any()
    with pytest.raises(ValueError, match="at least 1 pixel at its left, top, right, bottom; got"):
        extended(Image.fromarray(pixels), {"right": 0})


@pytest.mark.parametrize("size", [(64, 64), (200, 100), (100, 333), (40, 40), (70, 64)])
@pytest.mark.parametrize("context", [0.0, 0.5, 2.0])
def test_a_window_shows_the_region_and_what_is_around_it(size, context):
    width, height = size
    for _ in range(50):
        w, h = RNG.integers(1, width), RNG.integers(1, height)
        x, y = RNG.integers(0, width - w + 1), RNG.integers(0, height - h + 1)
        mask = region(width, height, (x, y, w, h))
        window = window_of(mask, 64, 16, context)
        more_x, more_y = np.ceil(context * w), np.ceil(context * h)
        left, top = max(0, x - more_x), max(0, y - more_y)
        right, bottom = min(width, x + w + more_x), min(height, y + h + more_y)
        assert window.left <= left
        assert window.top <= top
        assert window.left + window.side >= right
        assert window.top + window.side >= bottom
        wanted = max(right - left, bottom - top, min(64, width, height))
        assert window.side == wanted, "no larger than it has to be"
        for start, length in ((window.left, width), (window.top, height)):
            if window.side <= length:
                assert 0 <= start <= length - window.side, "within the picture where that can be"
            else:
                assert start <= 0 <= start + window.side - length


def test_the_grid_meets_the_region_where_there_is_a_choice():
    mask = region(300, 200, (101, 57, 40, 36))
    window = window_of(mask, 64, 16, 0.5)
    assert window.side == 80
    cell = window.side / 16
    assert (101 - window.left) % cell == 0
    assert (57 - window.top) % cell == 0


def test_what_is_cut_out_and_put_back():
    pixels = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    mask = region(30, 20, (3, 0, 7, 9))
    window = Window(-2, -1, 24)
    square = window.of(pixels)
    assert np.array_equal(square[1:21, 2:], pixels[:, :22])
    assert np.array_equal(square[0], square[1]), "beyond the edge it is repeated"
    assert window.mask_of(mask)[1:21, 2:].tolist() == mask[:, :22].tolist()
    assert window.mask_of(np.ones_like(mask)).sum() == 20 * 22
    painted = pixels.copy()
    window.put(np.full((24, 24, 3), 7, np.uint8), painted, mask)
    assert (painted[mask] == 7).all()
    assert np.array_equal(painted[~mask], pixels[~mask])


@pytest.mark.parametrize("side", [16, 64, 50, 130])
def test_tokens_are_drawn_where_they_hold_a_pixel_of_the_region(side):
    mask = RNG.random((side, side)) < 0.02
    mask[0, 0] = True
    tokens = token_map(Window(0, 0, side), mask, 16)
    cell = side / 16
    for row in range(16):
        for column in range(16):
            pixels = mask[
                int(np.floor(row * cell)) : int(np.ceil((row + 1) * cell)),
                int(np.floor(column * cell)) : int(np.ceil((column + 1) * cell)),
            ]
            assert tokens.drawn[row, column] == pixels.any()
    assert np.array_equal(tokens.known, ~tokens.drawn)


def test_tokens_beyond_the_picture_are_neither_drawn_nor_known():
    mask = region(20, 64, (0, 10, 20, 20))
    tokens = token_map(Window(-22, 0, 64), mask, 16)
    assert not tokens.known[:, :6].any()
    assert not tokens.known[:, 10:].any(), "column 10 reaches from 40 to 44, the picture to 42"
    assert tokens.known[0, 6:10].tolist() == [True] * 4
    assert not (tokens.drawn & tokens.known).any()
    assert tokens.drawn[3:7, 6:10].all()

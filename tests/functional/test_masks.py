from functools import partial

import pytest
import torch

from lit_dalle.functional.masks import CAUSAL, FULL, AttentionPattern

# Naive definitions: the raster positions that the token at (row, column) sees.


def row_keys(row, column, grid):
    own = row * grid + column
    return range(own - grid, own + 1)


def column_keys(row, column, grid):
    return [above * grid + column for above in range(row + 1)]


def convolutional_keys(row, column, grid, kernel):
    half, own = kernel // 2, row * grid + column
    window = [
        (row - up) * grid + column + sideways
        for up in range(half + 1)
        for sideways in range(-half, half + 1)
    ]
    return [key for key in window if key <= own]


def naive_mask(text_len, grid, keys_of):
    n = text_len + grid * grid
    mask = torch.zeros(n, n, dtype=torch.bool)
    for text in range(text_len):
        mask[text, : text + 1] = True
        mask[text_len:, text] = True
    for row in range(grid):
        for column in range(grid):
            keys = [text_len + key for key in keys_of(row, column, grid) if key >= 0]
            mask[text_len + row * grid + column, keys] = True
    return mask


@pytest.mark.parametrize(
    ("text_len", "grid"), [(0, 4), (5, 4), (3, 5), (7, 8), (2, 16), (0, 32), (9, 32)]
)
def test_masks_equal_the_definition_of_each_token(text_len, grid):
    n = text_len + grid * grid
    row = AttentionPattern("row", text_len, grid)
    column = AttentionPattern("column", text_len, grid)
    assert torch.equal(row.mask(n), naive_mask(text_len, grid, row_keys))
    assert torch.equal(column.mask(n), naive_mask(text_len, grid, column_keys))
    for kernel in (1, 3, 11):
        keys = partial(convolutional_keys, kernel=kernel)
        found = AttentionPattern("convolutional", text_len, grid, kernel).mask(n)
        assert torch.equal(found, naive_mask(text_len, grid, keys))


def test_masks_have_the_published_sizes_on_the_32_wide_grid():
    text_len, grid = 256, 32
    inner = text_len + 20 * grid + 16  # far from every border
    masks = {
        kind: AttentionPattern(kind, text_len, grid).mask(text_len + grid**2)
        for kind in ("row", "column", "convolutional")
    }
    assert masks["row"][inner].sum() == text_len + 33
    assert masks["column"][inner].sum() == text_len + 21
    assert masks["convolutional"][inner].sum() == text_len + 61
    assert masks["convolutional"][text_len:, text_len:].sum(-1).max() == 61


@pytest.mark.parametrize("kind", ["row", "column", "convolutional", "causal"])
def test_a_shorter_stream_has_the_upper_left_part_of_the_mask(kind):
    pattern = AttentionPattern(kind, 6, 8, 5)
    whole = pattern.mask(6 + 64)
    for n in (1, 6, 7, 25):
        assert torch.equal(pattern.mask(n), whole[:n, :n])
    assert whole.diagonal().all()
    assert not (whole & ~CAUSAL.mask(70)).any()


@pytest.mark.parametrize("kind", ["row", "convolutional"])
def test_reach_is_the_way_to_the_first_visible_key(kind):
    pattern = AttentionPattern(kind, 0, 16, 5)
    first = int(pattern.mask(256)[200].nonzero()[0])
    assert pattern.reach == 200 - first


def test_row_window_wraps_and_reaches_the_token_straight_above():
    mask = AttentionPattern("row", 0, 8).mask(64)
    assert mask[16, 15]  # first of row 2 sees the last of row 1
    assert mask[16, 8]  # straight above
    assert not mask[16, 7]


def test_full_sees_everything():
    assert FULL.mask(5).all()


def test_bad_patterns_are_refused():
    with pytest.raises(ValueError, match="odd kernel, got 4"):
        AttentionPattern("convolutional", 2, 8, kernel=4)
    with pytest.raises(ValueError, match="row pattern needs the grid"):
        AttentionPattern("row", 2)

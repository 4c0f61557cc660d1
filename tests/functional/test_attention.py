from functools import partial

import pytest
import torch

from lit_dalle.functional.attention import (
    attend,
    causal_mask,
    column_mask,
    convolutional_mask,
    row_mask,
)

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
    assert torch.equal(row_mask(text_len, grid), naive_mask(text_len, grid, row_keys))
    assert torch.equal(column_mask(text_len, grid), naive_mask(text_len, grid, column_keys))
    for kernel in (3, 11):
        keys = partial(convolutional_keys, kernel=kernel)
        found = convolutional_mask(text_len, grid, kernel)
        assert torch.equal(found, naive_mask(text_len, grid, keys))


def test_masks_have_the_published_sizes_on_the_32_wide_grid():
    text_len, grid = 256, 32
    inner = text_len + 20 * grid + 16  # far from every border
    assert row_mask(text_len, grid)[inner].sum() == text_len + 33
    assert column_mask(text_len, grid)[inner].sum() == text_len + 21
    assert convolutional_mask(text_len, grid)[inner].sum() == text_len + 61
    assert convolutional_mask(text_len, grid)[text_len:, text_len:].sum(-1).max() == 61


@pytest.mark.parametrize("grid", [4, 8, 32])
def test_every_image_token_sees_all_text_itself_and_nothing_ahead(grid):
    text_len = 6
    for mask in (row_mask(text_len, grid), column_mask(text_len, grid)):
        assert mask[text_len:, :text_len].all()
        assert mask.diagonal().all()
        assert not (mask & ~causal_mask(len(mask))).any()
        assert torch.equal(mask[:text_len, :text_len], causal_mask(text_len))


def test_row_window_wraps_and_reaches_the_token_straight_above():
    mask = row_mask(0, 8)
    assert mask[16, 15]  # first of row 2 sees the last of row 1
    assert mask[16, 8]  # straight above
    assert not mask[16, 7]


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match="odd kernel, got 4"):
        convolutional_mask(2, 8, kernel=4)


def naive_attention(q, k, v, mask):
    scores = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ v


def test_attend_equals_softmax_over_the_visible_keys():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 3, 20, 8, dtype=torch.float64)
    mask = row_mask(4, 4)
    torch.testing.assert_close(attend(q, k, v, mask), naive_attention(q, k, v, mask))
    torch.testing.assert_close(
        attend(q, k, v, causal=True), naive_attention(q, k, v, causal_mask(20))
    )
    last = attend(q[:, :, -1:], k, v, mask[-1:])
    torch.testing.assert_close(last, naive_attention(q, k, v, mask)[:, :, -1:])


def test_attend_refuses_what_it_would_get_wrong():
    x = torch.randn(1, 1, 4, 8)
    with pytest.raises(ValueError, match="not both"):
        attend(x, x, x, causal_mask(4), causal=True)
    with pytest.raises(ValueError, match="got 2 and 4"):
        attend(x[:, :, :2], x, x, causal=True)

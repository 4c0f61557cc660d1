import math

import pytest
import torch

from lit_dalle.functional.orders import (
    OrderMix,
    check_permutation,
    draw_orders,
    draw_rectangles,
    in_order,
    in_raster,
    masked_last,
    random_order,
    raster_order,
    rectangle_first,
    rectangle_last,
    rectangle_mask,
)

KINDS = ("raster", "rectangle_last", "rectangle_first", "random")


def off(share, wanted, count):
    """Standard errors between a share and what is wanted; over 4.5 by chance 7 in a million."""
    return abs(share - wanted) / math.sqrt(wanted * (1 - wanted) / count)


def rectangle_of(mask):
    """Top, left, height, width of the True part of a mask of a 4 × 4 grid."""
    places = mask.view(4, 4).nonzero()
    (top, left), (bottom, right) = places.amin(0).tolist(), places.amax(0).tolist()
    return top, left, bottom - top + 1, right - left + 1


def test_a_rectangle_comes_last_or_first_and_all_else_stays_in_raster_order():
    inside, outside = [5, 6, 9, 10, 13, 14], [0, 1, 2, 3, 4, 7, 8, 11, 12, 15]
    assert rectangle_last(4, top=1, left=1, height=3, width=2).tolist() == outside + inside
    assert rectangle_first(4, top=1, left=1, height=3, width=2).tolist() == inside + outside
    assert rectangle_last(4, 0, 0, 4, 4).tolist() == raster_order(4).tolist() == list(range(16))
    assert rectangle_mask(4, 1, 1, 3, 2).nonzero().flatten().tolist() == inside


@pytest.mark.parametrize("place", [(0, 3, 1, 2), (2, 0, 3, 1), (-1, 0, 2, 2), (0, 0, 0, 2)])
def test_a_rectangle_off_the_grid_is_refused(place):
    with pytest.raises(ValueError, match=f"{place[2]} × {place[3]} tokens .* grid of 4 × 4"):
        rectangle_last(4, *place)


@pytest.mark.parametrize(
    "shares", [{"raster": -0.1}, {"raster": 0.0}, {"raster": 1.0, "random": -1.0}]
)
def test_shares_that_make_no_mix_are_refused(shares):
    with pytest.raises(ValueError, match="0 or more with a sum above 0"):
        OrderMix(**shares)


def test_shares_are_ratios_and_anneal_to_raster():
    mix = OrderMix(raster=1, rectangle_last=2, rectangle_first=0, random=1)
    assert mix.shares == (0.25, 0.5, 0, 0.25)
    assert mix.annealed(1).shares == mix.shares
    assert mix.annealed(0.5).shares == (0.625, 0.25, 0, 0.125)
    assert mix.annealed(0).shares == OrderMix().shares
    with pytest.raises(ValueError, match=r"in \[0, 1\], got 1.5"):
        mix.annealed(1.5)


def pure(count, step):
    """Orders of the same rows, all of one kind: in the order of the mix's fields."""
    mixes = [OrderMix(**(dict.fromkeys(KINDS, 0.0) | {kind: 3.0})) for kind in KINDS]
    return [draw_orders(mix, 4, 0, step, torch.arange(count)) for mix in mixes]


def test_each_kind_is_what_its_name_says():
    raster, last, first, random = pure(50, step=3)
    inside = draw_rectangles(4, 0, 3, torch.arange(50))
    assert torch.equal(raster, raster_order(4).expand(50, -1))
    assert torch.equal(last, masked_last(inside))
    assert torch.equal(first, masked_last(~inside))
    assert torch.equal(random, random_order(4, 0, 3, torch.arange(50)))


def test_the_shares_of_the_mix_are_met():
    count, mix = 8000, OrderMix(0.1, 0.3, 0.2, 0.4)
    orders, alone = draw_orders(mix, 4, 0, 7, torch.arange(count)), pure(count, step=7)
    assert torch.equal(orders.sort().values, torch.arange(16).expand(count, -1))
    same = torch.stack([(orders == other).all(1) for other in alone])
    assert same.any(0).all()
    told = same.sum(0) == 1  # a rectangle of whole rows at the start or end leaves raster order
    apart = torch.stack([(one == two).all(1) for one in alone for two in alone]).sum(0) == 4
    assert (told | ~apart).all()
    rows = int(apart.sum())
    for kind, found, wanted in zip(KINDS, same[:, apart].sum(1), mix.shares, strict=True):
        assert off(found.item() / rows, wanted, rows) < 4.5, (kind, found / rows)


def test_rectangles_have_every_size_and_place_but_the_whole_picture():
    count = 20_000
    masks = draw_rectangles(4, 0, 0, torch.arange(count))
    found = [rectangle_of(mask) for mask in masks]
    assert all(
        int(mask.sum()) == height * width
        for mask, (_, _, height, width) in zip(masks, found, strict=True)
    )
    assert len(set(found)) == (4 + 3 + 2 + 1) ** 2 - 1
    sides = [size[2:] for size in found]
    for height in range(1, 5):
        for width in range(1, 5):
            share = sides.count((height, width)) / count
            whole = height == width == 4
            assert share == 0 if whole else off(share, 1 / 15, count) < 4.5, (height, width, share)
    tops = [size[0] for size in found if size[2] == 2]
    assert all(off(tops.count(top) / len(tops), 1 / 3, len(tops)) < 4.5 for top in range(3))


def test_every_random_order_is_as_likely():
    count = 24_000
    orders = random_order(2, 3, 5, torch.arange(count))
    _, times = orders.unique(dim=0, return_counts=True)
    assert len(times) == 24
    assert all(off(time / count, 1 / 24, count) < 4.5 for time in times.tolist()), times


def test_a_row_is_a_function_of_seed_step_and_index():
    mix, index = OrderMix(1, 1, 1, 1), torch.tensor([7, 3, 900])
    many = draw_orders(mix, 8, 1, 2, torch.arange(1000))
    assert torch.equal(draw_orders(mix, 8, 1, 2, index), many[index])
    alone = draw_orders(mix, 8, 1, 2, index[1:2])
    assert torch.equal(alone, many[3:4])
    for seed, step in ((0, 2), (1, 3)):
        other = draw_orders(mix, 8, seed, step, torch.arange(1000))
        assert (other == many).all(1).float().mean() < 0.15  # both raster, 1 in 16


def test_a_mask_of_any_form_comes_last():
    mask = torch.tensor([[1, 0, 0, 1], [0, 0, 1, 0]]).bool()
    assert masked_last(mask).tolist() == [[1, 2, 0, 3], [0, 1, 3, 2]]


def test_a_picture_of_one_token_has_one_order():
    assert draw_orders(OrderMix(0, 1, 1, 1), 1, 0, 0, torch.arange(9)).tolist() == [[0]] * 9


def test_tokens_go_into_an_order_and_back():
    tokens, index = torch.randint(0, 9, (3, 16)), torch.arange(3)
    for order in (random_order(4, 0, 0, index), rectangle_last(4, 1, 1, 2, 2)[None]):
        stream = in_order(tokens, order)
        assert stream[2, 5] == tokens[2, order[-1, 5]]
        assert torch.equal(in_raster(stream, order), tokens)
    with pytest.raises(ValueError, match="whole picture, 16 image tokens, got 7"):
        in_order(tokens[:, :7], order)


def test_an_order_that_repeats_a_position_is_refused():
    with pytest.raises(ValueError, match="0 to 3 once, got one from 0 to 3 that leaves some out"):
        check_permutation(torch.tensor([[0, 1, 2, 3], [0, 1, 1, 3]]))

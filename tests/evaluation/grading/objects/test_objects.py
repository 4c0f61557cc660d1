import numpy as np
import pytest
from PIL import Image, ImageDraw

from lit_dalle.data.world import CountScene, render
from lit_dalle.data.world.vocabulary import COLOUR_RGB, SHAPES
from lit_dalle.evaluation.grading.objects import find_objects
from lit_dalle.evaluation.grading.objects.outlines import UNCLEAR, read_shapes
from lit_dalle.evaluation.grading.picture import Picture


def drawn(*boxes):
    """A pale picture with filled boxes (left, top, right, bottom, colour's name)."""
    image = Image.new("RGB", (64, 64), (240, 240, 238))
    for *corners, colour in boxes:
        ImageDraw.Draw(image).rectangle(corners, COLOUR_RGB[colour])
    return Picture(image)


def test_measures_box_area_centre_and_place():
    (one,) = find_objects(drawn((10, 40, 29, 54, "blue")))
    assert one.colour == "blue"
    assert one.box == (10, 40, 30, 55)
    assert (one.width, one.height) == (20, 15)
    assert one.area == pytest.approx(300, abs=1)
    assert one.centre == pytest.approx((20, 47.5), abs=0.1)
    assert one.place == "at the lower left"


def test_touching_colours_are_two_objects_and_soft_edges_are_none():
    found = find_objects(drawn((20, 10, 39, 29, "red"), (20, 30, 39, 49, "black")))
    assert sorted(one.colour for one in found) == ["black", "red"]


@pytest.mark.parametrize(("neck", "objects"), [(3, 2), (12, 1)])
def test_equal_objects_part_only_at_a_narrow_neck(neck, objects):
    top = 32 - neck // 2
    picture = drawn(
        (8, 24, 23, 39, "green"), (40, 24, 55, 39, "green"), (23, top, 40, top + neck - 1, "green")
    )
    assert len(find_objects(picture)) == objects


def test_a_small_smudge_belongs_to_its_object_and_a_square_does_not():
    smudged = find_objects(drawn((10, 10, 39, 39, "yellow"), (10, 10, 15, 15, "orange")))
    assert [one.colour for one in smudged] == ["yellow"]
    pasted = find_objects(drawn((10, 10, 39, 39, "yellow"), (10, 10, 18, 18, "orange")))
    assert sorted(one.colour for one in pasted) == ["orange", "yellow"]


def test_half_and_half_has_no_clear_colour():
    (one,) = find_objects(drawn((20, 20, 23, 33, "purple"), (24, 20, 27, 33, "brown")))
    assert one.colour in ("purple and brown", "brown and purple")


def test_empty_uniform_and_noise_do_not_break():
    rng = np.random.default_rng(0)
    assert find_objects(Picture(np.full((64, 64, 3), 245, np.uint8))) == []
    (all_red,) = find_objects(Picture(np.full((64, 64, 3), COLOUR_RGB["red"], np.uint8)))
    assert read_shapes([all_red.coverage])[0].names == (UNCLEAR,)
    for _ in range(5):
        find_objects(Picture(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 6])
def test_reads_every_shape_at_its_largest_and_smallest(shape, count):
    for seed in range(3):
        picture = Picture(render(CountScene(count, "green", shape), seed))
        shapes = read_shapes([one.coverage for one in find_objects(picture)])
        assert [one.names for one in shapes] == [(shape,)] * count

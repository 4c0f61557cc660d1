"""Whether a program can read the attributes back from the pixels."""

from itertools import pairwise
from random import Random
from time import process_time

import numpy as np
import pytest
from PIL import Image, ImageFilter

from lit_dalle.data.world import (
    FAMILIES,
    LEGAL,
    CountScene,
    LightScene,
    PenguinScene,
    RelationScene,
    StackScene,
    TelephoneScene,
    ThingScene,
    TogetherScene,
    WritingScene,
    neighbours,
    render,
    world_row,
    world_scene,
)
from lit_dalle.data.world.drawing.arrangements import GAP, SIDES, scattered
from lit_dalle.data.world.drawing.backdrop import PALE
from lit_dalle.data.world.drawing.canvas import DARK, SLATE, jittered
from lit_dalle.data.world.drawing.glyphs import GLYPH_HEIGHT, GLYPH_WIDTH, GLYPHS
from lit_dalle.data.world.drawing.writing import PITCH
from lit_dalle.data.world.vocabulary import COLOUR_RGB, COLOURS

LEAST_SIDE = 8


def lab(rgb):
    """CIE L*a*b* of sRGB levels, on the last axis."""
    level = np.asarray(rgb, float) / 255
    linear = np.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = linear @ np.array(to_xyz).T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


def mask(picture, colour, within=22.0):
    """Pixels near a named colour."""
    pixels = lab(np.asarray(picture))
    return np.linalg.norm(pixels - lab(COLOUR_RGB[colour]), axis=-1) < within


def components(found, least=12):
    """Boxes (top, left, bottom, right) of the connected regions of at least so many pixels."""
    left = {(int(y), int(x)) for y, x in np.argwhere(found)}
    boxes = []
    while left:
        edge = [left.pop()]
        region = list(edge)
        while edge:
            y, x = edge.pop()
            for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if near in left:
                    left.remove(near)
                    edge.append(near)
                    region.append(near)
        if len(region) >= least:
            ys, xs = zip(*region, strict=True)
            boxes.append((min(ys), min(xs), max(ys) + 1, max(xs) + 1))
    return boxes


def extent(found):
    ys, xs = np.nonzero(found)
    return int(np.ptp(ys)) + 1, int(np.ptp(xs)) + 1


def blurred(picture):
    return picture.filter(ImageFilter.GaussianBlur(1.0))


def test_jittered_colours_never_meet_each_other_the_background_or_grey_parts():
    rng = Random(0)
    drawn = {
        name: lab([jittered(rgb, rng) for _ in range(200)]) for name, rgb in COLOUR_RGB.items()
    }
    assert len(drawn) >= 10
    for i, a in enumerate(COLOURS):
        for other in [drawn[b] for b in COLOURS[i + 1 :]] + [lab([*PALE, SLATE])]:
            distance = np.linalg.norm(drawn[a][:, None] - other[None], axis=-1)
            assert distance.min() > 25, a


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_is_a_function_of_scene_and_seed(family):
    scene = world_scene("train", 1, families=[family])
    first = render(scene, 4)
    assert first.tobytes() == render(scene, 4).tobytes() != render(scene, 5).tobytes()
    large = render(scene, 4, 128)
    assert (large.size, large.mode) == ((128, 128), "RGB")
    difference = np.asarray(large.reduce(2), float) - np.asarray(first, float)
    assert np.abs(difference).mean() < (12 if family == "light" else 4)


@pytest.mark.parametrize("count", LEGAL["count"]["count"])
def test_objects_are_counted_apart_also_when_blurred(count):
    for i, shape in enumerate(LEGAL["count"]["shape"]):
        for colour in (COLOURS[i], COLOURS[(i + 5) % 10]):
            picture = render(CountScene(count, colour, shape), i)
            for seen in (picture, blurred(picture)):
                assert len(components(mask(seen, colour, 30))) == count, (colour, shape)
            for top, left, bottom, right in components(mask(picture, colour, 30)):
                assert min(bottom - top, right - left) >= LEAST_SIDE


def test_places_keep_their_distance_and_stay_inside():
    for count, (least, most) in SIDES.items():
        assert least >= 13
        for seed in range(200):
            rng = Random(seed)
            side = rng.uniform(least, most)
            places = scattered(count, side, rng)
            assert len(places) == count
            for i, (x, y) in enumerate(places):
                assert side / 2 <= min(x, y)
                assert max(x, y) <= 64 - side / 2
                for a, b in places[:i]:
                    assert max(abs(x - a), abs(y - b)) >= side + GAP - 1e-9


def test_shapes_fill_their_boxes_differently():
    """Share of each shape's box that it fills, and its share on the left and the upper half."""
    seen = {}
    for shape in LEGAL["count"]["shape"]:
        picture = render(CountScene(1, "blue", shape), 3)
        found = mask(picture, "blue", 30)
        top, left, bottom, right = components(found)[0]
        box = Image.fromarray(found[top:bottom, left:right]).resize((16, 16))
        seen[shape] = np.asarray(box)
    names = list(seen)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert (seen[a] != seen[b]).mean() > 0.08, (a, b)


@pytest.mark.parametrize("relation", LEGAL["relation"]["relation"])
def test_objects_stand_in_their_relation(relation):
    for seed in range(20):
        scene = RelationScene("red", "moon", relation, "blue", "cross")
        picture = render(scene, seed)
        (first,), (second,) = components(mask(picture, "red")), components(mask(picture, "blue"))
        for top, left, bottom, right in (first, second):
            assert min(bottom - top, right - left) >= LEAST_SIDE
        down = second[0] + second[2] - first[0] - first[2]
        across = second[1] + second[3] - first[1] - first[3]
        along, beside = (across, down) if "of" in relation else (down, across)
        assert (along > 0) == (relation in ("left of", "above"))
        assert abs(along) > 2 * abs(beside)


@pytest.mark.parametrize("height", [2, 3, 4])
def test_blocks_stand_on_each_other_in_order(height):
    for seed in range(10):
        rng = Random(seed)
        colours = tuple(rng.sample(COLOURS, height))
        picture = render(StackScene(colours), seed)
        boxes = [components(mask(picture, colour))[0] for colour in colours]
        for upper, lower in pairwise(boxes):
            assert abs(upper[2] - lower[0]) <= 2
            overlap = min(upper[3], lower[3]) - max(upper[1], lower[1])
            assert overlap >= LEAST_SIDE
        assert all(box[2] - box[0] >= LEAST_SIDE for box in boxes)


def test_every_piece_of_clothing_shows():
    for seed in range(20):
        rng = Random(seed)
        hat, gloves, shirt, pants = rng.sample(COLOURS, 4)
        picture = render(PenguinScene(hat, gloves, shirt, pants), seed)
        middle = {}
        for name, colour in (("hat", hat), ("shirt", shirt), ("pants", pants)):
            found = mask(picture, colour)
            assert min(extent(found)) >= LEAST_SIDE, (name, colour)
            middle[name] = np.nonzero(found)[0].mean()
        assert middle["hat"] < middle["shirt"] < middle["pants"]
        hands = components(mask(picture, gloves))
        assert len(hands) == 2
        assert all(min(b - t, r - le) >= LEAST_SIDE for t, le, b, r in hands)


def test_eras_differ_in_silhouette():
    seen = {}
    for era in LEGAL["telephone"]["era"]:
        for seed in range(6):
            picture = render(TelephoneScene(era, "red", "table"), seed)
            found = mask(picture, "red", 30)
            assert min(extent(found)) >= LEAST_SIDE
            ys, xs = np.nonzero(found)
            box = found[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
            seen[era, seed] = np.asarray(Image.fromarray(box).resize((12, 12)))
    for (era, _), a in seen.items():
        for (other, _), b in seen.items():
            if era != other:
                assert (a != b).mean() > 0.15, (era, other)


def test_the_sun_stands_against_the_shadow():
    side = {"sunrise": 1, "morning": 1, "noon": 0, "afternoon": -1, "sunset": -1, "night": 0}
    reach = {}
    for time, expected in side.items():
        reaches = []
        for seed in range(8):
            picture = render(LightScene(time, "line drawing", "desert", "clear"), seed)
            grey = np.asarray(picture.convert("L"))
            rows = grey[57:61]
            shaded = (rows > 110) & (rows < 190)
            xs = np.nonzero(shaded.any(0))[0]
            reaches.append((xs.min() + xs.max()) / 2 - 31.5)
        reach[time] = np.mean(reaches)
        assert abs(reach[time]) < 2.5 if expected == 0 else reach[time] * expected > 2.5
    assert reach["sunrise"] > reach["morning"] + 2
    assert reach["sunset"] < reach["afternoon"] - 2


def test_skies_follow_the_time():
    for style in ("cartoon", "painting", "pixel art"):
        sky = {}
        for time in LEGAL["light"]["time"]:
            pixels = np.asarray(render(LightScene(time, style, "city", "clear"), 1), float)
            sky[time] = np.median(pixels[14:30, 22:30].reshape(-1, 3), axis=0)
        assert sky["night"].sum() < 250
        assert sky["noon"][2] > sky["noon"][0] + 80
        assert sky["sunset"][0] > sky["sunset"][2] + 80
        assert 30 < sky["sunrise"][0] - sky["sunrise"][2] < 100


def test_styles_leave_their_marks():
    for seed in range(12):
        scene = world_scene("train", seed, families=["light"])
        pictures = {
            style: np.asarray(
                render(LightScene(scene.time, style, scene.place, scene.weather), seed), float
            )
            for style in LEGAL["light"]["style"]
        }
        saturation = {style: np.ptp(p, axis=2).mean() for style, p in pictures.items()}
        assert saturation["black and white photo"] == 0
        assert saturation["line drawing"] < 6
        assert saturation["blueprint"] > 60
        assert np.median(pictures["line drawing"]) > 245
        photo_border = pictures["black and white photo"][:2]
        assert photo_border.min() > 245
        blocks = pictures["pixel art"].reshape(32, 2, 32, 2, 3)
        assert np.abs(blocks - blocks[:, :1, :, :1]).max() == 0
        frame = pictures["painting"][:2].reshape(-1, 3).mean(0)
        assert np.abs(frame - (122, 78, 36)).max() < 6
        dark = {s: (np.abs(p - DARK).max(2) < 30).mean() for s, p in pictures.items()}
        if scene.time != "night":
            assert dark["cartoon"] > dark["pixel art"] + 0.04


def test_things_show_their_shape_and_kind():
    seen = {}
    for shape in LEGAL["thing"]["shape"]:
        found = mask(render(ThingScene("kite", shape, "red"), 2), "red", 30)
        ys, xs = np.nonzero(found)
        assert min(extent(found)) >= LEAST_SIDE
        seen[shape] = found[ys.min() : ys.min() + 34, xs.min() : xs.min() + 36]
        canvas = np.zeros((36, 36), bool)
        canvas[: seen[shape].shape[0], : seen[shape].shape[1]] = seen[shape]
        seen[shape] = canvas
    names = list(seen)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert (seen[a] != seen[b]).sum() > 60, (a, b)
    grey = {}
    for kind in LEGAL["thing"]["kind"]:
        pixels = lab(np.asarray(render(ThingScene(kind, "square", "red"), 2)))
        grey[kind] = int((np.linalg.norm(pixels - lab(SLATE), axis=-1) < 8).sum())
    assert grey["armchair"] > grey["lamp"] > grey["kite"]


def test_garments_show_their_colour():
    for garment in LEGAL["together"]["garment"]:
        for vegetable in LEGAL["together"]["vegetable"]:
            picture = render(TogetherScene(vegetable, garment, "blue", "dog"), 1)
            found = mask(picture, "blue")
            height, width = extent(found)
            assert min(height, width) >= LEAST_SIDE, (vegetable, garment)
            middle = np.nonzero(found)[0].mean()
            assert {"hat": middle < 20, "boots": middle > 50}.get(garment, 30 < middle < 48)
            assert len(components(found)) == 2 or garment != "boots"


def test_letters_have_the_pixels_of_the_face():
    for seed, word in enumerate(("openai", "quartz", "cafe", "jam", "vexing", "whisky")):
        pixels = np.asarray(render(WritingScene(word, "red"), seed), float)
        ink = np.abs(pixels - DARK).max(2) < 60
        rows = [
            [c == "#" for c in "..".join(r)] for r in zip(*(GLYPHS[a] for a in word), strict=True)
        ]
        expected = np.array(rows)
        assert expected.shape == (GLYPH_HEIGHT, PITCH * len(word) - 2)
        places = [
            (y, x)
            for y in range(64 - expected.shape[0])
            for x in range(64 - expected.shape[1])
            if (ink[y : y + expected.shape[0], x : x + expected.shape[1]] == expected).all()
        ]
        assert len(places) == 1, word


def test_letters_differ():
    assert sorted(GLYPHS) == list("abcdefghijklmnopqrstuvwxyz")
    arrays = {}
    for letter, rows in GLYPHS.items():
        assert len(rows) == GLYPH_HEIGHT
        assert {len(row) for row in rows} == {GLYPH_WIDTH}
        assert set("".join(rows)) == {"#", "."}
        arrays[letter] = np.array([[c == "#" for c in row] for row in rows])
    for a in arrays:
        for b in arrays:
            assert a == b or (arrays[a] != arrays[b]).sum() >= 8, (a, b)


def test_hundreds_of_pictures_a_second():
    """Catches a change that costs a factor of ten; docs/world.md has the measured figures."""
    start = process_time()
    for index in range(90):
        world_row("train", index)
    assert 90 / (process_time() - start) > 200


@pytest.mark.parametrize("family", FAMILIES)
def test_every_attribute_shows_in_the_pixels(family):
    """One attribute changes at least a dozen pixels by a fifth of their range."""
    for index in range(4):
        scene = world_scene("train", index, families=[family])
        pixels = np.asarray(render(scene, 1), int)
        for other in neighbours(scene):
            change = np.abs(pixels - np.asarray(render(other, 1), int)).max(2)
            assert (change > 48).sum() >= 12, (scene, other)

import json

import pytest
from PIL import Image, ImageDraw

from lit_dalle.data.world import CountScene, RelationScene, StackScene, render, scene_to_json
from lit_dalle.data.world.vocabulary import COLOUR_RGB
from lit_dalle.evaluation.grading.prompts import grade_prompt, read_prompts


@pytest.fixture
def prompt(tmp_path):
    """From entries of one prompt to the prompt read from a file."""

    def read(include=(), **entries):
        line = {"tag": "t", "prompt": "p", "include": list(include), **entries}
        path = tmp_path / "prompts.jsonl"
        path.write_text("\n" + json.dumps(line) + "\n")
        (only,) = read_prompts(path)
        return only

    return read


def test_counts_exactly_and_by_colour(prompt):
    image = render(CountScene(3, "red", "star"), 0)
    right = prompt([{"class": "star", "count": 3}])
    assert grade_prompt(image, right).right
    assert grade_prompt(image, prompt([{"class": "star", "count": 3, "color": "red"}])).right
    wrong = prompt([{"class": "star", "count": 2, "colour": "red"}])
    assert grade_prompt(image, wrong).reason == "red star: 3, not 2"
    blue = grade_prompt(image, prompt([{"class": "star", "count": 3, "colour": "blue"}]))
    assert blue.reason.startswith("blue star: 0, not 3; something red")


def test_positions_and_strictness(prompt):
    image = render(RelationScene("red", "circle", "left of", "blue", "square"), 0)
    circle, block = {"class": "circle", "color": "red"}, {"class": "block", "color": "blue"}
    assert grade_prompt(image, prompt([circle | {"position": ["left of", 1]}, block])).right
    assert grade_prompt(image, prompt([circle, block | {"position": ["right of", 0]}])).right
    above = grade_prompt(image, prompt([circle | {"position": ["above", 1]}, block]))
    assert above.reason == "red circle: left of, not above"
    assert not grade_prompt(image, prompt([circle])).right


def test_blocks_on_one_another(prompt):
    image = render(StackScene(("red", "black", "red")), 0)
    upper = {"class": "block", "color": "red", "position": ["on", 1]}
    middle = {"class": "block", "color": "black", "position": ["on", 2]}
    lower = {"class": "block", "color": "red"}
    assert grade_prompt(image, prompt([upper, middle, lower])).right
    assert not grade_prompt(image, prompt([upper | {"position": ["on", 2]}, middle, lower])).right
    apart = Image.new("RGB", (64, 64), (240, 240, 238))
    for top, colour in ((6, "red"), (40, "black")):
        ImageDraw.Draw(apart).rectangle((20, top, 35, top + 15), COLOUR_RGB[colour])
    verdict = grade_prompt(apart, prompt([upper, {"class": "block", "color": "black"}]))
    assert verdict.reason == "not red block on black block"


def test_excluded_objects_must_be_fewer(prompt):
    image = render(CountScene(2, "green", "heart"), 0)
    two = [{"class": "heart", "count": 2}]
    assert grade_prompt(image, prompt(two, exclude=[{"class": "heart", "count": 3}])).right
    verdict = grade_prompt(image, prompt(two, exclude=[{"class": "heart", "count": 2}]))
    assert verdict.reason == "heart: 2, not fewer than 2"


def test_a_scene_decides_alone(prompt):
    scene = CountScene(2, "green", "heart")
    asked = prompt([{"class": "star"}], scene=scene_to_json(scene))
    assert grade_prompt(render(scene, 0), asked).right
    assert prompt(scene=json.loads(scene_to_json(scene))).scene == scene
    assert not grade_prompt(render(CountScene(3, "green", "heart"), 0), asked).right


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "this is not JSON"),
        ("[]", "a prompt is a JSON object"),
        ('{"tag": "t", "include": []}', 'a prompt has no "prompt"'),
        ('{"tag": "t", "prompt": "p"}', "asks for nothing"),
        ('{"tag": "t", "prompt": "p", "include": [{"class": "dog"}]}', "class is 'dog'"),
        (
            '{"tag": "t", "prompt": "p", "include": [{"class": "star", "color": "mauve"}]}',
            "colour is 'mauve'",
        ),
        (
            '{"tag": "t", "prompt": "p", "include": [{"class": "star", "count": 0}]}',
            "count is 0",
        ),
        (
            '{"tag": "t", "prompt": "p", "include": [{"class": "star", "size": 1}]}',
            'unknown "size"',
        ),
        (
            '{"tag": "t", "prompt": "p", "include": [{"class": "star", "position": ["in", 0]}]}',
            "relation is 'in'",
        ),
        (
            '{"tag": "t", "prompt": "p", "include": [{"class": "star", "position": ["above", 0]}]}',
            "position of object 0 refers to object 0",
        ),
        ('{"tag": "t", "prompt": "p", "scene": "{}"}', "scene family is None"),
    ],
)
def test_faults_name_file_line_and_what_is_wrong(tmp_path, line, fault):
    path = tmp_path / "mine.jsonl"
    path.write_text('{"tag": "t", "prompt": "p", "include": [{"class": "star"}]}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"mine\.jsonl, line 2: ") as raised:
        read_prompts(path)
    assert fault in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_without_prompts_is_refused(tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ValueError, match="no prompt in it"):
        read_prompts(tmp_path / "empty.jsonl")

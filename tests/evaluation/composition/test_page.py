import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from tiny_world import parity_of_all, tiny_world_pipeline

from lit_dalle.evaluation.composition.measure import Plan, measure
from lit_dalle.evaluation.composition.page import page_of, write_page
from lit_dalle.evaluation.composition.painter import Painter
from lit_dalle.evaluation.composition.pools import PoolMaker
from lit_dalle.evaluation.composition.prompts import Prompt, world_prompts
from lit_dalle.evaluation.composition.retrieval import look_at_training
from lit_dalle.evaluation.composition.rows import add_rows
from lit_dalle.evaluation.results import ResultFile
from lit_dalle.generation.settings import DrawingSettings

PLAN = Plan(candidates=4, large_pool=0, seeds=(3,), shown_prompts=2, shown_samples=3)
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects tags with their classes and text, and sees that what opens is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text, self.sources = [], [], [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found.get("class")))
        self.sources += [found[name] for name in ("src", "href") if name in found]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def made():
    painter = Painter(tiny_world_pipeline(), DrawingSettings())
    training = look_at_training(painter, 10)
    prompts = world_prompts(["stack"], ["iid", "held-out"], 3)
    prompts[0] = Prompt("a <b>bold</b> & red block", **_rest(prompts[0]))
    measured = measure(prompts, training, PoolMaker(painter, parity_of_all, {}), PLAN)
    results = ResultFile("composition", {"pipeline": "tiny", "seeds": [3]})
    add_rows(results, measured, PLAN, training.copies)
    return results, measured, training


def _rest(prompt):
    return {name: getattr(prompt, name) for name in ("key", "number", "case", "asked", "reason")}


def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_the_page_stands_alone_and_shows_the_first_prompts(made):
    results, measured, training = made
    reader = read(page_of(results, measured, training, PLAN))
    text = "".join(reader.text)
    assert all(source.startswith("data:image/png;base64,") for source in reader.sources)
    assert not {"script", "link"} & {tag for tag, _ in reader.tags}
    for one in measured:
        assert (one.prompt.text in text) == (one.prompt.number < 2)
    # ground truth, the best and its nearest, three samples
    assert len(reader.sources) == 4 * (1 + 2 + 3)
    assert "a <b>bold</b> & red block" in text, "escaped, not taken for tags"
    assert "bytes: odd, not <even>" in text
    assert "held out: pair" in text


def test_frames_and_pictures_are_those_of_the_samples(made):
    results, measured, training = made
    page = page_of(results, measured[:1], training, PLAN)
    reader = read(page)
    pool = measured[0].pools[0]
    best = int(pool.scores.argmax())
    frames = [found for tag, found in reader.tags if tag == "figure"]
    right = [measured[0].references["ground-truth"].verdict.right, pool.right[best], None]
    right += pool.right[:3].tolist()
    assert frames == [{True: "right", False: "wrong", None: ""}[one] for one in right]
    decoded = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))
        for source in reader.sources
    ]
    np.testing.assert_array_equal(decoded[1], pool.shown[best].picture)
    np.testing.assert_array_equal(decoded[3], pool.shown[0].picture)
    row = training.nearest_by_look(pool.shown[best].picture)
    np.testing.assert_array_equal(decoded[2], training.picture(row))


def test_the_table_holds_the_accuracies(made):
    results, measured, training = made
    text = "|".join(read(page_of(results, measured, training, PLAN)).text)
    wanted = {"family": "all", "split": "iid", "row": "model", "n": 1}
    (value,) = [row["value"] for row in results.rows if row["case"] == wanted]
    assert f"{100 * value:.1f}" in text
    assert "Accuracy, iid (%)" in text
    assert "Accuracy, held-out (%)" in text


def test_a_page_is_written_whole(tmp_path):
    write_page(tmp_path / "new" / "page.html", "<p>é</p>")
    assert (tmp_path / "new" / "page.html").read_text("utf-8") == "<p>é</p>"
    assert len(list((tmp_path / "new").iterdir())) == 1

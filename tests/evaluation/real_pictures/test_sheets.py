import numpy as np
import pytest
from PIL import ImageFont

from lit_dalle.evaluation.real_pictures import lettering
from lit_dalle.evaluation.real_pictures.lettering import has_letters, lettered
from lit_dalle.evaluation.real_pictures.sheets import BESIDE, WORDS_WIDTH, Line, prompt_sheet
from lit_dalle.generation.pictures import GAP, MARGIN

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def plain(colour, size=64):
    return np.full((size, size, 3), colour, np.uint8)


def line(text="dog face, noto style", gloss=""):
    return Line(plain(RED), np.stack([plain(GREEN), plain(BLUE), plain(GREEN)]), text, gloss)


def test_a_sheet_has_a_row_a_prompt_with_the_real_picture_first():
    sheets = [prompt_sheet([line()] * count, title="seen") for count in (1, 4)]
    assert sheets[1].height - sheets[0].height == 3 * (128 + GAP)
    width = MARGIN + 128 + BESIDE + 3 * (128 + GAP) - GAP + BESIDE + WORDS_WIDTH + MARGIN
    assert sheets[0].width == width
    middle = sheets[0].height - MARGIN - GAP - 64
    first = MARGIN + 128 + BESIDE
    places = [MARGIN + 64, first + 64, first + 128 + GAP + 64, first + 2 * (128 + GAP) + 64]
    colours = [sheets[0].getpixel((x, middle)) for x in places]
    assert colours == [RED, GREEN, BLUE, GREEN]


def test_the_words_stand_beside():
    with_words, without = (prompt_sheet([line(text)], title="seen") for text in ("dog", " "))
    changed = np.argwhere((np.asarray(with_words) != np.asarray(without)).any(axis=2))
    assert len(changed)
    assert changed[:, 1].min() >= with_words.width - MARGIN - WORDS_WIDTH


def test_no_prompt_is_no_sheet():
    with pytest.raises(ValueError, match="at least one prompt"):
        prompt_sheet([], title="seen")


@pytest.fixture
def only_pillows_font(monkeypatch):
    monkeypatch.setattr(lettering, "FONTS", ())


@pytest.mark.usefixtures("only_pillows_font")
def test_what_no_font_can_write_is_written_otherwise():
    assert lettered("dog face", "", 18)[0] == "dog face"
    assert lettered("Großes Gebäude", "building", 18)[0] in ("Großes Gebäude", "Grosses Gebaude")
    assert lettered("狗脸", "zh: dog face", 18)[0] == "zh: dog face"


def test_a_font_has_the_letters_that_it_draws():
    font = ImageFont.load_default(18)
    assert has_letters(font, "dog face, 12")
    assert not has_letters(font, "狗")


def test_a_font_of_ones_own_comes_first_and_must_be_one(tmp_path):
    (tmp_path / "x.ttf").write_text("no font")
    with pytest.raises(ValueError, match="is no font that can be read"):
        prompt_sheet([line()], title="seen", font=tmp_path / "x.ttf")

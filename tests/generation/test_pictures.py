import pytest
import torch
from PIL import Image, ImageChops

from lit_dalle.generation.pictures import contact_sheet, to_pictures, write_png


def test_png_gives_back_the_tensor(tmp_path):
    images = torch.randint(0, 256, (2, 3, 5, 7), dtype=torch.uint8)
    pictures = to_pictures(images)
    assert pictures[1].size == (7, 5)
    write_png(pictures[1], tmp_path / "a.png")
    pixels = torch.frombuffer(
        bytearray(Image.open(tmp_path / "a.png").tobytes()), dtype=torch.uint8
    )
    assert torch.equal(pixels.view(5, 7, 3).permute(2, 0, 1), images[1])
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_every_picture_is_on_the_sheet_once():
    colours = [(10 * number, 255 - 10 * number, 77) for number in range(11)]
    pictures = [Image.new("RGB", (16, 16), colour) for colour in colours]
    labels = [f"{number}" for number in range(11)]
    sheet = contact_sheet(pictures, title="a title", note="a note", labels=labels, columns=4)
    found = {colour: count for count, colour in sheet.getcolors(1 << 20)}
    assert {found.get(colour) for colour in colours} == {(16 * 7) ** 2}


def test_small_pictures_are_enlarged_and_large_ones_not():
    small = contact_sheet([Image.new("RGB", (64, 64))], title="t")
    large = contact_sheet([Image.new("RGB", (256, 256))], title="t")
    assert small.getcolors(9999)[0] is not None
    assert dict(map(reversed, small.getcolors(9999)))[0, 0, 0] == 128**2
    assert dict(map(reversed, large.getcolors(9999)))[0, 0, 0] == 256**2


@pytest.mark.parametrize("title", ["a word " * 60, "endless" * 60, "", "ein Käfer — 亀"])
def test_any_title_fits(title):
    picture = Image.new("RGB", (64, 64), "red")
    sheet = contact_sheet([picture] * 3, title=title, labels=["1", "2", "3"])
    edge = sheet.crop((sheet.width - 8, 0, sheet.width, sheet.height))
    blank = Image.new("RGB", edge.size, (255, 255, 255))
    assert ImageChops.difference(edge, blank).getbbox() is None, "text runs into the edge"


def test_labels_and_pictures_must_agree():
    with pytest.raises(ValueError, match="1 labels for 2 pictures"):
        contact_sheet([Image.new("RGB", (8, 8))] * 2, title="t", labels=["one"])
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([], title="t")

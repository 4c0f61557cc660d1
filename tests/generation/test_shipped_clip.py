"""The emoji CLIP that ships."""

import numpy as np
import torch
from PIL import Image, ImageDraw

from lit_dalle.generation.clips import find_clip, load_clip
from lit_dalle.generation.hub import shipped_clips, shipped_pipelines

COLOURS = {"red": (221, 46, 68), "blue": (85, 172, 238), "green": (120, 177, 89)}


def test_it_is_found_by_its_name_beside_the_pipelines():
    assert {"emoji", "world"} <= set(shipped_clips())
    assert {"emoji", "world"} <= set(shipped_pipelines())
    size = sum(path.stat().st_size for path in find_clip("emoji").iterdir())
    assert size <= 25e6
    card = (find_clip("emoji").parent / "README.md").read_text()
    assert all(name in card for name in ("OpenMoji", "Twemoji", "Noto", "CLDR"))


@torch.no_grad()
def test_it_names_discs_that_are_drawn_here():
    clip = load_clip("emoji")
    images = []
    for colour in COLOURS.values():
        image = Image.new("RGB", (64, 64), "white")
        ImageDraw.Draw(image).ellipse([2, 2, 61, 61], fill=colour)
        images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255)
    names = [f"{colour} {shape}" for shape in ("circle", "square", "heart") for colour in COLOURS]
    cosines = (
        clip.net.encode_image(torch.stack(images))
        @ clip.net.encode_text(clip.tokenizer.encode(names)).mT
    )
    assert [names[at] for at in cosines.argmax(dim=1)] == [f"{colour} circle" for colour in COLOURS]

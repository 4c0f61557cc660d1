"""A region is repainted, and nothing else."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from lit_dalle.generation.decode import UNKNOWN
from lit_dalle.generation.edit import PIXEL_ERROR, EditTask, resized
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.region import Rectangle
from lit_dalle.generation.settings import PipelineSettings
from lit_dalle.models.dalle import Dalle

PROMPT = "a red circle"
FEW = {"candidates": 6, "keep": 3}
RNG = np.random.default_rng(0)


@pytest.fixture
def painting(tiny_nets):
    """A pipeline whose prior is of order ``any``; pictures of 16 pixels, 4×4 tokens."""
    config = replace(tiny_nets.prior.config, order="any", attention="causal")
    torch.manual_seed(0)
    tiny_nets.prior = Dalle(config).eval()
    return tiny_nets.pipeline()


def picture(width=16, height=16):
    return Image.fromarray(RNG.integers(0, 256, (height, width, 3), np.uint8))


def mask_of(width, height, x, y, w, h):
    mask = np.zeros((height, width), bool)
    mask[y : y + h, x : x + w] = True
    return mask


@pytest.mark.parametrize("size", [(16, 16), (40, 23), (9, 30), (5, 5), (64, 16)])
def test_outside_the_region_every_byte_stays(painting, size):
    before = picture(*size)
    for number in range(4):
        if number < 3:
            w, h = (int(RNG.integers(1, side)) for side in size)
            x, y = (int(RNG.integers(0, s - p + 1)) for s, p in zip(size, (w, h), strict=True))
            region = mask_of(*size, x, y, w, h)
        else:
            region = RNG.random(size[::-1]) < 0.3
        edit = painting.edit(before, PROMPT, region, **FEW)
        assert len(edit.pictures) == 3
        for after in edit.pictures:
            assert (after.size, after.mode) == (size, "RGB")
            same = (np.asarray(after) == np.asarray(before)).all(axis=-1)
            assert same[~region].all()
        assert not all((np.asarray(one) == np.asarray(before)).all() for one in edit.pictures)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "I;16", "1"])
def test_pictures_of_other_modes_become_rgb_first(painting, mode):
    levels = RNG.integers(0, 256, (16, 16), np.uint8)
    if mode == "I;16":
        before = Image.fromarray(levels.astype(np.uint16) * 257)
    else:
        before = Image.fromarray(levels).convert("RGB").convert(mode)
    edit = painting.edit(before, PROMPT, [Rectangle(4, 4, 5, 6)], **FEW)
    assert edit.original.mode == "RGB"
    (after, *_), region = edit.pictures, edit.region
    assert (np.asarray(after)[~region] == np.asarray(edit.original)[~region]).all()


def test_what_stands_in_the_region_does_not_matter(painting):
    region = mask_of(16, 16, 3, 5, 6, 7)
    one = np.asarray(picture())
    other = np.where(region[..., None], RNG.integers(0, 256, one.shape, np.uint8), one)
    first, second = (
        painting.edit(Image.fromarray(pixels), PROMPT, region, **FEW) for pixels in (one, other)
    )
    assert torch.equal(first.generation.image_tokens, second.generation.image_tokens)
    for a, b in zip(first.pictures, second.pictures, strict=True):
        assert a.tobytes() == b.tobytes()


def test_tokens_around_the_region_are_those_of_the_picture(painting):
    region = mask_of(16, 16, 4, 8, 8, 4)
    task = EditTask.of(picture(), region, 16, 4, 0.5)
    known = task.known_image_tokens(painting.dvae.encode(task.shown))
    drawn = torch.tensor([5 + 4, 6 + 4])
    assert (known[0] == UNKNOWN).nonzero().flatten().tolist() == drawn.tolist()
    assert task.order.tolist() == [n for n in range(16) if n not in drawn] + drawn.tolist()
    edit = painting.edit(Image.fromarray(task.picture), PROMPT, region, **FEW)
    tokens = edit.generation.image_tokens
    kept = known[0] != UNKNOWN
    assert torch.equal(tokens[:, kept], known[:, kept].expand(3, -1))


def test_seed_and_prompt_decide(painting):
    before, region = picture(), [Rectangle(2, 2, 9, 9)]
    one, same, other = (
        painting.edit(before, PROMPT, region, seed=seed, **FEW) for seed in (1, 1, 2)
    )
    assert one.generation.scores == same.generation.scores
    assert one.pictures[0].tobytes() == same.pictures[0].tobytes()
    assert not torch.equal(one.generation.image_tokens, other.generation.image_tokens)


def test_the_fit_is_added_to_clips_cosine(painting):
    before, region = picture(), [Rectangle(4, 4, 4, 8)]
    plain = painting.edit(before, PROMPT, region, candidates=6, keep=6, fit_weight=0.0)
    fitting = painting.edit(before, PROMPT, region, candidates=6, keep=6, fit_weight=5.0)
    assert set(plain.generation.parts) == {"clip"}
    assert set(fitting.generation.parts) == {"clip", "fit"}
    cosines, fits = fitting.generation.parts["clip"], fitting.generation.parts["fit"]
    assert max(fits) < 0
    assert len(set(fits)) > 1
    for score, cosine, fit in zip(fitting.generation.scores, cosines, fits, strict=True):
        assert score == pytest.approx(cosine + 5 * fit, abs=1e-4)
    by_number = dict(zip(fitting.generation.candidates, fits, strict=True))
    text = painting.prior_tokenizer.encode([PROMPT])
    drawn = mask_of(4, 4, 1, 1, 1, 2).ravel()
    order = torch.from_numpy(np.argsort(~drawn, kind="stable"))
    for number, tokens in zip(
        fitting.generation.candidates, fitting.generation.image_tokens, strict=True
    ):
        logits = painting.prior(text, tokens[None], order).image_logits[0].log_softmax(-1)
        each = logits[torch.arange(16), tokens[order]]
        assert by_number[number] == pytest.approx(each[2:].mean().item(), abs=1e-3)


def test_evidence_is_the_likelihood_of_the_kept_pixels(painting):
    region = mask_of(16, 16, 6, 4, 6, 4)  # cuts the cell of column 1, row 1
    task = EditTask.of(picture(), region, 16, 4, 0.5)
    codes = painting.dvae.code_pictures()
    found = task.evidence(codes)
    assert found.shape == (16, len(codes))
    assert found.abs().sum(dim=1).nonzero().flatten().tolist() == [5]
    kept = torch.from_numpy(task.picture[4:8, 4:6].copy()).permute(2, 0, 1) / 255
    gaps = ((codes[:, :, :, :2] - kept) ** 2).sum(dim=(1, 2, 3))
    wanted = -gaps / (2 * PIXEL_ERROR**2)
    torch.testing.assert_close(found[5] - found[5, 0], wanted - wanted[0], rtol=1e-3, atol=1e-3)
    whole = EditTask.of(picture(), mask_of(16, 16, 4, 4, 8, 4), 16, 4, 0.5)
    assert whole.evidence(codes) is None


def test_a_code_shows_what_it_shows_among_its_like(painting):
    pictures = painting.dvae.code_pictures()
    same = painting.dvae.decode(torch.full((1, 16), 3))
    near = (same[0, :, 4:8, 4:8] - pictures[3]).abs().max()
    assert near < 0.05, "the middle of a whole picture of one code"


def test_masks_become_smaller_without_losing_what_is_repainted():
    kept = np.ones((40, 40), bool)
    kept[7, 31] = False
    small = resized(kept, 16)
    assert small.shape == (16, 16)
    assert np.argwhere(~small).tolist() == [[2, 12], [3, 12]]


def test_a_raster_prior_is_told(tiny_nets):
    with pytest.raises(ValueError, match="prior reads in raster order and cannot see what lies"):
        tiny_nets.pipeline().edit(picture(), PROMPT, [Rectangle(1, 1, 3, 3)], **FEW)


def test_bad_settings(painting):
    for options, message in (
        ({"fit_weight": -1.0}, "fit_weight must be 0 or more"),
        ({"context": -0.5}, "context must be 0 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            painting.edit(picture(), PROMPT, [Rectangle(1, 1, 3, 3)], **FEW, **options)


def test_an_edit_is_written_as_a_folder(painting, tmp_path):
    edit = painting.edit(picture(40, 23), PROMPT, [Rectangle(3, 4, 10, 8)], **FEW)
    edit.save(tmp_path / "edit")
    names = {path.name for path in (tmp_path / "edit").iterdir()}
    assert names == {"grid.png", "001.png", "002.png", "003.png", "edit.json"}
    facts = json.loads((tmp_path / "edit" / "edit.json").read_text())
    assert facts["region"]["bounds"] == [3, 4, 10, 8]
    assert facts["region"]["pixels"] == 80
    assert facts["region"]["picture"] == [40, 23]
    assert [one["rank"] for one in facts["pictures"]] == [1, 2, 3]
    kept = np.asarray(Image.open(tmp_path / "edit" / "001.png"))
    assert (kept[~edit.region] == np.asarray(edit.original)[~edit.region]).all()


def test_an_image_prompt_gives_the_upper_rows(tiny_nets):
    pipeline: DallePipeline = tiny_nets.pipeline()
    start = picture()
    generation = pipeline.generate(PROMPT, image_prompt=start, rows=2, **FEW)
    pixels = torch.from_numpy(np.array(start)).permute(2, 0, 1)[None] / 255
    known = pipeline.dvae.encode(pixels)[:, :8]
    assert torch.equal(generation.image_tokens[:, :8], known.expand(3, -1))
    assert generation.facts()["image_prompt_rows"] == 2
    for rows in (0, 4):
        with pytest.raises(ValueError, match="gives 1 to 3 rows of image tokens, of 4; got"):
            pipeline.generate(PROMPT, image_prompt=start, rows=rows, **FEW)
    with pytest.raises(ValueError, match="rows of what"):
        pipeline.generate(PROMPT, rows=2, **FEW)


def test_a_pipeline_has_a_guidance_of_its_own_for_edits(painting):
    region = [Rectangle(4, 4, 8, 8)]
    painting.defaults = PipelineSettings(guidance=2.0, edit_guidance=5.0)
    edited = painting.edit(picture(), PROMPT, region, **FEW)
    assert edited.generation.settings.guidance == 5.0
    asked = painting.edit(picture(), PROMPT, region, guidance=1.5, **FEW)
    assert asked.generation.settings.guidance == 1.5
    assert painting.generate(PROMPT, **FEW).settings.guidance == 2.0
    painting.defaults = PipelineSettings(guidance=2.0)
    assert painting.edit(picture(), PROMPT, region, **FEW).generation.settings.guidance == 2.0

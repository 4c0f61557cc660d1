import pytest
import torch

from lit_dalle.generation.rerank import Signal, clip_score, rank_candidates, to_bytes


def as_pictures(image_tokens):
    """A picture of one pixel that shows the first token."""
    return image_tokens[:, :1, None, None].expand(-1, 3, 1, 1).to(torch.uint8)


def brightness(pictures, image_tokens):
    return pictures.float().mean((1, 2, 3))


def last_token(pictures, image_tokens):
    return image_tokens[:, -1].float()


BRIGHTNESS = (Signal("clip", brightness),)


@pytest.mark.parametrize("tile", [1, 3, 7, 50])
def test_tiles_keep_what_a_plain_sort_keeps(tile):
    values = torch.randint(0, 8, (23,), generator=torch.Generator().manual_seed(0))
    tokens = values[:, None].expand(-1, 4)
    ranked = rank_candidates(tokens, as_pictures, BRIGHTNESS, keep=9, tile=tile)
    expected = sorted(range(23), key=lambda number: (-int(values[number]), number))[:9]
    assert ranked.candidates.tolist() == expected
    assert ranked.images[:, 0, 0, 0].tolist() == values[expected].tolist()
    assert ranked.scores.tolist() == values[expected].float().tolist()
    assert ranked.all_scores.tolist() == values.float().tolist()


@pytest.mark.parametrize("tile", [1, 3, 50])
def test_signals_add_up_by_their_weights_and_are_kept_apart(tile):
    tokens = torch.tensor([[5, 0], [1, 9], [4, 2], [0, 0], [4, 2]])
    signals = (*BRIGHTNESS, Signal("likelihood", last_token, 0.5))
    ranked = rank_candidates(tokens, as_pictures, signals, keep=3, tile=tile)
    assert ranked.all_scores.tolist() == [5, 5.5, 5, 0, 5]
    assert ranked.candidates.tolist() == [1, 0, 2]
    assert ranked.scores.tolist() == [5.5, 5, 5]
    parts = {name: part.tolist() for name, part in ranked.parts.items()}
    assert parts == {"clip": [1, 5, 4], "likelihood": [9, 0, 2]}


def test_without_signals_the_first_are_kept():
    ranked = rank_candidates(torch.arange(5)[:, None], as_pictures, (), keep=2, tile=2)
    assert ranked.candidates.tolist() == [0, 1]
    assert ranked.all_scores.tolist() == [0] * 5
    assert ranked.parts == {}


def test_progress_counts_candidates():
    counts = []
    tokens = torch.zeros(5, 1, dtype=torch.int64)
    rank_candidates(tokens, as_pictures, BRIGHTNESS, keep=1, tile=2, progress=counts.append)
    assert counts == [2, 2, 1]


@pytest.mark.parametrize("keep", [0, 4])
def test_keep_out_of_range(keep):
    with pytest.raises(ValueError, match=f"cannot keep {keep} of 3"):
        rank_candidates(torch.zeros(3, 1, dtype=torch.int64), as_pictures, BRIGHTNESS, keep=keep)


def test_clip_scores_are_cosines_of_the_pictures_as_saved(tiny_nets):
    clip = tiny_nets.clip
    text_tokens = tiny_nets.clip_tokenizer.encode(["a red circle"])
    pictures = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)
    with torch.no_grad():
        scores = clip_score(clip, text_tokens)(pictures, torch.empty(4, 0))
        expected = clip.encode_image(pictures / 255) @ clip.encode_text(text_tokens)[0]
        torch.testing.assert_close(scores, expected)
        large = pictures.repeat_interleave(2, -1).repeat_interleave(2, -2)
        assert clip_score(clip, text_tokens)(large, torch.empty(4, 0)).shape == (4,)


def test_bytes_round_and_clamp():
    assert to_bytes(torch.tensor([-1.0, 0.0, 0.4999, 1 / 255 * 1.6, 1.0, 2.0])).tolist() == [
        0,
        0,
        127,
        2,
        255,
        255,
    ]

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from lit_dalle.generation.decode import generate_image_tokens, null_text_tokens
from lit_dalle.generation.export import read_config, tokens_hash
from lit_dalle.generation.likelihood import log_likelihoods
from lit_dalle.generation.pipeline import DallePipeline, pictures_together
from lit_dalle.generation.rerank import clip_score, to_bytes
from lit_dalle.generation.settings import PipelineSettings
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dvae import DiscreteVAEConfig

PROMPT = "a red circle"
FEW = {"candidates": 10, "keep": 4, "tile": 3}


def test_pictures_are_clips_best_of_all_candidates(tiny_nets):
    generation = tiny_nets.pipeline().generate(PROMPT, seed=5, **FEW)
    text = tiny_nets.prior_tokenizer.encode([PROMPT])
    tokens = generate_image_tokens(tiny_nets.prior, text, 10, seed=5)
    with torch.no_grad():
        pictures = to_bytes(tiny_nets.dvae.decode(tokens))
        text = tiny_nets.clip_tokenizer.encode([PROMPT])
        scores = clip_score(tiny_nets.clip, text)(pictures, tokens)
    best = scores.argsort(descending=True)[:4]
    assert generation.candidates == tuple(best.tolist())
    assert torch.equal(generation.image_tokens, tokens[best])
    assert (generation.images.int() - pictures[best].int()).abs().max() <= 1
    torch.testing.assert_close(torch.tensor(generation.scores), scores[best], rtol=0, atol=1e-3)
    assert len(generation.all_scores) == 10
    assert set(generation.seconds) == {"tokens", "decoding", "ranking"}


def test_seed_decides(tiny_nets):
    pipeline = tiny_nets.pipeline()
    one, same, other = (pipeline.generate(PROMPT, seed=seed, **FEW) for seed in (1, 1, 2))
    assert torch.equal(one.images, same.images)
    assert one.scores == same.scores
    assert not torch.equal(one.image_tokens, other.image_tokens)


def test_drawing_leaves_the_global_random_state(tiny_nets):
    before = torch.get_rng_state()
    tiny_nets.pipeline().generate(PROMPT, **FEW)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_clip_the_first_are_kept(tiny_nets):
    pipeline = DallePipeline(tiny_nets.dvae, tiny_nets.prior, None, tiny_nets.prior_tokenizer)
    generation = pipeline.generate(PROMPT, **FEW)
    assert generation.candidates == (0, 1, 2, 3)
    assert generation.scores is None
    assert generation.all_scores is None
    assert generation.facts()["pictures"][0]["score"] is None
    assert generation.ranked_by == ""
    generation.grid()
    likeliest = pipeline.generate(PROMPT, likelihood_weight=1.0, **FEW)
    assert likeliest.ranked_by == "likelihood"
    assert likeliest.scores == likeliest.parts["likelihood"]


@pytest.mark.parametrize("tile", [3, None])
def test_the_likelihood_gain_is_added_to_clips_cosine(tiny_nets, tile):
    pipeline, few = tiny_nets.pipeline(), FEW | {"tile": tile, "keep": 10, "seed": 5}
    plain = pipeline.generate(PROMPT, **few)
    mixed = pipeline.generate(PROMPT, likelihood_weight=500.0, **few)
    assert mixed.settings.likelihood_weight == 500.0
    text = tiny_nets.prior_tokenizer.encode([PROMPT])
    tokens = generate_image_tokens(tiny_nets.prior, text, 10, seed=5)
    gain = log_likelihoods(tiny_nets.prior, text, tokens)
    gain -= log_likelihoods(tiny_nets.prior, null_text_tokens(text), tokens)
    wanted = torch.tensor(plain.all_scores) + 500 * gain
    torch.testing.assert_close(torch.tensor(mixed.all_scores), wanted, rtol=0, atol=2e-3)
    assert mixed.scores == tuple(sorted(mixed.all_scores, reverse=True))
    assert mixed.candidates != plain.candidates
    for place, number in enumerate(mixed.candidates):
        likelihood = mixed.parts["likelihood"][place]
        assert likelihood == pytest.approx(gain[number].item(), abs=4e-6)
        cosine = plain.all_scores[number]
        assert mixed.parts["clip"][place] == pytest.approx(cosine, abs=1e-6)
    assert set(mixed.facts()["pictures"][0]) >= {"score", "clip", "likelihood"}
    assert "by CLIP and likelihood" in f"by {mixed.ranked_by}"


def test_ranking_by_clip_alone_never_asks_for_likelihood(tiny_nets, monkeypatch):
    monkeypatch.setattr("lit_dalle.generation.rerank.likelihood_gain", None)
    generation = tiny_nets.pipeline().generate(PROMPT, **FEW)
    assert generation.parts == {"clip": generation.scores}


def test_progress_reaches_the_end_of_each_stage(tiny_nets):
    seen = []
    tiny_nets.pipeline().generate(PROMPT, progress=lambda *step: seen.append(step), **FEW)
    last = {stage: (done, total) for stage, done, total in seen}
    assert last == {"tokens": (160, 160), "pictures": (10, 10)}


def test_what_is_not_given_is_the_pipelines_own(tiny_nets):
    pipeline = tiny_nets.pipeline()
    plain = pipeline.generate(PROMPT, **FEW)
    own = PipelineSettings(0.5, 7, 0.9, guidance=1000.0, likelihood_weight=2.0)
    pipeline.defaults = own
    found = pipeline.generate(PROMPT, **FEW).settings
    assert found.sampling == own.sampling
    assert found.likelihood_weight == 2.0
    off = {"temperature": 1, "top_k": 12, "top_p": 1, "guidance": 1, "likelihood_weight": 0}
    again = pipeline.generate(PROMPT, **off, **FEW)
    assert torch.equal(again.image_tokens, plain.image_tokens)
    assert again.scores == plain.scores
    pipeline.defaults = PipelineSettings(guidance=1000.0)  # an untrained net hardly hears the words
    guided = pipeline.generate(PROMPT, **FEW)
    assert guided.settings.guidance == 1000.0
    assert not torch.equal(plain.image_tokens, guided.image_tokens)
    assert pipeline.generate(PROMPT, guidance=1.0, **FEW).candidates == plain.candidates


def test_bf16_prior_draws_in_bf16_and_scores_nearly_alike(tiny_nets):
    pipeline = tiny_nets.pipeline()
    full = pipeline.generate(PROMPT, candidates=1, keep=1)
    pipeline.prior = pipeline.prior.to(torch.bfloat16)
    low = pipeline.generate(PROMPT, candidates=4, keep=4)
    assert low.model["precision"] == "bfloat16"
    assert full.model["precision"] == "float32"
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        text = tiny_nets.clip_tokenizer.encode([PROMPT])
        exact = clip_score(tiny_nets.clip, text)(low.images, low.image_tokens)
    torch.testing.assert_close(torch.tensor(low.scores), exact, rtol=0, atol=0.05)


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_empty_prompt(tiny_nets, prompt):
    with pytest.raises(ValueError, match="prompt is empty"):
        tiny_nets.pipeline().generate(prompt)


def test_long_prompt_is_refused_before_anything_is_drawn(tiny_nets, monkeypatch):
    monkeypatch.setattr("lit_dalle.generation.pipeline.generate_image_tokens", None)
    with pytest.raises(ValueError, match="room for 11"):
        tiny_nets.pipeline().generate("words without an end " * 9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"candidates": 8, "keep": 9}, "number of candidates 8, got 9"),
        ({"candidates": 0, "keep": 1}, "at least 1, got 0"),
        ({"keep": 0}, "keep must be between"),
        ({"temperature": 0.0}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": 0}, "top_k"),
        ({"tile": 0}, "tile"),
        ({"likelihood_weight": -0.1}, "likelihood_weight must be 0 or more, got -0.1"),
    ],
)
def test_settings_out_of_range(tiny_nets, wrong, message):
    with pytest.raises(ValueError, match=message):
        tiny_nets.pipeline().generate(PROMPT, **wrong)


def test_nets_that_do_not_fit(tiny_nets):
    other = Dalle(replace(tiny_nets.prior.config, codebook_size=13))
    with pytest.raises(ValueError, match="13 codes, the dVAE reads 4×4 of 12"):
        DallePipeline(tiny_nets.dvae, other, None, tiny_nets.prior_tokenizer)
    with pytest.raises(ValueError, match="CLIP's tokenizer"):
        DallePipeline(tiny_nets.dvae, tiny_nets.prior, tiny_nets.clip, tiny_nets.prior_tokenizer)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_saved_pipeline_draws_the_same(tiny_nets, tmp_path, dtype):
    tiny_nets.pipeline().save_pretrained(tmp_path / "one", dtype=dtype)
    first = DallePipeline.from_pretrained(tmp_path / "one", dtype=torch.float32)
    first.card, first.defaults = "# Card", PipelineSettings(0.9, likelihood_weight=0.3)
    first.save_pretrained(tmp_path / "two")
    second = DallePipeline.from_pretrained(tmp_path / "two", dtype=torch.float32)
    assert second.card == "# Card"
    assert second.defaults == first.defaults
    drawn = [pipeline.generate(PROMPT, **FEW) for pipeline in (first, second)]
    assert torch.equal(drawn[0].images, drawn[1].images)
    assert drawn[0].scores == pytest.approx(drawn[1].scores, abs=1e-6)
    kept = read_config(tmp_path / "two" / "prior")["extra"]["dvae_hash"]
    assert kept == tokens_hash(tmp_path / "two" / "dvae")


def test_a_pipeline_without_clip_saves_and_loads(tiny_nets, tmp_path):
    pipeline = DallePipeline(tiny_nets.dvae, tiny_nets.prior, None, tiny_nets.prior_tokenizer)
    pipeline.save_pretrained(tmp_path / "world")
    assert DallePipeline.from_pretrained(tmp_path / "world").clip is None


def test_saved_generation_tells_how_to_make_it_again(tiny_nets, tmp_path):
    tiny_nets.pipeline().save_pretrained(tmp_path / "world")
    pipeline = DallePipeline.from_pretrained(tmp_path / "world")
    generation = pipeline.generate("a red zebra", seed=3, **FEW)
    generation.save(tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["001.png", "002.png", "003.png", "004.png", "generation.json", "grid.png"]
    facts = json.loads((tmp_path / "out" / "generation.json").read_text())
    assert facts["prompt"] == "a red zebra"
    assert facts["unknown_words"] == ["zebra"]
    assert facts["model"]["hashes"] == pipeline.hashes
    again = pipeline.generate(facts["prompt"], **facts["settings"])
    for picture, image in zip(facts["pictures"], again.pictures, strict=True):
        with Image.open(tmp_path / "out" / picture["file"]) as saved:
            assert saved.size == (16, 16)
            assert saved.tobytes() == image.tobytes()
    assert [picture["score"] for picture in facts["pictures"]] == list(again.scores)


def test_large_pictures_are_decoded_a_few_at_a_time():
    assert pictures_together(DiscreteVAEConfig(64, 512, hidden=64, widths=(1, 2), patch=2)) == 64
    assert pictures_together(DiscreteVAEConfig()) == 4  # published: 256 pixels, 256 channels
    assert pictures_together(DiscreteVAEConfig(image_size=4096)) == 1

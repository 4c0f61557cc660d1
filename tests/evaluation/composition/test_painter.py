from dataclasses import asdict

import numpy as np
import pytest
from tiny_world import tiny_world_pipeline

from lit_dalle.evaluation.composition.painter import Painter
from lit_dalle.generation.settings import DrawingSettings


@pytest.mark.parametrize(
    "settings",
    [
        DrawingSettings(),
        DrawingSettings(0.9, 20, 0.95, guidance=2.0),
        DrawingSettings(likelihood_weight=100.0),
    ],
)
def test_samples_are_those_that_generate_draws_and_ranks_of_each_prompt(settings):
    painter = Painter(tiny_world_pipeline(), settings)
    prompts, seeds = ["a red star", "two dots", "a red star"], [1, 2, 3]
    samples = list(painter.samples(prompts, 5, seeds))
    assert len(samples) == 3
    for prompt, seed, found in zip(prompts, seeds, samples, strict=True):
        wanted = painter.pipeline.generate(
            prompt,
            candidates=5,
            keep=5,
            seed=seed,
            **asdict(settings),
        )
        order = np.argsort(wanted.candidates)
        np.testing.assert_array_equal(found.tokens, wanted.image_tokens[order].numpy())
        pictures = wanted.images[order].permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(found.pictures, pictures)
        np.testing.assert_allclose(found.scores, wanted.all_scores, atol=2e-4)
    assert not np.array_equal(samples[0].tokens, samples[2].tokens)


def test_samples_need_a_seed_for_each_prompt():
    painter = Painter(tiny_world_pipeline(), DrawingSettings())
    with pytest.raises(ValueError, match="seed must be one number or 2"):
        list(painter.samples(["a red star", "two dots"], 2, [1]))

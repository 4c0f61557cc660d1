from dataclasses import asdict

import pytest

from lit_dalle.generation.settings import DrawingSettings, GenerationSettings


def test_what_is_given_replaces_and_none_does_not():
    own = DrawingSettings(0.9, 40, None, guidance=2.0, likelihood_weight=0.3)
    changed = own.changed(temperature=None, top_k=5, top_p=0.5, likelihood_weight=0.0)
    assert changed == DrawingSettings(0.9, 5, 0.5, guidance=2.0, likelihood_weight=0.0)
    amount = GenerationSettings(**asdict(own), candidates=7, keep=3).changed(guidance=1.0)
    assert (type(amount), amount.candidates, amount.guidance) == (GenerationSettings, 7, 1.0)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_weights_out_of_range(weight):
    with pytest.raises(ValueError, match="likelihood_weight must be 0 or more"):
        DrawingSettings(likelihood_weight=weight)

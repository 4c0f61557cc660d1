import pytest

from lit_dalle.generation.settings import (
    DrawingSettings,
    EditSettings,
    GenerationSettings,
    PipelineSettings,
)


def test_what_is_given_replaces_and_none_does_not():
    own = PipelineSettings(0.9, 40, None, guidance=2.0, likelihood_weight=0.3)
    changed = own.changed(temperature=None, top_k=5, top_p=0.5, likelihood_weight=0.0)
    assert changed == PipelineSettings(0.9, 5, 0.5, guidance=2.0, likelihood_weight=0.0)
    amount = GenerationSettings.of(own, candidates=7, keep=3).changed(guidance=1.0)
    assert (type(amount), amount.candidates, amount.guidance) == (GenerationSettings, 7, 1.0)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_weights_out_of_range(weight):
    with pytest.raises(ValueError, match="likelihood_weight must be 0 or more"):
        DrawingSettings(likelihood_weight=weight)


def test_guidance_is_a_number():
    with pytest.raises(ValueError, match=r"^guidance must be a finite number, got nan; 1 is off"):
        DrawingSettings(guidance=float("nan"))
    with pytest.raises(ValueError, match=r"^edit_guidance must be a finite number, got inf"):
        PipelineSettings(edit_guidance=float("inf"))


def test_edits_have_a_guidance_of_their_own_where_the_pipeline_has():
    own = PipelineSettings(0.9, 40, guidance=2.0, edit_guidance=3.0)
    assert EditSettings.of(own, keep=2).sampling == {**own.sampling, "guidance": 3.0}
    assert EditSettings.of(own, guidance=1.0).guidance == 1.0
    assert GenerationSettings.of(own, seed=4) == GenerationSettings(0.9, 40, guidance=2.0, seed=4)
    assert EditSettings.of(PipelineSettings(guidance=2.0)).guidance == 2.0

import json
from pathlib import Path

import pytest

import lit_dalle
from lit_dalle.generation.export import folder_hash, save_model, tokens_hash
from lit_dalle.generation.joining import join_pipeline, part_hashes, read_defaults
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.settings import PipelineSettings


@pytest.fixture
def parts(tiny_nets, tmp_path):
    """Exported nets; the prior knows the dVAE it was trained with."""
    folders = {name: tmp_path / "parts" / name for name in ("dvae", "prior", "clip")}
    save_model(tiny_nets.dvae, folders["dvae"])
    save_model(
        tiny_nets.prior,
        folders["prior"],
        tokenizer=tiny_nets.prior_tokenizer,
        extra={"dvae_hash": tokens_hash(folders["dvae"])},
    )
    save_model(tiny_nets.clip, folders["clip"], tokenizer=tiny_nets.clip_tokenizer)
    return folders


def test_join_keeps_the_parts_as_they_are(parts, tmp_path):
    own = PipelineSettings(0.9, 40, 0.95, 2.0, likelihood_weight=0.3, edit_guidance=3.0)
    join_pipeline(**parts, out=tmp_path / "world", defaults=own, card="# Card")
    for name, folder in parts.items():
        assert folder_hash(tmp_path / "world" / name) == folder_hash(folder)
    pipeline = DallePipeline.from_pretrained(tmp_path / "world")
    assert pipeline.defaults == own
    assert pipeline.card == "# Card"
    assert pipeline.name == "world"
    assert pipeline.hashes == part_hashes(tmp_path / "world")
    assert set(pipeline.hashes) == {"pipeline", "dvae", "prior", "clip"}


def test_another_dvae_is_refused_when_joining_and_when_loading(tiny_nets, parts, tmp_path):
    join_pipeline(**parts, out=tmp_path / "world")
    next(tiny_nets.dvae.parameters()).data.add_(1)
    save_model(tiny_nets.dvae, parts["dvae"])
    with pytest.raises(ValueError, match="trained with another dVAE"):
        join_pipeline(**parts, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()
    save_model(tiny_nets.dvae, tmp_path / "world" / "dvae")
    with pytest.raises(ValueError, match="trained with another dVAE"):
        DallePipeline.from_pretrained(tmp_path / "world")


def test_exchanged_and_missing_parts(parts, tmp_path):
    exchanged = parts | {"clip": parts["prior"]}
    with pytest.raises(ValueError, match="holds a dalle, a clip is needed"):
        join_pipeline(**exchanged, out=tmp_path / "world")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        join_pipeline(**(parts | {"prior": tmp_path / "nowhere"}), out=tmp_path / "world")
    (parts["prior"] / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json"):
        join_pipeline(**parts, out=tmp_path / "world")
    assert not (tmp_path / "world").exists()


def test_tokenizers_that_do_not_fit(tiny_nets, parts, tmp_path):
    save_model(tiny_nets.clip, parts["clip"], tokenizer=tiny_nets.prior_tokenizer)
    with pytest.raises(ValueError, match="append_eos"):
        join_pipeline(**parts, out=tmp_path / "world")
    framed = tiny_nets.prior_tokenizer.framed(9, append_eos=False)
    save_model(tiny_nets.prior, parts["prior"], tokenizer=framed)
    with pytest.raises(ValueError, match="rows of 9 tokens, the prior reads 12"):
        join_pipeline(**parts, out=tmp_path / "world")


def test_folders_that_are_no_pipeline(parts, tmp_path):
    with pytest.raises(ValueError, match=r"no pipeline\.json"):
        read_defaults(parts["dvae"])
    join_pipeline(**parts, out=tmp_path / "world")
    (tmp_path / "world" / "pipeline.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="format 99"):
        read_defaults(tmp_path / "world")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "has no defaults: join the nets again"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"likelihood_weight": "much"}, "wrong defaults"),
        ({"guidance": "strong"}, "wrong defaults"),
        ({"heat": 1.0}, "heat, which PipelineSettings does not know"),
    ],
)
def test_wrong_defaults_are_named(parts, tmp_path, change, message):
    join_pipeline(**parts, out=tmp_path / "world")
    path = tmp_path / "world" / "pipeline.json"
    facts = json.loads(path.read_text())
    assert read_defaults(tmp_path / "world") == PipelineSettings()
    facts["defaults"] = change
    path.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=message) as raised:
        read_defaults(tmp_path / "world")
    assert "pipeline.json" in str(raised.value)


def test_the_shipped_pipelines_have_defaults():
    shipped = list((Path(lit_dalle.__file__).parent / "pretrained").glob("*/pipeline.json"))
    assert shipped
    for path in shipped:
        assert isinstance(read_defaults(path.parent), PipelineSettings)

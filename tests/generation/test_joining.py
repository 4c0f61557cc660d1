import pytest

from lit_dalle.generation.export import folder_hash, save_model
from lit_dalle.generation.joining import join_pipeline, part_hashes, read_facts
from lit_dalle.generation.pipeline import DallePipeline


@pytest.fixture
def parts(tiny_nets, tmp_path):
    """Exported nets; the prior knows the dVAE it was trained with."""
    folders = {name: tmp_path / "parts" / name for name in ("dvae", "prior", "clip")}
    save_model(tiny_nets.dvae, folders["dvae"])
    save_model(
        tiny_nets.prior,
        folders["prior"],
        tokenizer=tiny_nets.prior_tokenizer,
        extra={"dvae_hash": folder_hash(folders["dvae"])},
    )
    save_model(tiny_nets.clip, folders["clip"], tokenizer=tiny_nets.clip_tokenizer)
    return folders


def test_join_keeps_the_parts_as_they_are(parts, tmp_path):
    join_pipeline(**parts, out=tmp_path / "world", guidance=2.0, card="# Card")
    for name, folder in parts.items():
        assert folder_hash(tmp_path / "world" / name) == folder_hash(folder)
    pipeline = DallePipeline.from_pretrained(tmp_path / "world")
    assert pipeline.guidance == 2.0
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
        read_facts(parts["dvae"])
    join_pipeline(**parts, out=tmp_path / "world")
    (tmp_path / "world" / "pipeline.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="format 99"):
        read_facts(tmp_path / "world")

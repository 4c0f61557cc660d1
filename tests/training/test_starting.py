import gzip
from dataclasses import replace

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from torch.utils.data import DataLoader

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.functional.schedules import Schedule
from lit_dalle.generation.export import load_model, save_model
from lit_dalle.interop.clip_tokenizer import read_bpe_file
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig
from lit_dalle.training.clip import LitClip
from lit_dalle.training.dalle import LitDalle
from lit_dalle.training.dvae import LitDiscreteVAE
from lit_dalle.training.optimization import OptimizerConfig
from lit_dalle.training.starting import resized_grid, sources_of, start_from

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
    "ignore:You're using the WeightAveraging callback with a model that overrides",
)

FROZEN = OptimizerConfig(lr=Schedule(start=0.0, end=0.0, shape="constant"))
CAPTIONS = ["a red block on a green block", "a green block", "the red penguin"] * 5
PIECES = CaptionTokenizer.train(CAPTIONS, 270).framed(12, append_eos=False)
WORDS = CaptionTokenizer.train(CAPTIONS, 290, spell_rare=True).framed(9, append_eos=False)
SIZES = DalleConfig(
    text_vocab_size=PIECES.vocab_size,
    codebook_size=24,
    text_len=12,
    image_grid=4,
    dim=32,
    depth=2,
    heads=2,
)
DVAE = DiscreteVAEConfig(
    image_size=32, codebook_size=24, codebook_dim=8, hidden=8, blocks_per_group=1
)


class Tokenized(lightning.LightningDataModule):
    """Rows as the image-text data module gives them, with its tokenizer."""

    def __init__(self, tokenizer, text_len=12, **rows):
        super().__init__()
        self.tokenizer = tokenizer
        self.rows = {"text_tokens": torch.ones(4, text_len, dtype=torch.int64), **rows}

    def train_dataloader(self):
        return DataLoader([self.rows | {"index": torch.arange(4)}] * 4, batch_size=None)


class Before(Callback):
    """Keeps the weights that the first update starts from."""

    def on_train_start(self, trainer, pl_module):
        self.weights = {name: w.clone() for name, w in pl_module.net.state_dict().items()}


def fit(module, data, folder, *callbacks, steps=1, **settings):
    before = Before()
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
        callbacks=[before, *callbacks],
    )
    trainer.fit(module, data, **settings)
    return before.weights, trainer


def exported_prior(folder, sizes=SIZES):
    net = Dalle(sizes)
    save_model(net, folder, tokenizer=PIECES)
    return net


def same(weights, net):
    return all(torch.equal(weights[name], value) for name, value in net.state_dict().items())


def tokens(count=4):
    return {"image_tokens": torch.zeros(count, 16, dtype=torch.int64)}


@pytest.mark.parametrize("averaged", [False, True])
def test_a_prior_starts_from_the_exported_one(tmp_path, averaged):
    net = exported_prior(tmp_path / "prior")
    module = LitDalle(SIZES, FROZEN, start=str(tmp_path / "prior"))
    callbacks = [EMAWeightAveraging(decay=0.9)] if averaged else []
    weights, _ = fit(module, Tokenized(PIECES, **tokens()), tmp_path, *callbacks)
    assert same(weights, net)


def test_a_clip_starts_from_the_exported_one(tmp_path):
    config = ClipConfig(
        image_size=16,
        patch_size=8,
        embed_dim=8,
        vision_dim=16,
        vision_depth=1,
        vision_heads=2,
        text_vocab_size=PIECES.vocab_size,
        text_len=12,
        eos_id=2,
        text_dim=16,
        text_depth=1,
        text_heads=2,
    )
    ending = PIECES.framed(12, append_eos=True)
    net = Clip(config)
    save_model(net, tmp_path / "clip", tokenizer=ending)
    rows = {"images": torch.rand(4, 3, 16, 16)}
    data = Tokenized(ending, **rows)
    data.rows["text_tokens"][:, 1] = 2
    weights, _ = fit(LitClip(config, FROZEN, start=str(tmp_path / "clip")), data, tmp_path)
    assert same(weights, net)


def test_a_dvae_starts_from_the_exported_one_and_keeps_its_codes(tmp_path):
    net = DiscreteVAE(DVAE)
    save_model(net, tmp_path / "dvae")
    module = LitDiscreteVAE(DVAE, FROZEN, code_sharpness=5.0, start=str(tmp_path / "dvae"))
    fit(module, Tokenized(None, images=torch.rand(4, 3, 32, 32)), tmp_path)
    assert same(module.net.state_dict(), net)


def test_a_resumed_training_keeps_its_own_weights(tmp_path):
    exported_prior(tmp_path / "prior")
    data = Tokenized(PIECES, **tokens())
    moving = OptimizerConfig(lr=Schedule(start=1e-2, end=1e-2, shape="constant"))
    module = LitDalle(SIZES, moving, start=str(tmp_path / "prior"))
    _, trainer = fit(module, data, tmp_path)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = LitDalle(SIZES, moving, start=str(tmp_path / "prior"))
    weights, _ = fit(
        again, data, tmp_path, steps=2, ckpt_path=tmp_path / "last.ckpt", weights_only=True
    )
    assert same(weights, module.net)


def test_tokens_of_another_tokenizer_start_as_what_the_old_one_writes_them_with(tmp_path):
    net = exported_prior(tmp_path / "prior")
    sizes = replace(SIZES, text_vocab_size=310, text_len=9)
    module = LitDalle(sizes, FROZEN, start=str(tmp_path / "prior"))
    unstarted = {}

    class Unstarted(Dalle):
        def __init__(self, config):
            super().__init__(config)
            unstarted.update({name: w.clone() for name, w in self.state_dict().items()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lit_dalle.training.dalle.Dalle", Unstarted)
        weights, _ = fit(module, Tokenized(WORDS, 9, **tokens()), tmp_path)

    word = WORDS.encode(["penguin"])[0, 1]
    written = [piece for piece in PIECES.encode(["penguin"])[0].tolist() if piece > 2]
    assert WORDS.decode([int(word)]) == "penguin"
    assert len(written) > 1
    for name in ("embedding.text.weight", "text_head.weight"):
        old = net.state_dict()[name]
        torch.testing.assert_close(weights[name][word], old[written].mean(dim=0))
        assert torch.equal(weights[name][:3], old[:3])  # the special tokens
        unused = weights[name][WORDS.vocab_size :]
        assert torch.equal(unused, unstarted[name][WORDS.vocab_size :])
    for name in ("embedding.pad.weight", "embedding.text_position.weight"):
        assert torch.equal(weights[name], net.state_dict()[name][:9])
    assert torch.equal(weights["image_head.weight"], net.image_head.weight)


def test_a_net_of_other_sizes_is_refused_by_name(tmp_path):
    exported_prior(tmp_path / "prior", replace(SIZES, depth=3))
    with pytest.raises(ValueError, match=r"has depth 3, the one to be trained 2: set model"):
        start_from(Dalle(SIZES), tmp_path / "prior", PIECES)


def test_without_a_tokenizer_the_text_must_be_of_the_same_sizes(tmp_path):
    exported_prior(tmp_path / "prior")
    with pytest.raises(ValueError, match=r"text_len 12, the one to be trained 9"):
        start_from(Dalle(replace(SIZES, text_len=9)), tmp_path / "prior")


def test_codes_are_related_also_where_an_average_has_the_net_built_first(tmp_path):
    dvae = DiscreteVAE(DVAE)
    codes = dvae.decoder.codebook.weight.data
    codes[:, 1] = codes[:, 0]
    save_model(dvae, tmp_path / "dvae")
    module = LitDalle(SIZES, FROZEN, dvae=str(tmp_path / "dvae"), code_similarity=1.0)
    average = EMAWeightAveraging(decay=0.9)
    weights, _ = fit(module, Tokenized(PIECES, **tokens()), tmp_path, average)
    head = weights["image_head.weight"]
    torch.testing.assert_close(head[0], head[1])
    assert not torch.equal(head[0], head[2])


def test_image_positions_are_resized_to_the_grid():
    torch.manual_seed(0)
    plane = torch.stack(torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij"), -1)
    rows = torch.cat([torch.full((1, 2), 9.0), plane.flatten(0, 1)])
    found = resized_grid(rows, 1 + 16 * 16)
    assert found.shape == (257, 2)
    assert torch.equal(found[0], rows[0])
    ramp = found[1:].view(16, 16, 2)[6:10, 6:10]  # a plane stays one, off the borders
    torch.testing.assert_close(ramp[1:, :, 0] - ramp[:-1, :, 0], torch.full((3, 4), 0.5))
    assert resized_grid(rows, len(rows)) is rows


def test_marks_and_words_of_the_published_tokenizer_find_their_own(tmp_path):
    (tmp_path / "bpe.gz").write_bytes(gzip.compress(b"#v\nc a\nca t</w>\n"))
    bpe = read_bpe_file(tmp_path / "bpe.gz")
    ours = CaptionTokenizer.train(["a cat"] * 9, 270, spell_rare=True)
    there, here = sources_of(bpe, ours), sources_of(ours, bpe)
    pairs = {"[EOS]": "<|endoftext|>", "[BOS]": "<|startoftext|>", "[PAD]": "!", "Ġcat": "cat</w>"}
    for own, other in pairs.items():
        assert there[ours.vocabulary[own]].tolist() == [bpe.vocabulary[other]]
        assert here[bpe.vocabulary[other]].tolist() == [ours.vocabulary[own]]


def test_a_tokenizer_with_more_tokens_than_the_net_is_refused_before_training(tmp_path):
    module = LitDalle(replace(SIZES, text_vocab_size=260), FROZEN)
    with pytest.raises(ValueError, match=r"270 tokens.*260"):
        fit(module, Tokenized(PIECES, **tokens()), tmp_path)


def test_a_part_of_what_is_shipped_can_be_started_from():
    shipped = load_model("emoji/dvae", kind="dvae")
    net = DiscreteVAE(shipped.config)
    start_from(net, "emoji/dvae")
    for name, value in shipped.state_dict().items():
        assert torch.equal(net.state_dict()[name], value), name
    with pytest.raises(FileNotFoundError, match="no folder emoji/nothing"):
        start_from(net, "emoji/nothing")

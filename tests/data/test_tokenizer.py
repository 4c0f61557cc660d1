import pickle
import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from lit_dalle.data.tokenizer import BOS_ID, EOS_ID, PAD_ID, CaptionTokenizer

CAPTIONS = [
    "a red circle left of a blue square",
    "three green stars and a yellow pentagon",
    "a penguin wearing a red hat, yellow gloves, a blue shirt and green pants",
    "ein größeres Haus, naïve façade",
    "赤い丸と青い四角",
]
STRANGE = [
    "",
    "  A  RED\tcircle\n",
    "e\u0301clair",
    "🐧🐧 penguin!?",
    "x" * 30,
    "don't 1920s",
    "四角",
]


@pytest.fixture(scope="module", params=["pieces", "letters"])
def trained(request: pytest.FixtureRequest) -> CaptionTokenizer:
    return CaptionTokenizer.train(CAPTIONS * 3, 420, spell_rare=request.param == "letters")


def merged(tokenizer: CaptionTokenizer, captions: list[str], dropout: float) -> torch.Tensor:
    keys = [(0, 0, index) for index in range(len(captions))]
    return tokenizer.encode(captions, dropout=dropout, keys=keys)


@pytest.mark.parametrize("append_eos", [False, True])
def test_the_file_alone_gives_the_same_tokens(trained: CaptionTokenizer, append_eos: bool) -> None:
    tokenizer = trained.framed(80, append_eos)
    library = Tokenizer.from_str(tokenizer.to_json())
    for caption in CAPTIONS + STRANGE:
        assert tokenizer.encode([caption])[0].tolist() == library.encode(caption).ids, caption


def test_our_merges_without_dropout_are_the_library_s(trained: CaptionTokenizer) -> None:
    tokenizer = trained.framed(120, True)
    draws = random.Random(0)
    letters = "".join(CAPTIONS) + "zé🦜 "
    texts = ["".join(draws.choices(letters, k=draws.randrange(40))) for _ in range(300)]
    texts += CAPTIONS + STRANGE
    tiny = 1e-12  # takes the path of dropout, and drops nothing
    assert torch.equal(merged(tokenizer, texts, tiny), tokenizer.encode(texts))


def test_dropout_changes_the_tokens_and_not_the_text(trained: CaptionTokenizer) -> None:
    tokenizer = trained.framed(120, True)
    plain, dropped = tokenizer.encode(CAPTIONS), merged(tokenizer, CAPTIONS, 0.5)
    assert (plain != dropped).any(dim=1).all()
    assert (dropped != PAD_ID).sum() > (plain != PAD_ID).sum()
    assert [tokenizer.decode(row) for row in dropped] == [tokenizer.decode(row) for row in plain]


def test_dropout_is_a_function_of_the_key_alone(trained: CaptionTokenizer) -> None:
    tokenizer = trained.framed(120, False)
    keys = [(0, 3, index) for index in range(len(CAPTIONS))]
    together = tokenizer.encode(CAPTIONS, dropout=0.3, keys=keys)
    for caption, key, row in zip(CAPTIONS[::-1], keys[::-1], together.flip(0), strict=True):
        assert torch.equal(tokenizer.encode([caption], dropout=0.3, keys=[key])[0], row)
    other_epoch = [(0, 4, index) for index in range(len(CAPTIONS))]
    assert not torch.equal(tokenizer.encode(CAPTIONS, dropout=0.3, keys=other_epoch), together)


def test_rare_words_are_spelled_and_common_ones_are_not() -> None:
    tokenizer = CaptionTokenizer.train(CAPTIONS * 3, 420, spell_rare=True).framed(40, False)

    def count(caption: str) -> int:
        return int((tokenizer.encode([caption]) != PAD_ID).sum()) - 1

    assert count("a red circle") == 3
    assert count("a reddish circle") == 2 + len(" reddish")
    assert tokenizer.decode(tokenizer.encode(["a reddish circle"])[0]) == "a reddish circle"


def test_seldom_pairs_are_not_merged() -> None:
    often, seldom = ["a red circle"] * 20, ["a blue berry"] * 3
    tokenizer = CaptionTokenizer.train(often + seldom, 420, min_frequency=10).framed(40, False)
    tokens = tokenizer.encode(["a red circle", "a berry"])
    assert (tokens != PAD_ID).sum(dim=1).tolist() == [1 + 3, 1 + 1 + len(" berry")]


def test_full_dropout_leaves_bytes(trained: CaptionTokenizer) -> None:
    tokens = merged(trained.framed(20, False), ["red"], 1.0)[0]
    assert (tokens != PAD_ID).sum() == 1 + len(" red")


def test_dropout_needs_a_key_a_caption(trained: CaptionTokenizer) -> None:
    with pytest.raises(ValueError, match="2 captions, 1"):
        trained.framed(20, False).encode(["a", "b"], dropout=0.1, keys=[(0,)])


def test_case_spaces_and_composition_do_not_matter(trained: CaptionTokenizer) -> None:
    tokenizer = trained.framed(80, False)
    same = ["Ein GRÖSSERES  haus", " ein gro\u0308sseres haus\n"]
    rows = tokenizer.encode(same)
    assert torch.equal(rows[0], rows[1])


def test_special_tokens_in_a_prompt_are_text(trained: CaptionTokenizer) -> None:
    tokenizer = trained.framed(40, True)
    for copy in (tokenizer, pickle.loads(pickle.dumps(tokenizer))):
        row = copy.encode(["a [EOS] [PAD] star"])[0]
        assert (row == EOS_ID).sum() == 1
        assert copy.decode(row) == "a [eos] [pad] star"


def test_a_long_caption_is_an_error_with_both_counts(trained: CaptionTokenizer) -> None:
    tokenizer = trained.framed(8, True)
    count = len(trained.framed(99, False).encode([CAPTIONS[2]])[0].nonzero()) - 1
    with pytest.raises(ValueError, match=f"has {count} tokens, there is room for 6"):
        tokenizer.encode([CAPTIONS[2]])


def test_truncation_cuts_the_text_and_keeps_the_frame(trained: CaptionTokenizer) -> None:
    whole = trained.framed(80, True).encode([CAPTIONS[2]])[0].tolist()
    for dropout in (0.0, 1e-12):
        cut = trained.framed(8, True).encode(
            [CAPTIONS[2]], dropout=dropout, keys=[(0,)], long="truncate"
        )
        assert cut[0].tolist() == [*whole[:7], EOS_ID]


def test_the_null_caption_is_bos_and_padding(trained: CaptionTokenizer) -> None:
    assert trained.framed(5, False).null_tokens().tolist() == [[BOS_ID, *[PAD_ID] * 4]]


def test_unknown_words_are_named_once_and_in_order(trained: CaptionTokenizer) -> None:
    found = trained.unknown_words("A zebra's RED hat, 'giraffe' and a zebra; 赤い犬")
    assert found == ["zebra", "giraffe", "犬"]


def test_saved_and_loaded_is_the_same(trained: CaptionTokenizer, tmp_path: Path) -> None:
    tokenizer = trained.framed(40, True)
    tokenizer.save(tmp_path / "deep" / "tokenizer.json")
    loaded = CaptionTokenizer.load(tmp_path / "deep" / "tokenizer.json")
    assert loaded.to_json() == tokenizer.to_json()
    assert (loaded.text_len, loaded.append_eos) == (40, True)
    assert loaded.words == tokenizer.words == sorted(set(tokenizer.words))
    assert loaded.vocab_size == trained.vocab_size <= 420


def test_a_net_stands_for_its_tokenizer(trained: CaptionTokenizer, tmp_path: Path) -> None:
    trained.save(tmp_path / "net" / "tokenizer.json")
    assert CaptionTokenizer.load(tmp_path / "net").words == trained.words
    shipped = CaptionTokenizer.load("world/prior")
    assert "penguin" in shipped.words
    with pytest.raises(FileNotFoundError, match="no tokenizer at nobody/prior"):
        CaptionTokenizer.load("nobody/prior")


def test_two_in_one_folder_keep_their_own_words(tmp_path: Path) -> None:
    for name, caption in (("english.json", "a red hat"), ("german.json", "ein roter Hut")):
        CaptionTokenizer.train([caption], 300).save(tmp_path / name)
    assert CaptionTokenizer.load(tmp_path / "english.json").words == ["a", "hat", "red"]
    assert CaptionTokenizer.load(tmp_path / "german.json").words == ["ein", "hut", "roter"]


@pytest.mark.parametrize("spell_rare", [False, True])
def test_training_is_reproducible(spell_rare: bool) -> None:
    first, second = (
        CaptionTokenizer.train(CAPTIONS * 3, 420, spell_rare=spell_rare) for _ in range(2)
    )
    assert first.to_json() == second.to_json()


def test_bad_input_is_told_in_one_line(trained: CaptionTokenizer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vocab_size is 100, the smallest is 259"):
        CaptionTokenizer.train(CAPTIONS, 100)
    with pytest.raises(ValueError, match="no captions"):
        CaptionTokenizer.train([], 300)
    with pytest.raises(ValueError, match="text_len is 2, the smallest is 3"):
        trained.framed(2, True)
    with pytest.raises(ValueError, match="call framed"):
        trained.encode(["a star"])
    with pytest.raises(FileNotFoundError, match="prepare tokenizer"):
        CaptionTokenizer.load(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(ValueError, match=r"broken\.json cannot be read"):
        CaptionTokenizer.load(tmp_path / "broken.json")

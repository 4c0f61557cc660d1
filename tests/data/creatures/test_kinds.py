from lit_dalle.data.creatures import KINDS, descriptions, held_out_kinds, trained_kinds
from lit_dalle.data.creatures.kinds import COATS, COLOURS, NAMED, OUTLINES, with_article


def test_kinds_and_names_are_each_there_once():
    assert len(KINDS) == len(OUTLINES) * len(COATS) * len(COLOURS) == 336
    assert len({kind.name for kind in KINDS}) == 336
    assert len({(kind.outline, kind.coat, kind.colours) for kind in KINDS}) == 336
    assert set(NAMED) <= {kind.name for kind in KINDS}


def test_a_fifth_is_held_out_and_the_zebra_with_it():
    held_out = {kind.name for kind in held_out_kinds()}
    assert "zebra" in held_out
    assert 0.15 < len(held_out) / 336 < 0.25
    assert held_out.isdisjoint(kind.name for kind in trained_kinds())
    assert len(held_out) + len(trained_kinds()) == 336


def test_every_part_is_trained_and_so_is_its_owner():
    trained = {kind.name: kind for kind in trained_kinds()}
    for part, owners in (("outline", OUTLINES), ("coat", COATS), ("colours", COLOURS)):
        for owner in owners:
            assert getattr(trained[owner], part) == owner
            others = [kind for kind in trained.values() if getattr(kind, part) == owner]
            assert len(others) > 10


def test_a_description_names_every_part_and_never_the_kind():
    (zebra,) = (kind for kind in KINDS if kind.name == "zebra")
    sentences = descriptions(zebra)
    assert sentences[0] == "a horse's outline, a tiger's coat and a panda's colours"
    assert len(set(sentences)) == 6
    for kind in held_out_kinds():
        for sentence in descriptions(kind):
            assert kind.name not in sentence
            assert "a elephant" not in sentence
    assert (with_article("adder"), with_article("horse")) == ("an adder", "a horse")


def test_descriptions_of_two_kinds_differ():
    sentences = [sentence for kind in KINDS for sentence in descriptions(kind)]
    assert len(set(sentences)) == 6 * 336

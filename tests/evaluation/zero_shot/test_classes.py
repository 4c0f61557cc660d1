import json

import pytest

from lit_dalle.evaluation.zero_shot.classes import ClassSet, read_classes


def test_names_are_worded_as_published_or_without_underscores():
    found = ClassSet.named(["aquarium_fish", "SeaLake"], {"SeaLake": ("lake or sea",)})
    assert found.names == ("aquarium_fish", "SeaLake")
    assert found.wordings == (("aquarium fish",), ("lake or sea",))


def test_class_files_of_both_kinds(tmp_path):
    (tmp_path / "a.txt").write_text("cat\n\nsea lion\n")
    assert read_classes(tmp_path / "a.txt").names == ("cat", "sea lion")
    entries = [
        "cat",
        {"name": "zebra", "wordings": ["zebra", "zebras"], "descriptions": "a horse with stripes"},
    ]
    (tmp_path / "b.json").write_text(json.dumps(entries))
    found = read_classes(tmp_path / "b.json")
    assert found.wordings == (("cat",), ("zebra", "zebras"))
    assert found.descriptions == ((), ("a horse with stripes",))
    with pytest.raises(ValueError, match="by description, and cat has none"):
        found.described()


def test_descriptions_stand_for_names():
    found = ClassSet(("zebra",), (("zebra",),), (("a striped horse", "a horse in stripes"),))
    assert found.described().wordings == (("a striped horse", "a horse in stripes"),)
    with pytest.raises(ValueError, match="and cat has none"):
        ClassSet.named(["cat"]).described()


def test_order_is_that_of_the_labels():
    found = ClassSet(("b", "a"), (("bee",), ("ant",)), (("buzz",), ("crawl",)))
    ordered = found.ordered(["a", "b"])
    assert ordered == ClassSet(("a", "b"), (("ant",), ("bee",)), (("crawl",), ("buzz",)))
    with pytest.raises(ValueError, match="has 2 classes, the data set 2, and b, c is not in both"):
        found.ordered(["a", "c"])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("[", "not readable as JSON"),
        ("{}", "has no classes"),
        ("[]", "has no classes"),
        ('[{"wordings": "cat"}]', "class 0 of .* has no name"),
        ('["cat", "cat"]', "names cat twice"),
    ],
)
def test_wrong_class_files_are_told_in_one_line(tmp_path, content, what):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match=what):
        read_classes(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError, match="no class file"):
        read_classes(tmp_path / "gone.json")

import pytest

from lit_dalle.evaluation.zero_shot.templates import (
    filled,
    known_set,
    published_set,
    read_templates,
    template_names,
)

COUNTS = {"imagenet": 80, "cifar10": 18, "caltech101": 34, "kinetics700": 28, "ucf101": 48}


@pytest.mark.parametrize("name", template_names())
def test_every_published_template_has_one_place_for_a_name(name):
    found = published_set(name)
    assert found.templates
    assert all(template.count("{}") == 1 for template in found.templates)
    assert len(set(found.templates)) == len(found.templates)


@pytest.mark.parametrize("name", COUNTS)
def test_there_are_as_many_as_published(name):
    assert len(published_set(name).templates) == COUNTS[name]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("uoft-cs/cifar10", "cifar10"),
        ("data/CIFAR-10/", "cifar10"),
        ("ethz/food101", "food101"),
        ("someone/imagenet-1k", "imagenet"),
        ("my-pictures", None),
    ],
)
def test_a_data_set_is_known_by_its_name(data, name):
    assert known_set(data) == name


def test_published_wordings_stand_for_labels_that_are_no_words():
    assert published_set("eurosat").wordings["SeaLake"] == ("lake or sea",)
    assert published_set("fer2013").wordings["happy"] == ("happy", "smiling")


def test_braces_in_a_name_do_no_harm():
    assert filled("a photo of a {}.", "{0} cat") == "a photo of a {0} cat."


def test_own_templates_are_checked(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("a drawing of {}.\n\n{}\n")
    assert read_templates(path) == ("a drawing of {}.", "{}")
    path.write_text("a drawing\n")
    with pytest.raises(ValueError, match=r"'a drawing' of .* needs exactly one {}"):
        read_templates(path)
    path.write_text("\n")
    with pytest.raises(ValueError, match="has no templates"):
        read_templates(path)
    with pytest.raises(FileNotFoundError, match="neither a file nor one of birdsnap"):
        read_templates(tmp_path / "gone.txt")
    with pytest.raises(ValueError, match="no templates 'imagenett'"):
        published_set("imagenett")

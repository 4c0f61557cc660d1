import pytest

from lit_dalle.data.wording import as_templates, columns_of, placeholders, worded


def test_templates_come_as_one_as_several_or_not_at_all():
    assert as_templates(None) == ()
    assert as_templates("a {label}") == ("a {label}",)
    assert as_templates(["{label}", "{label}, {tags}"]) == ("{label}", "{label}, {tags}")


def test_columns_are_named_once_and_the_class_is_none_of_them():
    assert columns_of(["{label}", "{label}, {tags}", "{tags} by {maker}"]) == ("tags", "maker")


def test_lists_are_written_with_commas():
    values = {"label": "sailboat", "tags": ["sea", "boat"], "year": 1998}
    assert worded(["{label}, {tags} ({year})"], values) == ["sailboat, sea, boat (1998)"]


@pytest.mark.parametrize("nothing", [None, "", "  ", [], [None, ""]])
def test_a_template_with_an_empty_column_is_left_out(nothing):
    values = {"label": "sailboat", "tags": nothing}
    assert worded(["{label}", "{label}, {tags}"], values) == ["sailboat"]


@pytest.mark.parametrize("wrong", ["a photo", "{}", "a {label", "{label} and {}"])
def test_a_template_without_columns_is_refused(wrong):
    with pytest.raises(ValueError, match="caption_template"):
        placeholders(wrong)

import pytest

from lit_dalle.data.ledger import SHOWN, SOON, Ledger
from lit_dalle.data.notes import (
    CONVERTED,
    DAMAGED,
    FILTERED,
    GREY,
    MISSING_FILE,
    NARROW,
    SKIPPED,
    Note,
    RowError,
    is_usable,
)


def notes(count, kind=DAMAGED, action="skipped"):
    return [Note(action, kind, f"row {n}", f"row {n} is bad") for n in range(count)]


def test_rows_are_counted_by_what_happened_to_them():
    ledger = Ledger("train")
    ledger.add(10, [*notes(2), *notes(3, GREY, "converted")])
    ledger.add(5, notes(1))
    expected = {"read": 15, "skipped/damaged picture": 3, "converted/grey": 3}
    assert ledger.counts == expected
    assert ledger.state() == expected


def test_few_messages_are_kept_each_once():
    ledger = Ledger("train")
    for _ in range(3):
        ledger.add(20, notes(20))
    assert ledger.messages == {"skipped/damaged picture": [f"row {n} is bad" for n in range(SHOWN)]}


def test_an_epoch_begins_anew_or_goes_on():
    ledger = Ledger("train")
    ledger.add(10, notes(2))
    ledger.begin()
    assert ledger.counts == {}
    ledger.begin({"read": 7, "skipped/damaged picture": 1})
    ledger.add(3, notes(1))
    assert ledger.counts == {"read": 10, "skipped/damaged picture": 2}


def test_the_fullest_epoch_is_told():
    ledger = Ledger("train")
    ledger.add(10, notes(2))
    ledger.begin()
    ledger.add(3, notes(1))
    assert ledger.fullest == {"read": 10, "skipped/damaged picture": 2}
    ledger.begin()
    ledger.add(12, notes(4))
    assert ledger.fullest["read"] == 12
    ledger.begin()
    assert ledger.fullest["skipped/damaged picture"] == 4


def test_the_report_tells_kinds_with_an_example_the_most_frequent_first():
    ledger = Ledger("train")
    assert ledger.report() == ""
    ledger.add(2000, [])
    assert ledger.report() == "", "all is well"
    ledger.add(10, [*notes(1), *notes(4, GREY, "converted"), *notes(2, NARROW, "filtered")])
    assert ledger.report().splitlines() == [
        "train: 2,010 rows read, of which",
        "         4 converted: grey — row 0 is bad",
        "         2 filtered: too narrow — row 0 is bad",
        "         1 skipped: damaged picture — row 0 is bad",
    ]


def test_several_processes_tell_together():
    ledgers = [Ledger("train") for _ in range(3)]
    for number, ledger in enumerate(ledgers):
        ledger.add(100, notes(2))
        ledger.begin()
        ledger.add(10 * number, notes(number, GREY, "converted"))
    ledgers[2].add(90, [])
    whole = Ledger.together(ledgers)
    assert whole.report().splitlines() == [
        "train: 310 rows read, of which",
        "         4 skipped: damaged picture — row 0 is bad",
        "         2 converted: grey — row 0 is bad",
    ]


def test_a_shortage_is_told_in_one_line():
    ledger = Ledger("train")
    ledger.add(3, [])
    advice = "lower data.batch_size, or give more rows that can be used"
    assert ledger.shortage() == f"train does not fill a batch: 3 rows read; {advice}"
    ledger.add(5, [*notes(1), *notes(4, NARROW, "filtered")])
    assert ledger.shortage() == (
        "train does not fill a batch: 8 rows read, of which 4 filtered: too narrow — row 0 is bad; "
        f"1 skipped: damaged picture — row 0 is bad; {advice}"
    )


def test_kinds_of_which_no_message_is_known_are_told_too():
    """A resumed run has the counts of what was read before, and no examples."""
    ledger = Ledger("train", max_bad_share=0.1, rows=50)
    ledger.begin({"read": 10, "skipped/missing file": 5})
    with pytest.raises(ValueError, match=r"most often missing file$"):
        ledger.add(1, notes(1))
    assert "5 skipped: missing file" in ledger.report().splitlines()[1]


def test_too_many_bad_rows_end_reading_with_one_line():
    ledger = Ledger("train", max_bad_share=0.1, rows=50)
    ledger.add(
        10, [*notes(3), *notes(2, MISSING_FILE)]
    )  # a tenth of the split, not of what is read
    with pytest.raises(ValueError, match=r"^6 rows of train cannot be used") as caught:
        ledger.add(1, notes(1))
    assert str(caught.value) == (
        "6 rows of train cannot be used, more than the share of 0.1 that data.max_bad_share "
        "allows; most often damaged picture: row 0 is bad"
    )


def test_what_is_converted_or_filtered_is_not_bad():
    ledger = Ledger("train", max_bad_share=0.0, rows=10)
    ledger.add(10, [*notes(10, GREY, "converted"), *notes(5, NARROW, "filtered")])
    with pytest.raises(ValueError, match="1 rows of train cannot be used"):
        ledger.add(1, notes(1))


def test_without_a_length_a_share_is_believed_after_many_rows():
    ledger = Ledger("train", max_bad_share=0.1)
    ledger.add(SOON - 1, notes(500))
    with pytest.raises(ValueError, match=r"500 rows of train cannot be used"):
        ledger.add(1, [])
    with pytest.raises(ValueError, match=r"1 rows of train cannot be used"):
        Ledger("train", max_bad_share=0.0).add(2, notes(1))


def test_kinds_are_told_apart():
    assert len({*SKIPPED, *CONVERTED, *FILTERED}) == len(SKIPPED) + len(CONVERTED) + len(FILTERED)
    assert is_usable([])
    assert is_usable(notes(2, GREY, "converted"))
    assert not is_usable(notes(1))
    assert not is_usable([*notes(1, GREY, "converted"), *notes(1, NARROW, "filtered")])


def test_an_error_out_of_a_worker_is_one_line_again():
    error = RowError("row 3\n is bad", DAMAGED)
    assert str(error) == "row 3 is bad"
    assert error.note("here") == Note("skipped", DAMAGED, "here", "row 3 is bad")
    told = f"Caught RowError in DataLoader worker process 0.\nTraceback:\n  x.RowError: {error}\n"
    assert str(RowError(told)) == "row 3 is bad"

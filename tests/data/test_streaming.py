"""Every row exactly once an epoch, whatever the workers and processes, also after a resume."""

from contextlib import nullcontext

import pytest
from number_shards import NumberShards

from lit_dalle.data.examples import BatchMaker, Shown
from lit_dalle.data.ledger import Ledger
from lit_dalle.data.shards import Visit
from lit_dalle.data.stream_loader import StreamLoader
from lit_dalle.data.streaming import ROW_BITS, Stream


def stream(sizes, batch_size=4, train=True, **options):
    shards = NumberShards(sizes, bad=options.pop("bad", ()))
    maker = BatchMaker(Shown(16, train=train, seed=options.pop("seed", 0)))
    return Stream(shards, maker, batch_size, buffer=options.pop("buffer", 5), **options)


def every_row(sizes):
    return sorted(
        (shard << ROW_BITS) + row for shard, size in enumerate(sizes) for row in range(size)
    )


def indices(batches):
    return [batch["index"].tolist() for batch in batches]


def flat(batches):
    return [index for batch in batches for index in batch]


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("sizes", [[20], [8, 8, 8], [3, 11, 1, 25], [0, 16], [7]])
def test_every_row_once_in_evaluation(sizes, workers):
    found = indices(StreamLoader(stream(sizes, train=False), workers))
    assert sorted(flat(found)) == every_row(sizes)
    assert all(len(batch) == 4 for batch in found[:-1])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("sizes", [[24], [12, 12], [3, 11, 9, 25]])
def test_processes_share_rows(sizes, world_size, workers):
    found = []
    for rank in range(world_size):
        part = stream(sizes, train=False, rank=rank, world_size=world_size)
        found += flat(indices(StreamLoader(part, workers)))
    assert sorted(found) == every_row(sizes)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sizes", [[20, 4], [3, 11, 9, 25], [1] * 12, [31, 7, 2]])
def test_in_evaluation_processes_have_as_many_rows(sizes, workers):
    found = []
    for rank in range(2):
        part = stream(sizes, train=False, rank=rank, world_size=2)
        found.append(flat(indices(StreamLoader(part, workers))))
    assert sorted(found[0] + found[1]) == every_row(sizes)
    assert abs(len(found[0]) - len(found[1])) <= max(1, workers)


@pytest.mark.parametrize(("rows", "warned"), [(16, True), (9, False)])
def test_rows_that_are_left_out_are_told(monkeypatch, rows, warned):
    """The other process ends after a batch; of this one's, one more is no reason to worry."""
    answers = iter([True, False])
    monkeypatch.setattr("lit_dalle.data.stream_loader.everyone", lambda more: next(answers))
    loader = StreamLoader(stream([rows, rows], rank=0, world_size=2))
    with pytest.warns(UserWarning, match="data.share_rows") if warned else nullcontext():
        assert len(list(loader)) == 1


def test_training_is_shuffled_anew_each_epoch_and_batches_are_full():
    loader = StreamLoader(stream([10, 10, 11], buffer=8), 2)
    first, second = indices(loader), indices(loader)
    for found in (first, second):
        assert len(set(flat(found))) == len(flat(found)) == 28  # three rows fill no batch
        assert all(len(batch) == 4 for batch in found)
    assert first != second
    assert flat(first) != sorted(flat(first))
    again = StreamLoader(stream([10, 10, 11], buffer=8), 2)
    assert indices(again) == first


def test_another_seed_is_another_order():
    assert indices(StreamLoader(stream([40], seed=1))) != indices(StreamLoader(stream([40])))


@pytest.mark.parametrize("workers", [0, 2, 3])
@pytest.mark.parametrize("sizes", [[41], [9, 9, 9, 9], [2, 30, 5], [1, 1, 1, 1, 1, 1, 1, 1]])
def test_it_goes_on_where_it_was(sizes, workers):
    whole = StreamLoader(stream(sizes), workers)
    expected = [indices(whole), indices(whole)]
    for stop in range(0, len(expected[0]) + 1, 4 if workers else 1):
        loader = StreamLoader(stream(sizes), workers)
        batches = iter(loader)
        before = indices(next(batches) for _ in range(stop))
        state = loader.state_dict()
        resumed = StreamLoader(stream(sizes), workers)
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        assert before + indices(resumed) == expected[0], stop
        assert indices(resumed) == expected[1]


def test_states_are_plain_data():
    loader = StreamLoader(stream([20]), 2)
    next(iter(loader))
    assert eval(repr(loader.state_dict())) == loader.state_dict()


def test_a_batch_fetched_ahead_is_not_lost():
    expected = indices(StreamLoader(stream([22])))
    loader = StreamLoader(stream([22]), fetched_ahead=True)
    batches = iter(loader)
    for _ in range(3):  # the third is fetched, and not begun
        next(batches)
    loader.begin_batch()
    loader.begin_batch()
    resumed = StreamLoader(stream([22]), fetched_ahead=True)
    resumed.load_state_dict(loader.state_dict())
    assert indices(resumed) == expected[2:]


def test_an_epoch_of_which_nothing_was_begun_comes_again():
    expected = indices(StreamLoader(stream([22])))
    loader = StreamLoader(stream([22]), fetched_ahead=True)
    next(iter(loader))
    assert indices(loader) == expected


def test_a_state_saved_after_the_last_batch_begins_the_next_epoch():
    whole = StreamLoader(stream([16]))
    _, second = indices(whole), indices(whole)
    loader = StreamLoader(stream([16]))
    assert len(indices(loader)) == 4
    resumed = StreamLoader(stream([16]))
    resumed.load_state_dict(loader.state_dict())
    assert indices(resumed) == second


def test_another_number_of_workers_is_refused():
    loader = StreamLoader(stream([20]), 2)
    next(iter(loader))
    with pytest.raises(ValueError, match="saved with num_workers 2, now it is 0"):
        StreamLoader(stream([20])).load_state_dict(loader.state_dict())


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_that_cannot_be_used_do_not_count(workers):
    ledger = Ledger("train")
    bad = {(0, 3), (0, 4), (1, 0)}
    loader = StreamLoader(stream([10, 11], bad=bad, train=False), workers, ledger=ledger)
    found = indices(loader)
    assert all(len(batch) == 4 for batch in found[:-1])
    missing = [(shard << ROW_BITS) + row for shard, row in bad]
    assert sorted(flat(found) + missing) == every_row([10, 11])
    assert ledger.counts == {"read": 21, "skipped/damaged picture": 3}


@pytest.mark.parametrize("stop", range(6))
def test_counts_are_those_of_an_uninterrupted_epoch(stop):
    options = {"bad": {(0, 3), (0, 17), (1, 0), (1, 1)}}
    whole = Ledger("train")
    list(StreamLoader(stream([18, 11], **options), 2, ledger=whole))
    loader = StreamLoader(stream([18, 11], **options), 2, ledger=Ledger("train"))
    batches = iter(loader)
    for _ in range(stop):
        next(batches)
    resumed = StreamLoader(stream([18, 11], **options), 2, ledger=Ledger("train"))
    resumed.load_state_dict(loader.state_dict())
    list(resumed)
    assert resumed.ledger.counts == whole.counts


@pytest.mark.parametrize("limit", [6, 10])
def test_a_limit_takes_the_first_rows_of_every_shard(limit):
    found = flat(indices(StreamLoader(stream([20, 20], train=False, limit=limit))))
    rows = limit // 2
    assert sorted(found) == every_row([rows, rows])


@pytest.mark.parametrize(
    ("size", "bad", "told"),
    [
        (0, (), "0 rows read; lower"),
        (3, (), "3 rows read; lower"),
        (9, range(1, 9), r"9 rows read, of which 8 skipped: damaged picture — bad; lower"),
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_that_fills_no_batch_ends_training_with_one_line(size, bad, told, workers):
    rows = [(0, row) for row in bad]
    loader = StreamLoader(stream([size], bad=rows), workers, ledger=Ledger("train"))
    with pytest.raises(ValueError, match=f"^train does not fill a batch: {told}"):
        list(loader)
    found = StreamLoader(stream([size], bad=rows, train=False), workers)
    assert sorted(flat(indices(found))) == [row for row in range(size) if row not in bad]


def test_an_epoch_that_is_resumed_at_its_end_is_no_shortage():
    loader = StreamLoader(stream([8]))
    batches = iter(loader)
    assert len(indices(next(batches) for _ in range(2))) == 2  # the end itself was not met
    resumed = StreamLoader(stream([8]))
    resumed.load_state_dict(loader.state_dict())
    assert list(resumed) == []
    assert len(list(resumed)) == 2


@pytest.mark.parametrize("world_size", [1, 2])
def test_a_row_that_comes_again_comes_at_another_time(world_size):
    class Keeping(BatchMaker):
        def make(self, columns, keys, images=None):
            asked.extend(keys)
            return super().make(columns, keys, images)

    class Twice(NumberShards):
        def visits(self, epoch):
            return [Visit(shard, again) for shard in range(len(self)) for again in range(shard + 1)]

    asked = []
    for rank in range(world_size):
        part = Stream(
            Twice([4, 4]), Keeping(Shown(16, train=True)), 2, rank=rank, world_size=world_size
        )
        loader = StreamLoader(part)
        for _ in range(2):
            list(loader)
    expected = [(time, row) for time in range(2) for row in range(4)]
    expected += [(time, (1 << ROW_BITS) + row) for time in range(4) for row in range(4)]
    assert sorted(asked) == sorted(expected)

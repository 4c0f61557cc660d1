import pytest
from torch.utils.data import SequentialSampler

from lit_dalle.data.ledger import Ledger
from lit_dalle.data.loader import ResumableLoader, make_loader
from lit_dalle.data.notes import SHORT_CAPTION, Account, Note
from lit_dalle.data.order import EpochSampler

FORKING = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
WORKERS = pytest.mark.parametrize("workers", [0, 2])


class Echo:
    """A data set whose batches hold the items they were asked for, as ``index``."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return self.rows

    def __getitems__(self, items):
        return {"index": items}


def asked(loader):
    """The items of every batch."""
    return [batch["index"] for batch in loader]


def sampled(rows, batch_size=4, epoch=0, **options):
    sampler = EpochSampler(rows, batch_size, shuffle=options.pop("shuffle", True), **options)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_every_row_comes_once_an_epoch():
    items = sampled(40, epoch=3)
    assert sorted(index for _, index in items) == list(range(40))
    assert {epoch for epoch, _ in items} == {3}


def test_the_order_is_a_function_of_seed_and_epoch():
    assert sampled(40, epoch=1) == sampled(40, epoch=1)
    orders = [sampled(40, seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(index for _, index in order) for order in orders}) == 4


def test_processes_share_what_one_process_takes():
    alone = sampled(48, batch_size=12)
    ranks = [sampled(48, batch_size=4, rank=rank, world_size=3) for rank in range(3)]
    for step in range(4):
        together = [item for rank in ranks for item in rank[4 * step : 4 * step + 4]]
        assert sorted(together) == sorted(alone[12 * step : 12 * step + 12])


def test_training_leaves_out_what_does_not_fill_a_batch_everywhere():
    ranks = [sampled(30, batch_size=4, rank=rank, world_size=2) for rank in range(2)]
    assert [len(rank) for rank in ranks] == [12, 12]
    assert len({item for rank in ranks for item in rank}) == 24


def blocks_of(items, size):
    """First rows of the blocks; each must be whole and in order."""
    rows = [index for _, index in items]
    starts = rows[::size]
    assert rows == [start + place for start in starts for place in range(size)]
    assert all(start % size == 0 for start in starts)
    return starts


def test_blocks_stay_together_and_are_shuffled():
    orders = [blocks_of(sampled(42, 8, epoch=epoch, block_size=4), 4) for epoch in range(2)]
    assert [len(order) for order in orders] == [10, 10]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(0, 40, 4))
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


def test_processes_share_the_blocks_that_one_process_takes():
    alone = sampled(48, batch_size=12, block_size=2)
    options = {"batch_size": 4, "block_size": 2, "world_size": 3}
    ranks = [sampled(48, rank=rank, **options) for rank in range(3)]
    for rank in ranks:
        blocks_of(rank, 2)
    for step in range(4):
        together = [item for rank in ranks for item in rank[4 * step : 4 * step + 4]]
        assert sorted(together) == sorted(alone[12 * step : 12 * step + 12])


def test_evaluation_takes_no_notice_of_blocks():
    assert sampled(10, shuffle=False, block_size=4) == [(0, index) for index in range(10)]


def test_batches_that_would_split_blocks_are_refused():
    with pytest.raises(ValueError, match=r"batch_size is 6, .* blocks of 4 .* a multiple of that"):
        make_loader(Echo(40), 6, train=True, block_size=4)


def test_evaluation_is_in_order_and_complete():
    assert sampled(10, shuffle=False, epoch=5) == [(0, index) for index in range(10)]
    ranks = [sampled(11, shuffle=False, rank=rank, world_size=2) for rank in range(2)]
    assert sorted(item for rank in ranks for item in rank) == [(0, i) for i in range(10)]


def test_the_last_evaluation_batch_may_be_small():
    assert [len(batch) for batch in asked(make_loader(Echo(10), 4, train=False))] == [4, 4, 2]


@FORKING
@WORKERS
@pytest.mark.parametrize(("taken", "block"), [(0, 1), (1, 2), (5, 1), (9, 4), (10, 1)])
def test_a_loader_goes_on_where_another_stopped(workers, taken, block):
    options = {"train": True, "block_size": block}
    whole = make_loader(Echo(40), 4, num_workers=workers, **options)
    whole.sampler.set_epoch(2)
    batches = iter(whole)
    first = [next(batches) for _ in range(taken)]
    other = make_loader(Echo(40), 4, num_workers=workers, **options)
    other.load_state_dict(whole.state_dict())
    assert other.state_dict() == place(epoch=2, delivered=taken)
    rest = list(other)
    assert first + rest == list(make_fresh(2, block))
    other.sampler.set_epoch(3)
    assert list(other) == list(make_fresh(3, block)), "the next epoch is whole again"


def place(epoch, delivered, step_rows=4):
    """A state of a loader that has counted nothing."""
    return {
        "epoch": epoch,
        "told": epoch,
        "delivered": delivered,
        "step_rows": step_rows,
        "counts": [{}],
    }


def make_fresh(epoch, block=1):
    loader = make_loader(Echo(40), 4, train=True, block_size=block)
    loader.sampler.set_epoch(epoch)
    return loader


@FORKING
def test_batches_that_workers_have_prepared_do_not_count():
    loader = make_loader(Echo(40), 4, train=True, num_workers=2)
    batches = iter(loader)
    next(batches)
    assert loader.state_dict() == place(epoch=0, delivered=1)


def test_a_state_of_another_epoch_is_not_taken_for_this_one():
    """A checkpoint written when an epoch ended says "all delivered"; the next one begins at 0."""
    loader = make_loader(Echo(40), 4, train=True)
    loader.load_state_dict({"epoch": 0, "told": 0, "delivered": 10})
    loader.sampler.set_epoch(1)
    assert list(loader) == list(make_fresh(epoch=1))


def test_a_trainer_that_counts_an_epoch_twice_skips_none():
    loader = make_loader(Echo(40), 4, train=True)
    loader.load_state_dict({"epoch": 0, "told": 0, "delivered": 10})
    loader.sampler.set_epoch(1)  # the epoch that had ended, once more
    loader.sampler.set_epoch(2)
    batches = iter(loader)
    first = [next(batches) for _ in range(3)]
    other = make_loader(Echo(40), 4, train=True)
    other.load_state_dict(loader.state_dict())
    assert first + list(other) == list(make_fresh(epoch=1))
    other.sampler.set_epoch(3)
    assert list(other) == list(make_fresh(epoch=2))


def test_a_state_taken_before_the_first_batch_of_an_epoch():
    loader = make_loader(Echo(40), 4, train=True)
    list(loader)
    loader.sampler.set_epoch(1)
    assert loader.state_dict() == place(epoch=1, delivered=0)


def test_an_abandoned_epoch_begins_anew():
    loader = make_loader(Echo(40), 4, train=True)
    next(iter(loader))
    assert len(list(loader)) == 10


def test_processes_go_on_where_one_stopped():
    """Steps of as many rows cover the same ones, however many processes share them."""
    whole = make_loader(Echo(48), 8, train=True)
    batches = iter(whole)
    taken = [item for _ in range(2) for item in next(batches)["index"]]
    rest = []
    for rank in range(2):
        loader = make_loader(Echo(48), 4, train=True, rank=rank, world_size=2)
        loader.load_state_dict(whole.state_dict())
        rest += [item for batch in asked(loader) for item in batch]
    assert sorted(taken + rest) == [(0, index) for index in range(48)]


@pytest.mark.parametrize(("batch_size", "world_size"), [(8, 1), (4, 2)])
def test_another_number_of_rows_a_step_is_refused(batch_size, world_size):
    state = place(epoch=0, delivered=3)
    other = make_loader(Echo(40), batch_size, train=True, world_size=world_size)
    with pytest.raises(ValueError, match=r"saved with 4 rows a step .*, now it is 8: resume with"):
        other.load_state_dict(state)
    state.pop("step_rows")  # not known of it: then it is taken for the same
    other.load_state_dict(state)


def test_a_plain_sampler_resumes_too():
    """``overfit_batches`` puts a ``SequentialSampler`` in the place of ours."""

    def loader():
        rows = Echo(12)
        return ResumableLoader(
            rows, batch_size=4, sampler=SequentialSampler(rows), collate_fn=lambda batch: batch
        )

    other = loader()
    other.load_state_dict({"epoch": 0, "told": 0, "delivered": 2})
    assert asked(other) == [[8, 9, 10, 11]]
    assert len(list(other)) == 3


WEIGHTED = ((20, 0.5), (8, 2.5))
"""Two parts: ten rows of twenty, and twenty of eight."""


def test_a_row_that_comes_again_comes_at_another_time():
    shown = [item for epoch in range(2) for item in sampled(28, 2, epoch=epoch, parts=WEIGHTED)]
    assert len(set(shown)) == len(shown) == 60
    expected = [(0, index) for index in range(20)]
    expected += [(time, index) for time in range(5) for index in range(20, 28)]
    assert sorted(shown) == sorted(expected)
    once = ((20, 1), (8, 1))
    assert sampled(28, 2, epoch=3, parts=once) == sampled(28, 2, epoch=3)


def test_too_few_rows_of_a_weighted_epoch_are_told():
    with pytest.raises(ValueError, match="an epoch of the split has 3 rows, one step needs 4"):
        make_loader(Echo(30), 4, train=True, parts=((30, 0.1),))


class Filtered:
    """A data set of which no row can be used."""

    def __len__(self):
        return 12

    def __getitems__(self, items):
        notes = [Note("filtered", SHORT_CAPTION, "there", f"row {n} says little") for _, n in items]
        return {"index": [], "read": Account(len(items), notes)}


def test_a_batch_for_which_there_are_no_rows_ends_training_with_one_line():
    loader = make_loader(Filtered(), 4, train=True, ledger=Ledger("train"))
    message = (
        r"^train does not fill a batch: 4 rows read, of which 4 filtered: caption too short — row "
        r"\d+ says little; lower data.batch_size, or give more rows that can be used$"
    )
    with pytest.raises(ValueError, match=message):
        list(loader)
    assert list(make_loader(Filtered(), 4, train=False)) == []


def test_too_few_rows_are_told_with_both_numbers():
    with pytest.raises(ValueError, match="has 3 rows, one step needs 8"):
        make_loader(Echo(3), 4, train=True, world_size=2)
    with pytest.raises(ValueError, match="has 0 rows, one step needs 1"):
        make_loader(Echo(0), 4, train=False)

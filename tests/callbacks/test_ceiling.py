from types import SimpleNamespace

import pytest
import torch

from lit_dalle.callbacks.ceiling import CeilingLogger
from lit_dalle.evaluation.reconstruction import world_batches

ALONE = SimpleNamespace(reduce=lambda found, reduce_op: found)
TRAINER = SimpleNamespace(sanity_checking=False, strategy=ALONE)


class Module:
    """A dVAE that spoils the first picture of each batch, and what it logs."""

    def __init__(self):
        self.net, self.logged, self.device = self, {}, torch.device("cpu")

    def encode(self, images):
        return images

    def decode(self, images):
        spoiled = images.clone()
        spoiled[0] = 0.0
        return spoiled

    def log_dict(self, values, **settings):
        self.logged |= values


def validate(logger, module, batches):
    logger.on_validation_epoch_start(TRAINER, module)
    for number, batch in enumerate(batches):
        logger.on_validation_batch_end(TRAINER, module, None, batch, number)
    logger.on_validation_epoch_end(TRAINER, module)
    return module.logged


def test_shares_by_family_of_the_first_batches():
    batches = list(world_batches("validation", 27, batch_size=9))
    logged = validate(CeilingLogger(batches=2), Module(), batches)
    assert logged["val/ceiling"] == pytest.approx(16 / 18)
    assert (logged["val/ceiling/count"], logged["val/ceiling/stack"]) == (0.0, 1.0)
    assert len(logged) == 10


def test_each_validation_starts_anew():
    logger, batches = CeilingLogger(), list(world_batches("validation", 9, batch_size=9))
    assert validate(logger, Module(), batches) == validate(logger, Module(), batches)


def test_the_counts_of_all_processes_are_summed():
    other = torch.zeros(9, 2)
    other[0] = torch.tensor([3.0, 3.0])  # three right pictures of the first family elsewhere
    strategy = SimpleNamespace(reduce=lambda found, reduce_op: found + other)
    module, batches = Module(), list(world_batches("validation", 9, batch_size=9))
    logger, trainer = CeilingLogger(), SimpleNamespace(sanity_checking=False, strategy=strategy)
    logger.on_validation_epoch_start(trainer, module)
    logger.on_validation_batch_end(trainer, module, None, batches[0], 0)
    logger.on_validation_epoch_end(trainer, module)
    assert module.logged["val/ceiling/count"] == pytest.approx(3 / 4)
    assert module.logged["val/ceiling"] == pytest.approx(11 / 12)


def test_batches_without_scenes_are_not_graded():
    pictures = {"images": torch.zeros(1, 3, 64, 64), "family": ["count"]}
    assert validate(CeilingLogger(), Module(), [pictures]) == {}


def test_no_batches_are_refused():
    with pytest.raises(ValueError, match="at least 1 batch, got 0"):
        CeilingLogger(batches=0)

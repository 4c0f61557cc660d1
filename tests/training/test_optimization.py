"""Parameter groups, learning rate per update, and configs that survive a checkpoint."""

from dataclasses import dataclass

import lightning as L
import pytest
import torch
from torch import nn

from lit_dalle.functional.schedules import Schedule
from lit_dalle.training.optimization import OptimizerConfig, as_config, build_optimizer, plain


def constant(value):
    return Schedule(start=value, end=value, shape="constant")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.LayerNorm(4)
        self.table = nn.Embedding(5, 4)
        self.pad_embedding = nn.Parameter(torch.zeros(2, 4))
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


def test_only_matrices_decay_and_frozen_parts_are_left_out():
    net = Net()
    decayed, kept = build_optimizer(net, OptimizerConfig(weight_decay=0.2), 10)[
        "optimizer"
    ].param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.2, 0.0)
    assert {id(p) for p in decayed["params"]} == {id(net.linear.weight), id(net.conv.weight)}
    expected = [net.linear.bias, net.conv.bias, *net.norm.parameters(), net.table.weight]
    assert {id(p) for p in kept["params"]} == {id(p) for p in [*expected, net.pad_embedding]}


def test_muon_takes_the_matrices_between_embeddings_and_heads():
    net = Net()
    net.image_head = nn.Linear(4, 7)
    made = build_optimizer(net, OptimizerConfig(weight_decay=0.2, matrices="muon"), 10)
    muon, adamw_decayed, kept = made["optimizer"].param_groups
    assert [id(p) for p in muon["params"]] == [id(net.linear.weight)]
    assert {id(p) for p in adamw_decayed["params"]} == {
        id(net.conv.weight),
        id(net.image_head.weight),
    }
    assert [group["weight_decay"] for group in (muon, adamw_decayed, kept)] == [0.2, 0.2, 0.0]


def test_muon_makes_updates_of_equal_size_in_all_directions():
    torch.manual_seed(0)
    layer = nn.Linear(6, 4, bias=False)
    config = OptimizerConfig(lr=constant(0.1), weight_decay=0.0, matrices="muon")
    optimizer, before = (
        build_optimizer(layer, config, 10)["optimizer"],
        layer.weight.detach().clone(),
    )
    scales = torch.diag(torch.tensor([3.0, 1.0, 0.3, 1.0]))
    layer.weight.grad = scales @ torch.randn(4, 6)
    optimizer.step()
    moved = torch.linalg.svdvals(before - layer.weight.detach())
    assert moved.min() > 0.4 * moved.max(), f"singular values of the update: {moved.tolist()}"
    assert moved.mean().item() == pytest.approx(0.1 * 0.2 * 6**0.5, rel=0.4)


@pytest.mark.parametrize("matrices", ["adamw", "muon"])
def test_a_restored_optimiser_goes_on_as_if_nothing_had_happened(matrices):
    config = OptimizerConfig(lr=Schedule(start=0.1, end=0.01), matrices=matrices)

    def fresh():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2))
        made = build_optimizer(net, config, 8)
        return net, made["optimizer"], made["lr_scheduler"]["scheduler"]

    def run(net, optimizer, scheduler, steps):
        for step in steps:
            x = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            net(x).square().sum().backward()
            optimizer.step()
            scheduler.step()

    whole, half, resumed = fresh(), fresh(), fresh()
    run(*whole, range(8))
    run(*half, range(4))
    for part, kept in zip(resumed, half, strict=True):
        part.load_state_dict(kept.state_dict())
    run(*resumed, range(4, 8))
    for one, other in zip(whole[0].parameters(), resumed[0].parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_state_of_another_optimiser_is_refused():
    net = Net()
    adamw = build_optimizer(net, OptimizerConfig(), 4)["optimizer"]
    muon = build_optimizer(net, OptimizerConfig(matrices="muon"), 4)["optimizer"]
    with pytest.raises(ValueError, match="state of 1 optimisers, the run has 2"):
        muon.load_state_dict(adamw.state_dict())


@pytest.mark.parametrize("matrices", ["adamw", "muon"])
def test_learning_rate_is_that_of_the_schedule_at_every_update(matrices):
    schedule = Schedule(start=0.5, end=0.1, warmup=0.2)
    made = build_optimizer(Net(), OptimizerConfig(lr=schedule, matrices=matrices), 20)
    optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    for step in range(20):
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([schedule.value(step, 20)] * len(rates))
        optimizer.step()
        scheduler.step()


class Steep(L.LightningModule):
    """A loss whose gradient has a norm of thousands; keeps the norms the optimiser sees."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 1)
        self.norms = []

    def training_step(self, batch, batch_idx):
        return 1e4 * self.net(batch).sum()

    def configure_optimizers(self):
        made = build_optimizer(self.net, OptimizerConfig(), 4)
        made["optimizer"].register_step_post_hook(self._keep_norm)
        return made

    def _keep_norm(self, *_):
        grads = [parameter.grad.flatten() for parameter in self.net.parameters()]
        self.norms.append(float(torch.cat(grads).norm()))


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
@pytest.mark.parametrize(("bound", "norm"), [(0.5, 0.5), (None, 4e4)])
def test_clipping_clips_what_the_optimiser_sees(precision, bound, norm, tmp_path):
    module = Steep()
    trainer = L.Trainer(
        max_steps=3,
        accelerator="cpu",
        precision=precision,
        gradient_clip_val=bound,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, torch.utils.data.DataLoader(torch.ones(6, 4), batch_size=2))
    assert module.norms == pytest.approx([norm] * 3, rel=0.2)


def test_configs_come_back_from_plain_dicts():
    config = OptimizerConfig(lr=Schedule(start=1.0, end=0.5, halvings=(0.5,)), betas=(0.8, 0.9))
    stored = plain(config)
    assert type(stored["lr"]) is dict
    assert as_config(OptimizerConfig, stored) == config
    assert as_config(OptimizerConfig, config) is config


def test_unknown_field_is_named():
    @dataclass(frozen=True)
    class Small:
        dim: int = 1

    with pytest.raises(ValueError, match=r"Small has no field dimm; it has dim"):
        as_config(Small, {"dimm": 3})
    with pytest.raises(ValueError, match="Small expected, got int"):
        as_config(Small, 3)

"""Training steps of the prior under bf16 autocast, in turns with the peer's."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from peers import dalle_pytorch_peer as peer
from peers.loading import PeerMissing
from torch import Tensor, nn

from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.training.optimization import OptimizerConfig, build_optimizer
from speed.bench import Bench, Plan, by_flops
from speed.clock import Call, in_turns, median
from speed.memory import PeakMemory
from speed.nets import random_tokens
from speed.rates import product_rate
from speed.sizes import Size
from speed.work import training_flops, training_products, training_tokens

TEXT_WEIGHT, IMAGE_WEIGHT = 1 / 8, 7 / 8
"""Weights of the two losses ([P] 2.2)."""
CLIP_NORM = 1.0
"""Norm that gradients are clipped to."""
STEPS = 1000
"""Length of the run that the learning rate is set for."""


@dataclass(frozen=True)
class Timed:
    """What a fresh process measured."""

    ours: dict[str, list[float]]
    """Seconds of each step by attention."""
    theirs: dict[str, list[float]]
    """Seconds of each step of the peer by form; empty without the peer."""
    memory: int | None
    """Bytes of our training with the published attention at the peak."""
    notes: tuple[str, ...] = ()
    """What could not be measured."""


def run(bench: Bench, size: Size) -> None:
    """Measure a size and add its rows."""
    bench.say(f"training {size.name} …")
    timed = bench.measure(measure, size)
    for note in timed.notes:
        bench.say(note)
    batch, tokens = batch_and_tokens(size, bench.plan)
    for attention, seconds in timed.ours.items():
        config = replace(size.dalle, attention=attention)
        case = _case(size, batch) | {"attention": attention}
        value = bench.rate(case, "training_tokens_per_s", tokens, seconds, "tokens/s")
        occurring = product_rate(training_products(config, batch), bench.plan.device, training=True)
        a_token = training_flops(config, batch) / tokens
        rates = {"best": bench.rates.matrix, "occurring": occurring}
        bench.roofline(case, value, rates, by_flops(a_token))
    case = _case(size, batch) | {"attention": "published"}
    bench.memory(case, timed.memory)
    _peer_rows(bench, size, timed)


def measure(size: Size, plan: Plan) -> Timed:
    """Time training steps of ours and, at S, of the peer's."""
    batch, _ = batch_and_tokens(size, plan)
    memory = PeakMemory(plan.device)
    text_tokens, image_tokens = random_tokens(size.dalle, batch, plan)
    ours: dict[str, Call] = {"published": our_step(size.dalle, text_tokens, image_tokens, plan)}
    for _ in range(2):
        ours["published"]()
    grown = memory.grown()
    if size.also_causal:
        causal = replace(size.dalle, attention="causal")
        ours["causal"] = our_step(causal, text_tokens, image_tokens, plan)
        ours["causal"]()
    theirs, notes = {}, []
    if size.also_causal:
        theirs, notes = _peer_steps(size.dalle, text_tokens, image_tokens, plan)
    calls = ours | theirs
    seconds = in_turns(calls, plan.device, seconds=plan.seconds(40, 4))
    return Timed(
        {name: seconds[name] for name in ours},
        {name: seconds[name] for name in theirs},
        grown,
        tuple(notes),
    )


def batch_and_tokens(size: Size, plan: Plan) -> tuple[int, int]:
    """Rows of a training step, and their tokens."""
    batch = size.batch(plan.device.partition(":")[0])
    return batch, training_tokens(size.dalle, batch)


def training_step(module: nn.Module, loss: Callable[[], Tensor], plan: Plan) -> Call:
    """Return a whole training step: autocast, backward, clipping, AdamW."""
    optimizer = build_optimizer(module, OptimizerConfig(), STEPS)["optimizer"]
    parameters = [weight for weight in module.parameters() if weight.requires_grad]

    def step() -> None:
        with plan.autocast():
            value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def our_step(config: DalleConfig, text_tokens: Tensor, image_tokens: Tensor, plan: Plan) -> Call:
    """Return a training step of a prior of random weights on one batch."""
    torch.manual_seed(plan.seed)
    prior = Dalle(config).to(plan.device).train()

    def loss() -> Tensor:
        losses = prior.losses(text_tokens, image_tokens)
        return TEXT_WEIGHT * losses.text_loss + IMAGE_WEIGHT * losses.image_loss

    return training_step(prior, loss, plan)


def _peer_steps(
    config: DalleConfig, text_tokens: Tensor, image_tokens: Tensor, plan: Plan
) -> tuple[dict[str, Call], list[str]]:
    """Steps of the peer by form, and what does not run."""
    steps: dict[str, Call] = {}
    notes = []
    for form in peer.ATTENTION_FORMS:
        try:
            net = peer.build(config, form).to(plan.device).train()
            loss = peer.training_loss(net, text_tokens, image_tokens)
            step = training_step(net, loss, plan)
            step()
        except PeerMissing as missing:
            return {}, [f"{missing}; its rows are left out"]
        except RuntimeError as error:
            notes.append(f"{peer.NAME} with {form} attention does not train here: {error}")
        else:
            steps[form] = step
    return steps, notes


def _peer_rows(bench: Bench, size: Size, timed: Timed) -> None:
    """The peer's own speed, and ours against it: attention alike, and against its fastest."""
    if not timed.theirs:
        return
    batch, tokens = batch_and_tokens(size, bench.plan)
    case = _case(size, batch)
    for form, seconds in timed.theirs.items():
        theirs = {**case, "peer": peer.NAME, "peer_form": form}
        bench.rate(theirs, "training_tokens_per_s", tokens, seconds, "tokens/s")
    fastest = min(timed.theirs, key=lambda form: median(timed.theirs[form]))
    pairs = [(attention, form) for attention, form in peer.ALIKE.items() if form in timed.theirs]
    for attention, form in dict.fromkeys([*pairs, ("published", fastest)]):
        ratio = median(timed.theirs[form]) / median(timed.ours[attention])
        compared = {**case, "attention": attention, "peer": peer.NAME, "peer_form": form}
        compared["headline"] = attention == "published" and form == fastest
        bench.results.row(compared, "ratio_to_peer", ratio)


def _case(size: Size, batch: int) -> dict[str, object]:
    return {"what": "training", "size": size.name, "batch": batch}

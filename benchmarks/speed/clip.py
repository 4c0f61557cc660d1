"""Training steps of CLIP under bf16 autocast, in turns with those of transformers' CLIPModel."""

from dataclasses import dataclass
from typing import Any

import torch
from peers import transformers_peer as peer
from peers.loading import PeerMissing
from torch import Tensor

from lit_dalle.functional.contrastive import contrastive_loss
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from speed.bench import Bench, Plan, by_flops
from speed.clock import Call, in_turns, median, seconds_of
from speed.memory import PeakMemory
from speed.rates import product_rate
from speed.sizes import Size
from speed.training import training_step
from speed.work_nets import clip_products, clip_training_flops


@dataclass(frozen=True)
class Timed:
    """What a fresh process measured."""

    ours: list[float]
    """Seconds of each of our steps."""
    theirs: list[float]
    """Seconds of each of the peer's, in its faster form; empty without the peer."""
    peer_name: str
    """The peer and its version."""
    peer_form: str
    """The form that a first step found faster."""
    memory: int | None
    """Bytes of our training at the peak."""
    notes: tuple[str, ...] = ()
    """What could not be measured."""


def run(bench: Bench, size: Size) -> None:
    """Measure a size and add its rows."""
    bench.say(f"CLIP {size.name} …")
    timed = bench.measure(measure, size)
    for note in timed.notes:
        bench.say(note)
    batch, device = size.clip_batch, bench.plan.device
    case: dict[str, Any] = {"what": "clip", "size": size.name, "batch": batch}
    value = bench.rate(case, "training_pairs_per_s", batch, timed.ours, "pairs/s")
    occurring = product_rate(clip_products(size.clip, batch), device, training=True)
    a_pair = clip_training_flops(size.clip, batch) / batch
    rates = {"best": bench.rates.matrix, "occurring": occurring}
    bench.roofline(case, value, rates, by_flops(a_pair))
    bench.memory(case, timed.memory)
    if timed.theirs:
        theirs = {**case, "peer": timed.peer_name, "peer_form": timed.peer_form}
        bench.rate(theirs, "training_pairs_per_s", batch, timed.theirs, "pairs/s")
        ratio = median(timed.theirs) / median(timed.ours)
        bench.results.row(theirs, "ratio_to_peer", ratio)


def measure(size: Size, plan: Plan) -> Timed:
    """Time training steps of ours and the peer's in turns."""
    memory = PeakMemory(plan.device)
    images, text_tokens = _pairs(size, plan)
    torch.manual_seed(plan.seed)
    clip = Clip(size.clip).to(plan.device).train()
    ours = training_step(clip, lambda: contrastive_loss(*clip(images, text_tokens)), plan)
    for _ in range(2):
        ours()
    grown = memory.grown()
    calls = {"ours": ours}
    try:
        form, calls["theirs"] = _faster_peer(size, images, text_tokens, plan)
        name, notes = peer.name(), ()
    except PeerMissing as missing:
        form, name, notes = "", peer.PACKAGE, (f"{missing}; its rows are left out",)
    seconds = in_turns(calls, plan.device, seconds=plan.seconds(30, 3))
    return Timed(seconds["ours"], seconds.get("theirs", []), name, form, grown, notes)


def _faster_peer(size: Size, images: Tensor, text_tokens: Tensor, plan: Plan) -> tuple[str, Call]:
    """The peer's form whose first step is the fastest, and its step.

    Raises:
        PeerMissing: It is not installed.
    """
    found: dict[str, tuple[float, Call]] = {}
    for form in peer.FORMS:
        net = peer.build(size.clip, form).to(plan.device).train()
        step = training_step(net, peer.training_loss(net, images, text_tokens), plan)
        found[form] = seconds_of(step, plan.device), step
    fastest = min(found, key=lambda form: found[form][0])
    return fastest, found[fastest][1]


def _pairs(size: Size, plan: Plan) -> tuple[Tensor, Tensor]:
    """Pictures, and captions of full length: [EOS] is the last token."""
    config: ClipConfig = size.clip
    generator = torch.Generator().manual_seed(plan.seed)
    shape = (size.clip_batch, 3, config.image_size, config.image_size)
    images = torch.rand(shape, generator=generator)
    shape = (size.clip_batch, config.text_len)
    text = torch.randint(config.eos_id + 1, config.text_vocab_size, shape, generator=generator)
    text[:, 0], text[:, -1] = 1, config.eos_id
    return images.to(plan.device), text.to(plan.device)

"""The dVAE under bf16 autocast: pictures to tokens and back."""

from dataclasses import dataclass

import torch

from lit_dalle.models.dvae import DiscreteVAE
from speed.bench import Bench, Plan, by_flops
from speed.clock import in_turns
from speed.memory import PeakMemory
from speed.rates import convolution_rate
from speed.sizes import Size
from speed.work_nets import decoder_convolutions, encoder_convolutions

WORK = {"encode": encoder_convolutions, "decode": decoder_convolutions}
"""Convolutions of each direction."""


@dataclass(frozen=True)
class Timed:
    """What a fresh process measured."""

    seconds: dict[str, list[float]]
    """Seconds of each batch, encoded and decoded."""
    memory: int | None
    """Bytes at the peak of both."""


def run(bench: Bench, size: Size) -> None:
    """Measure a size and add its rows."""
    bench.say(f"dVAE {size.name} …")
    timed = bench.measure(measure, size)
    case = {"what": "dvae", "size": size.name, "batch": size.dvae_batch}
    for direction, seconds in timed.seconds.items():
        convolutions = WORK[direction](size.dvae)
        flops = sum(convolution.flops for convolution in convolutions)
        here = case | {"direction": direction}
        value = bench.rate(here, "pictures_per_s", size.dvae_batch, seconds, "pictures/s")
        occurring = convolution_rate(convolutions, size.dvae_batch, bench.plan.device)
        rates = {"best": bench.rates.convolution, "occurring": occurring}
        bench.roofline(here, value, rates, by_flops(flops), "convolution_rate")
    bench.memory(case, timed.memory)


def measure(size: Size, plan: Plan) -> Timed:
    """Time batches in turns."""
    memory = PeakMemory(plan.device)
    torch.manual_seed(plan.seed)
    config = size.dvae
    dvae = DiscreteVAE(config).to(plan.device).eval()
    images = torch.rand(size.dvae_batch, 3, config.image_size, config.image_size)
    tokens = torch.randint(config.codebook_size, (size.dvae_batch, config.image_grid**2))
    images, tokens = images.to(plan.device), tokens.to(plan.device)
    with torch.inference_mode(), plan.autocast():
        calls = {"encode": lambda: dvae.encode(images), "decode": lambda: dvae.decode(tokens)}
        for call in calls.values():
            call()
        seconds = in_turns(calls, plan.device, seconds=plan.seconds(20, 2))
    return Timed(seconds, memory.grown())

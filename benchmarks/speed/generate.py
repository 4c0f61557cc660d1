"""From a prompt to its best pictures, end to end, by a pipeline with random weights."""

from dataclasses import dataclass

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.models.clip import Clip
from lit_dalle.models.dvae import DiscreteVAE
from speed.bench import Bench, Plan
from speed.clock import seconds_of
from speed.memory import PeakMemory
from speed.nets import random_tokens, sampling_prior
from speed.sampling import warm_up
from speed.sizes import Size

PROMPT = "a small red star"
"""What is drawn."""
KEPT_SHARE = 16
"""Of so many candidates one is kept: 32 of 512."""
VOCABULARY = 280
"""Tokens of the tokenizer that is trained on the prompt."""


@dataclass(frozen=True)
class Generated:
    """What a fresh process measured."""

    stages: dict[str, float]
    """Seconds of the whole and of its stages."""
    memory: int | None
    """Bytes at the peak, all three nets."""


def run(bench: Bench, size: Size) -> None:
    """Measure a size and add its rows."""
    bench.say(f"prompt to pictures {size.name} …")
    candidates = size.candidates[-1]
    if bench.plan.quick:  # as many tokens at each size
        candidates = max(candidates * 16 // size.dalle.image_len, 1)
    keep = max(candidates // KEPT_SHARE, 1)
    found = bench.measure(measure, size, candidates, keep)
    case = {"what": "generate", "size": size.name, "candidates": candidates, "keep": keep}
    for stage, seconds in found.stages.items():
        bench.results.row({**case, "stage": stage}, "generate_seconds", seconds, unit="s")
    bench.memory(case, found.memory)


def measure(size: Size, candidates: int, keep: int, plan: Plan) -> Generated:
    """Time one prompt."""
    memory = PeakMemory(plan.device)
    pipeline = _pipeline(size, plan)
    warm_up(pipeline.prior, random_tokens(size.dalle, 1, plan)[0], plan)
    found = []

    def generate() -> None:
        found.append(pipeline.generate(PROMPT, candidates=candidates, keep=keep, seed=plan.seed))

    whole = seconds_of(generate, plan.device)
    return Generated({"whole": whole, **found[0].seconds}, memory.grown())


def _pipeline(size: Size, plan: Plan) -> DallePipeline:
    prior = sampling_prior(size.dalle, plan)
    dvae = DiscreteVAE(size.dvae).to(plan.device).eval()
    clip = Clip(size.clip).to(plan.device).eval()
    for net in (dvae, clip):
        net.requires_grad_(False)
    words = CaptionTokenizer.train([PROMPT], min(VOCABULARY, size.dalle.text_vocab_size))
    return DallePipeline(
        dvae,
        prior,
        clip,
        words.framed(size.dalle.text_len, append_eos=False),
        words.framed(size.clip.text_len, append_eos=True),
        name=size.name,
    )

"""512 candidates that share the prompt's keys and values, against as many prompts of their own."""

from dataclasses import dataclass, replace

from torch import Tensor

from lit_dalle.generation.decode import generate_image_tokens
from lit_dalle.models.dalle_config import DalleConfig
from speed.bench import Bench, Plan
from speed.clock import now
from speed.nets import random_tokens, sampling_prior
from speed.sampling import warm_up
from speed.sizes import Size


@dataclass(frozen=True)
class Compared:
    """Both ways of the same pictures."""

    seconds: dict[str, float]
    """Seconds with one prompt (``shared``), and with as many as candidates (``separate``)."""
    agreement: float
    """Share of tokens that agree where all before them does."""


def run(bench: Bench, size: Size) -> None:
    """Measure a size and add its rows."""
    bench.say(f"shared prefix {size.name} …")
    candidates = size.candidates[-1]
    if bench.plan.quick:
        candidates = max(candidates // 16, 4)
    config = replace(size.dalle, text_len=size.prefix_text_len)
    found = measure(config, candidates, bench.plan)
    case = {"what": "sampling", "size": size.name, "attention": "published"}
    case |= {"candidates": candidates, "text_len": config.text_len}
    tokens = candidates * config.image_len
    for prefix, seconds in found.seconds.items():
        here = case | {"prefix": prefix}
        bench.rate(here, "sampling_tokens_per_s", tokens, [seconds], "tokens/s")
    ratio = found.seconds["separate"] / found.seconds["shared"]
    bench.results.row(case, "shared_prefix_speedup", ratio)
    bench.results.row(case, "teacher_forced_agreement", found.agreement)


def measure(config: DalleConfig, candidates: int, plan: Plan) -> Compared:
    """Time both ways, and compare what they draw."""
    prior, (prompt, _) = sampling_prior(config, plan), random_tokens(config, 1, plan)
    warm_up(prior, prompt, plan)
    drawn, seconds = [], {}
    for name, prompts in {"shared": 1, "separate": candidates}.items():
        texts, each = prompt.repeat(prompts, 1), candidates // prompts
        begin = now(plan.device)
        drawn.append(
            generate_image_tokens(
                prior, texts, each, seed=plan.seed, first_candidate=range(0, candidates, each)
            )
        )
        seconds[name] = now(plan.device) - begin
    return Compared(seconds, agreement(*drawn))


def agreement(first: Tensor, second: Tensor) -> float:
    """Share of agreeing tokens among those with equal tokens before them, over all rows.

    Behind its first difference a row goes its own way, so it counts up to there.

    Args:
        first: int64, ``b i``.
        second: int64, ``b i``.
    """
    alike = (first == second).long().cumprod(dim=1).sum(dim=1)
    compared = (alike + 1).clamp(max=first.shape[1])
    return alike.sum().item() / compared.sum().item()

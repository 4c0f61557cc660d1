"""Attention at the cost of its mask against a dense mask: q, k, v to the output and back."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lit_dalle.functional.attention import attend
from lit_dalle.functional.masks import CAUSAL, AttentionKind, AttentionPattern
from lit_dalle.functional.products import Span, attend_in_parts
from lit_dalle.models.dalle_config import DalleConfig
from speed.bench import Bench, Plan
from speed.clock import Call, in_turns, median
from speed.sizes import Size

TEXT_LEN = 256
"""Text tokens before the picture."""
KINDS: tuple[AttentionKind, ...] = ("row", "column", "convolutional")
"""Kinds of layer that are sparse."""


def fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """PyTorch's fused kernel with the mask."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def plain(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Two products with an fp32 softmax over all keys between them."""
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    return scores.masked_fill(~mask, -torch.inf).softmax(dim=-1).to(v.dtype) @ v


def one_part(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """The products that our sparse kinds are made of, over all keys at once."""
    n = q.shape[2]
    return attend_in_parts(q, k, v, CAUSAL, [Span(CAUSAL, 0, n, n)])


DENSE: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "dense mask, fused": fused,
    "dense mask, plain": plain,
    "dense mask, ours": one_part,
}
"""Ways with a dense mask. The sparse kinds are held against the faster of PyTorch's two."""
OTHERS = ("dense mask, fused", "dense mask, plain")
"""What anybody has; the third shows what the mask itself is worth."""


@dataclass(frozen=True)
class Problem:
    """Sparse kinds of layer at a grid, and the heads of a size."""

    patterns: tuple[AttentionPattern, ...]
    heads: int
    head_dim: int

    @property
    def length(self) -> int:
        """Positions of the stream."""
        return self.patterns[0].text_len + self.patterns[0].grid ** 2


def run(bench: Bench, size: Size) -> None:
    """Measure each kind of layer at each grid and add its rows, and one of all layers."""
    for grid in size.attention_grids:
        bench.say(f"attention {size.name}, {grid}×{grid} …")
        problem = problem_of(size.dalle, grid)
        seconds = measure(problem, bench.plan)
        case = {"what": "attention", "size": size.name, "grid": grid}
        case |= {"text_len": problem.patterns[0].text_len}
        dense = min(median(seconds[way]) for way in OTHERS)
        for way, taken in seconds.items():
            here = {**case, "attention": way}
            bench.rate(here, "passes_per_s", 1, taken, "1/s")
            if way not in OTHERS:
                bench.results.row(here, "speedup_over_dense_mask", dense / median(taken))
        layers = [median(seconds[kind]) for kind in size.dalle.kinds]
        case["attention"] = "published"
        ratio = dense * len(layers) / sum(layers)
        bench.results.row(case, "speedup_over_dense_mask", ratio)


def measure(problem: Problem, plan: Plan) -> dict[str, list[float]]:
    """Time one sequence forward and backward, in turns: seconds of each pass.

    A dense mask costs the same whatever it shows, so one stands for all kinds.
    """
    torch.manual_seed(plan.seed)
    shape = (4, 1, problem.heads, problem.length, problem.head_dim)
    *inputs, gradient = torch.randn(shape).to(plan.device, torch.bfloat16)
    inputs = [part.requires_grad_() for part in inputs]
    mask = problem.patterns[0].mask(problem.length).to(plan.device)

    def both_ways(forward: Callable[..., Tensor], shown: object) -> Call:
        return lambda: torch.autograd.grad(forward(*inputs, shown), inputs, gradient)

    calls = {pattern.kind: both_ways(attend, pattern) for pattern in problem.patterns}
    calls |= {way: both_ways(DENSE[way], mask) for way in DENSE}
    for call in calls.values():
        call()
    return in_turns(calls, plan.device, seconds=plan.seconds(20, 2), most=15)


def problem_of(config: DalleConfig, grid: int) -> Problem:
    """Return a prior's sparse layers behind 256 text tokens (fewer for tests)."""
    text_len = min(TEXT_LEN, 4 * config.text_len)
    patterns = tuple(AttentionPattern(kind, text_len, grid, config.conv_kernel) for kind in KINDS)
    return Problem(patterns, config.heads, config.head_width)

"""The cost of a late position of a picture against that of an early one."""

from lit_dalle.models.dalle_config import DalleConfig
from speed.bench import Bench, Plan
from speed.nets import random_tokens, sampling_prior
from speed.sampling import timed_sampling, warm_up
from speed.sizes import Size

EARLY, LATE, WINDOW = 50, 1000, 20
"""Positions whose costs are compared, and over how many each is averaged."""
LIMIT = 900
"""Most seconds of a run."""


def run(bench: Bench, size: Size) -> None:
    """Add the ratio of a late position's cost to an early one's."""
    bench.say(f"cost of a late position, {size.name} …")
    candidates = size.candidates[1] if not bench.plan.quick else max(size.candidates[1] // 4, 1)
    early, late = windows(size.dalle.image_len)
    ratio = measure(size.dalle, candidates, bench.plan)
    case = {"what": "sampling", "size": size.name, "attention": "published"}
    case |= {"candidates": candidates, "positions": f"{_shown(late)} against {_shown(early)}"}
    bench.results.row(case, "position_cost_ratio", ratio)


def measure(config: DalleConfig, candidates: int, plan: Plan) -> float:
    """Cost of a step of the late window by that of one of the early window."""
    prior, (prompt, _) = sampling_prior(config, plan), random_tokens(config, 1, plan)
    early, late = windows(config.image_len)
    marks = (early[0], early[-1], late[0], late[-1])
    warm_up(prior, prompt, plan)
    watch, _ = timed_sampling(prior, prompt, candidates, plan, LIMIT, marks)
    costs = [watch.times[window[-1]] - watch.times[window[0]] for window in (late, early)]
    return costs[0] / costs[1]


def windows(image_len: int) -> tuple[range, range]:
    """Positions between whose first and last is measured: about 50, and about 1,000 or the end."""
    width = min(WINDOW, image_len // 8)
    early = min(EARLY, image_len // 4) - width // 2
    late = min(LATE + width // 2, image_len - 1) - width
    return range(early, early + width + 1), range(late, late + width + 1)


def _shown(window: range) -> str:
    return f"{window[0] + 1}-{window[-1]}"

"""Where the time goes: shares of the operators in a training step and in steps of sampling."""

import torch
from torch.profiler import ProfilerActivity, profile

from speed.bench import Bench, Plan
from speed.clock import Call, now
from speed.nets import random_tokens, sampling_prior
from speed.sampling import timed_sampling
from speed.sizes import Size
from speed.training import batch_and_tokens, our_step

SHOWN = 12
"""Operators with rows of their own; the rest is summed up."""
WARM_UP = 3
"""Calls before: a process that still asks for memory spends its time on that."""
SAMPLING_SECONDS = 3
"""Time that sampling is watched for."""


def run(bench: Bench, size: Size) -> None:
    """Watch a size and add its rows, the largest share first."""
    for of, call in (("training", _training_step), ("sampling", _sampling)):
        bench.say(f"profile {size.name}, {of} …")
        shares = operator_shares(call(size, bench.plan), bench.plan.device)
        for operator, share in shares.items():
            case = {"what": "profile", "size": size.name, "of": of, "operator": operator}
            bench.results.row(case, "time_share", share)


def operator_shares(call: Call, device: str) -> dict[str, float]:
    """Shares of the time that operators themselves take, largest first; ``rest`` at the end.

    On a GPU it is the time of the GPU that counts. Time between operators, in Python, is in no
    share.
    """
    cuda = device.startswith("cuda")
    for _ in range(WARM_UP):
        call()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with profile(activities=activities) as watched:
        call()
        now(device)
    taken = {
        event.key: event.self_device_time_total if cuda else event.self_cpu_time_total
        for event in watched.key_averages()
    }
    whole = sum(taken.values())
    ordered = sorted(taken, key=lambda name: taken[name], reverse=True)
    shares = {name: taken[name] / whole for name in ordered[:SHOWN]}
    return shares | {"rest": sum(taken[name] for name in ordered[SHOWN:]) / whole}


def _training_step(size: Size, plan: Plan) -> Call:
    batch, _ = batch_and_tokens(size, plan)
    return our_step(size.dalle, *random_tokens(size.dalle, batch, plan), plan)


def _sampling(size: Size, plan: Plan) -> Call:
    prior, (prompt, _) = sampling_prior(size.dalle, plan), random_tokens(size.dalle, 1, plan)
    candidates = size.candidates[-1]

    def sample() -> None:
        with torch.inference_mode():
            timed_sampling(prior, prompt, candidates, plan, SAMPLING_SECONDS)

    return sample

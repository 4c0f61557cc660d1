"""Sampling of one prompt's candidates: tokens/s and peak memory, and the peer's sampler."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from peers import dalle_pytorch_peer as peer
from peers.loading import PeerMissing
from torch import Tensor

from lit_dalle.generation.decode import generate_image_tokens
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from speed.bench import Bench, Plan
from speed.clock import median, now
from speed.memory import PeakMemory
from speed.nets import random_tokens, sampling_prior
from speed.rates import product_rate
from speed.sizes import Size
from speed.work import decoding_products, decoding_work, linear_products

Attention = Literal["published", "causal"]
QUICK_SECONDS, CUDA_SECONDS = 4, 120
"""Seconds after which a quick run is stopped, and one on a GPU at the earliest."""
LEAST_POSITIONS = 4
"""Positions that are drawn even if the time is up."""
REPEATS = 3
"""Most runs of the same."""
PEER_SECONDS = 60
"""Time that all forms of the peer get together."""


class TimeIsUp(Exception):  # noqa: N818
    """Leaves the sampling loop at a deadline."""


class Stopwatch:
    """Progress callback that notes the time of each position, and stops a run that takes too long.

    Args:
        device: Where is sampled.
        seconds: Time after which it is stopped.
        marks: Positions at which a GPU is waited for, so that their times are true.
    """

    def __init__(self, device: str, seconds: float, marks: Sequence[int] = ()) -> None:
        self._device, self._marks = device, frozenset(marks)
        self.tokens, self.times = 0, list[float]()
        self.begin = now(device)
        self._deadline = self.begin + seconds

    def __call__(self, drawn: int) -> None:
        """Note that ``drawn`` more tokens are there."""
        self.tokens += drawn
        waits = self._device == "cpu" or len(self.times) in self._marks
        self.times.append(now(self._device if waits else "cpu"))
        if self.times[-1] > self._deadline and len(self.times) >= LEAST_POSITIONS:
            raise TimeIsUp


@dataclass(frozen=True)
class Sampled:
    """Runs of one number of candidates."""

    positions: int
    """Positions of a picture that were drawn, from the first on."""
    tokens: int
    """Tokens drawn in each run."""
    seconds: list[float]
    """Seconds of each run."""
    memory: int | None
    """Bytes at the peak, net and cache."""


@dataclass(frozen=True)
class PeerSampled:
    """One form of the peer."""

    case: dict[str, Any]
    """Form, batch, and how many positions it drew."""
    tokens_per_s: float
    """Its speed."""


def run(bench: Bench, size: Size) -> None:
    """Measure a size and add its rows; with the peer at sizes that have dense attention too."""
    _run(bench, size, "published", with_peer=size.also_causal)
    if size.also_causal:
        _run(bench, size, "causal", with_peer=False)


def _run(bench: Bench, size: Size, attention: Attention, with_peer: bool) -> None:
    bench.say(f"sampling {size.name}, {attention} attention …")
    config, most = replace(size.dalle, attention=attention), size.candidates[-1]
    seconds = bench.plan.seconds(size.sampling_seconds, QUICK_SECONDS)
    if bench.plan.device.startswith("cuda"):
        seconds = max(seconds, CUDA_SECONDS)
    found = bench.measure(measure, config, size.candidates, seconds)
    theirs = _measured_peer(bench, config) if with_peer else []
    if theirs and not bench.plan.quick:
        again = bench.measure(measure, config, (most,), seconds)
        found[most] = _joined(found[most], again[most])
    for candidates, sampled in found.items():
        case = {"what": "sampling", "size": size.name, "attention": attention}
        value = _add_rows(bench, config, case | {"candidates": candidates}, sampled)
    _peer_rows(bench, size, value, theirs)


def measure(
    config: DalleConfig, candidates: Sequence[int], limit: float, plan: Plan
) -> dict[int, Sampled]:
    """Time sampling of one prompt.

    Args:
        config: The prior.
        candidates: How many at once, in rising order.
        limit: Seconds after which a run is stopped.
        plan: The run's plan.
    """
    memory = PeakMemory(plan.device)
    prior, (prompt, _) = sampling_prior(config, plan), random_tokens(config, 1, plan)
    warm_up(prior, prompt, plan)
    found = {}
    for count in candidates:
        watches, seconds = [], list[float]()
        while not watches or (sum(seconds) < plan.seconds(20, 0) and len(watches) < REPEATS):
            watch, taken = timed_sampling(prior, prompt, count, plan, limit)
            watches.append(watch)
            seconds.append(taken)
        positions = min(len(watches[0].times), config.image_len)
        found[count] = Sampled(positions, watches[0].tokens, seconds, memory.grown())
    return found


def timed_sampling(
    prior: Dalle,
    text_tokens: Tensor,
    candidates: int,
    plan: Plan,
    seconds: float,
    marks: Sequence[int] = (),
) -> tuple[Stopwatch, float]:
    """Sample until all is drawn or the time is up; return what was noted, and the seconds."""
    watch = Stopwatch(plan.device, seconds, marks)
    with contextlib.suppress(TimeIsUp):
        generate_image_tokens(prior, text_tokens, candidates, seed=plan.seed, progress=watch)
    return watch, now(plan.device) - watch.begin


def warm_up(prior: Dalle, text_tokens: Tensor, plan: Plan) -> None:
    """Draw a few positions, unmeasured."""
    timed_sampling(prior, text_tokens, 1, plan, 0)


def _add_rows(bench: Bench, config: DalleConfig, case: dict[str, Any], sampled: Sampled) -> float:
    candidates, device = case["candidates"], bench.plan.device
    case["positions"] = sampled.positions
    value = bench.rate(case, "sampling_tokens_per_s", sampled.tokens, sampled.seconds, "tokens/s")
    work, positions = decoding_work(config, candidates), sampled.positions
    prefill_rate = product_rate(linear_products(config, config.text_len), device)
    prefill_rate = min(prefill_rate, bench.rates.matrix)

    def limit(rate: float) -> float:
        seconds = work.seconds(rate, bench.rates.bandwidth, prefill_rate)[:positions]
        return candidates * positions / seconds.sum().item()

    rates = {
        "best": bench.rates.matrix,
        "occurring": product_rate(decoding_products(config, candidates), device),
    }
    bench.roofline(case, value, rates, limit)
    bench.memory(case, sampled.memory)
    return value


def _measured_peer(bench: Bench, config: DalleConfig) -> list[PeerSampled]:
    bench.say(f"sampling with {peer.NAME} …")
    try:
        return bench.measure(measure_peer, config)
    except PeerMissing as missing:
        bench.say(f"{missing}; its rows are left out")
        return []


def measure_peer(config: DalleConfig, plan: Plan) -> list[PeerSampled]:
    """Time each form of the peer for its share of the time.

    Raises:
        PeerMissing: It is not installed.
    """
    prompt, _ = random_tokens(config, 1, plan)
    share = plan.seconds(PEER_SECONDS, PEER_SECONDS / 4) / len(peer.FORMS)
    found = []
    for form in peer.FORMS:
        positions, seconds = peer.sample(config, form, prompt, share, plan.device)
        case = form.case | {"positions": positions}
        found.append(PeerSampled(case, form.batch / seconds))
    return found


def _peer_rows(bench: Bench, size: Size, value: float, theirs: list[PeerSampled]) -> None:
    """The peer's speed in each form, and ours with the most candidates against it."""
    for form in theirs:
        alike = [f.tokens_per_s for f in theirs if f.case["peer_form"] == form.case["peer_form"]]
        case = {"what": "sampling", "size": size.name, "peer": peer.NAME, **form.case}
        bench.results.row(case, "sampling_tokens_per_s", form.tokens_per_s, unit="tokens/s")
        case |= {"attention": "published", "candidates": size.candidates[-1]}
        case["headline"] = form.tokens_per_s == max(alike)
        bench.results.row(case, "ratio_to_peer", value / form.tokens_per_s)


def _joined(first: Sampled, second: Sampled) -> Sampled:
    """Runs before and after the peer's as one; of runs that were cut off unequally the faster."""
    if first.tokens != second.tokens:
        return min(first, second, key=lambda run: median(run.seconds) / run.tokens)
    return replace(first, seconds=[*first.seconds, *second.seconds])

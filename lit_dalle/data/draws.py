"""Random draws of the data side: each a function of integers such as (seed, epoch, index).

No draw depends on a worker, a batch or on what was drawn before, so any row of any epoch can be
made again alone.
"""

import hashlib

import numpy as np

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def hashed(*counters: int) -> int:
    """Mix integers into one of 64 bits, uniform over [0, 2**64) (SplitMix64's finaliser)."""
    state = 0
    for counter in counters:
        state = (state ^ (counter & _MASK)) * 0xD1342543DE82EF95 + _GOLDEN & _MASK
        state = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ state >> 27) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def hashed_text(text: str) -> int:
    """Map a string to a signed 64-bit integer, the same in every process and version."""
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def uniform(*counters: int) -> float:
    """One number, uniform in [0, 1)."""
    return (hashed(*counters) >> 11) * 2.0**-53


def generator(*counters: int) -> np.random.Generator:
    """Return a stream of draws of its own for these counters."""
    return np.random.Generator(np.random.PCG64(hashed(*counters)))

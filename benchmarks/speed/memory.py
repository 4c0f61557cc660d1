"""Peak memory of a piece of work: CUDA's allocated bytes, or resident growth on a CPU."""

import gc
from pathlib import Path

import torch

from speed.clock import now

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What ``proc(5)`` says to write to have the peak of the resident set forgotten."""


class PeakMemory:
    """Watches memory from its making on.

    On a CPU it counts the growth of the resident set of this process over what it was, so the
    process must be a fresh one: what an earlier piece of work freed may be used again, uncounted.

    Args:
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, device: str) -> None:
        self._cuda = device.startswith("cuda")
        gc.collect()
        if self._cuda:
            now(device)
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated()
        else:
            self._before = _forget_peak()

    def grown(self) -> int | None:
        """Bytes at the peak above what there was before; None where the system does not tell."""
        if self._cuda:
            return torch.cuda.max_memory_allocated() - self._before
        peak = _status("VmHWM")
        return None if peak is None or self._before is None else peak - self._before


def way_of_measuring(device: str) -> str:
    """How the peaks of a run on this device are measured, for the setting."""
    if device.startswith("cuda"):
        return "CUDA's largest allocated bytes above those before"
    return "growth of the resident set over that of a fresh process with its modules loaded"


def _forget_peak() -> int | None:
    try:
        CLEAR_REFS.write_text(RESET_PEAK)
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    """Bytes of an entry of the process' status."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(found[0]) * 1024 if found else None

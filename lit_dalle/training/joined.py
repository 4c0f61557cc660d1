"""Several optimisers that train parts of one net, as the one that Lightning and schedulers see."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer


class JoinedOptimizer(Optimizer):
    """Updates by several optimisers, whose parameter groups stand one after the other.

    The groups are shared, not copied: a learning rate that is set here is set there.

    Args:
        optimizers: Optimisers of disjoint parameters.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self.optimizers = list(optimizers)
        super().__init__([group for part in self.optimizers for group in part.param_groups], {})
        self._share_groups()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Run the closure once, if there is one, and then every optimiser."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.optimizers:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """State of every optimiser, in order."""
        return {"optimizers": [part.state_dict() for part in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave.

        Raises:
            ValueError: It is the state of another number of optimisers, or of a single one.
        """
        states = state_dict.get("optimizers", [state_dict])
        if len(states) != len(self.optimizers):
            raise ValueError(
                f"the checkpoint holds the state of {len(states)} optimisers, the run has "
                f"{len(self.optimizers)}: give the optimizer settings that it was trained with"
            )
        for part, state in zip(self.optimizers, states, strict=True):
            part.load_state_dict(state)
        self._share_groups()

    def _share_groups(self) -> None:
        """Point at the parts' own groups; loading a state makes them anew."""
        self.param_groups = [group for part in self.optimizers for group in part.param_groups]

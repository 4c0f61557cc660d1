"""Optimiser and learning rate, the same for all three nets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_type_hints

from torch import nn
from torch.optim import AdamW, Muon, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lit_dalle.functional.schedules import Schedule
from lit_dalle.training.joined import JoinedOptimizer

T = TypeVar("T")


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW, or Muon beside it, with a learning rate that is a function of the update."""

    lr: Schedule = field(default_factory=lambda: Schedule(start=1e-3, end=1e-5, warmup=0.02))
    """Learning rate over the run."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay of the first and second moments (our choice; the recipes give the papers' own)."""
    eps: float = 1e-8
    """Added to the root of the second moment."""
    weight_decay: float = 0.01
    """Decoupled weight decay, on weight matrices only: not on gains, biases and embeddings."""
    matrices: Literal["adamw", "muon"] = "adamw"
    """What updates the weight matrices between embeddings and heads: AdamW as in the papers, or
    Muon (Jordan et al. 2024), momentum made orthogonal, at AdamW's learning rate (our choice).
    Muon needs whole matrices, so it does not go with sharded weights."""


def as_config(cls: type[T], value: T | Mapping[str, Any]) -> T:
    """Return ``value`` as the dataclass ``cls``; checkpoints hold plain dicts.

    Raises:
        ValueError: A key of the mapping is not a field of ``cls``.
    """
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{cls.__name__} expected, got {type(value).__name__}")
    types = get_type_hints(cls)
    unknown = set(value) - set(types)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ValueError(f"{cls.__name__} has no field {names}; it has {', '.join(types)}")
    return cls(**{key: _field_value(types[key], item) for key, item in value.items()})


def build_optimizer(module: nn.Module, config: OptimizerConfig, max_steps: int) -> dict[str, Any]:
    """Make what ``configure_optimizers`` returns: optimiser and learning rate, set every update.

    Args:
        module: Net whose parameters with ``requires_grad`` are trained.
        config: Optimiser settings.
        max_steps: Updates in the whole run, for schedules given as shares.
    """
    optimizer = _optimizer(module, config)
    scheduler = LambdaLR(optimizer, lambda step: config.lr.value(step, max_steps))
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": scheduler, "interval": "step", "name": "lr"},
    }


def _optimizer(module: nn.Module, config: OptimizerConfig) -> Optimizer:
    decayed, kept = _split_parameters(module)
    hidden = _hidden_matrices(module) if config.matrices == "muon" else set()
    groups = [
        {
            "params": [p for p in decayed if id(p) not in hidden],
            "weight_decay": config.weight_decay,
        },
        {"params": kept, "weight_decay": 0.0},
    ]
    adamw = AdamW(groups, lr=1.0, betas=config.betas, eps=config.eps, fused=True)
    # Lightning does not clip for optimisers that say they unscale gradients themselves. This one
    # could, but bf16 has no scale, and with a scaler they are unscaled before the clipping.
    adamw._step_supports_amp_scaling = False
    if not hidden:
        return adamw
    matrices = [p for p in decayed if id(p) in hidden]
    muon = Muon(matrices, lr=1.0, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw")
    return JoinedOptimizer([muon, adamw])


def _hidden_matrices(module: nn.Module) -> set[int]:
    """Ids of the matrices that turn states into states: of linear layers that are no head."""
    return {
        id(part.weight)
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and not name.endswith("head") and part.weight.requires_grad
    }


def _split_parameters(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters with weight decay (matrices, kernels) and without (the rest)."""
    embeddings = {
        id(parameter)
        for part in module.modules()
        if isinstance(part, nn.Embedding)
        for parameter in part.parameters(recurse=False)
    }
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        plain = parameter.ndim < 2 or id(parameter) in embeddings or "embedding" in name
        (kept if plain else decayed).append(parameter)
    return decayed, kept


def _field_value(kind: Any, item: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(item, Mapping):
        return as_config(kind, item)
    return tuple(item) if isinstance(item, list) else item


def plain(config: Any) -> Any:
    """Return a dataclass as nested plain dicts and lists, fit for a ``weights_only`` checkpoint."""
    if is_dataclass(config) and not isinstance(config, type):
        return {part.name: plain(getattr(config, part.name)) for part in fields(config)}
    if isinstance(config, tuple | list):
        return [plain(item) for item in config]
    return config

"""Variation files: which recipe is varied, how, for how long, and what is read off the runs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names of variations: they name folders."""
FLAG = re.compile(r"--(?P<name>[A-Za-z_][\w.]*\+?)=.*", re.S)
"""A flag with its value, in one piece."""
OWN = (
    "run",
    "seed_everything",
    "model.init_args.seed",
    "data.seed",
    "trainer.max_steps",
    "trainer.val_check_interval",
    "trainer.check_val_every_n_epoch",
    "trainer.num_sanity_val_steps",
    "trainer.log_every_n_steps",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "checkpoint.save_top_k",
    "last.save_top_k",
)
"""Flags that every run gets by itself, so that variations cannot set them."""


@dataclass(frozen=True)
class Variation:
    """A recipe with some flags."""

    name: str
    flags: tuple[str, ...]
    why: str = ""
    steps: int | None = None
    """Updates; those of the plan when not given."""


@dataclass(frozen=True)
class Plan:
    """What a variation file says."""

    stage: str
    """Name of the file, without its ending."""
    config: str
    """The recipe."""
    steps: int
    """Updates of each variation; schedules that are shares of the run shrink with it."""
    metrics: Mapping[str, str]
    """Logged scalars that are reported, and their units."""
    variations: tuple[Variation, ...]
    seeds: tuple[int, ...] = (0,)
    """Each variation is trained once with each."""
    overrides: tuple[str, ...] = ()
    """Flags of all variations, before their own."""
    validations: int = 1
    """Times that a run is validated, evenly spaced; the last is at its end, and is reported."""


def read_plan(path: Path) -> Plan:
    """Read a variation file.

    Raises:
        FileNotFoundError: There is no such file, or no such recipe.
        ValueError: It does not say what it has to; the message names the file and the place.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no variation file {path}")
    try:
        read = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        plan = _plan(path.stem, read)
    except (ValueError, YAMLError, OmegaConfBaseException) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    if not Path(plan.config).is_file():
        raise FileNotFoundError(
            f"{path}: there is no recipe {plan.config} here: run from the repository's root"
        )
    return plan


def chosen(plan: Plan, names: list[str] | None) -> tuple[Variation, ...]:
    """Return the variations with these names, in the order of the file; None is all.

    Raises:
        ValueError: There is no such variation.
    """
    known = [variation.name for variation in plan.variations]
    if unknown := [name for name in names or () if name not in known]:
        raise ValueError(
            f"no variation {', '.join(unknown)} of {plan.stage}; there are {', '.join(known)}"
        )
    return tuple(one for one in plan.variations if names is None or one.name in names)


def _plan(stage: str, read: Any) -> Plan:
    known = {part.name for part in fields(Plan)} - {"stage"}
    _check_keys(read, known, {"config", "steps", "metrics", "variations"}, "the file")
    return Plan(
        stage,
        config=_one(read["config"], str, "config: the path of a recipe"),
        steps=_count(read["steps"], "steps"),
        metrics=_metrics(read["metrics"]),
        variations=_variations(read["variations"]),
        seeds=_seeds(read.get("seeds", [0])),
        overrides=_flags(read.get("overrides", []), "overrides"),
        validations=_count(read.get("validations", 1), "validations"),
    )


def _metrics(read: Any) -> dict[str, str]:
    if not isinstance(read, Mapping) or not read:
        raise ValueError(f"metrics: logged scalars, each with its unit, expected; got {read!r}")
    unit = "a unit in quotes, empty for shares and counts"
    return {str(name): _one(said, str, f"metrics: {name}: {unit}") for name, said in read.items()}


def _seeds(read: Any) -> tuple[int, ...]:
    if not isinstance(read, list) or not read or len(set(map(str, read))) < len(read):
        raise ValueError(f"seeds: a list of numbers, each once, expected; got {read!r}")
    return tuple(_one(seed, int, "seeds: a number") for seed in read)


def _variations(read: Any) -> tuple[Variation, ...]:
    if not isinstance(read, Mapping) or not read:
        raise ValueError("variations: names, each with flags and why, expected; there are none")
    return tuple(_variation(name, said) for name, said in read.items())


def _variation(name: Any, said: Any) -> Variation:
    place = f"variation {name}"
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{place}: a name has letters, digits, dots, _ and - only")
    _check_keys(said, {"flags", "why", "steps"}, {"flags"}, place)
    why = _one(said.get("why", ""), str, f"{place}: why: a line")
    steps = _count(said["steps"], f"{place}: steps") if "steps" in said else None
    return Variation(name, _flags(said["flags"], place), why, steps)


def _flags(read: Any, place: str) -> tuple[str, ...]:
    if not isinstance(read, list):
        raise ValueError(f"{place}: a list of flags expected, got {read!r}")
    for flag in read:
        found = FLAG.fullmatch(flag) if isinstance(flag, str) else None
        if found is None:
            raise ValueError(f"{place}: write each flag as '--name=value', in quotes; got {flag!r}")
        if found["name"] in OWN:
            raise ValueError(f"{place}: --{found['name']} is set by the benchmark: leave it out")
    return tuple(read)


def _count(read: Any, place: str) -> int:
    count: int = _one(read, int, f"{place}: a number of at least 1", lambda count: count >= 1)
    return count


def _check_keys(read: Any, known: set[str], needed: set[str], place: str) -> None:
    if not isinstance(read, Mapping):
        raise ValueError(f"{place} has to say {', '.join(sorted(needed))}; got {read!r}")
    if unknown := sorted(set(map(str, read)) - known):
        raise ValueError(
            f"{place} says {', '.join(unknown)}, which nobody reads; "
            f"there are {', '.join(sorted(known))}"
        )
    if missing := sorted(needed - set(read)):
        raise ValueError(f"{place} does not say {', '.join(missing)}")


def _one(value: Any, kind: type, wanted: str, fits: Callable[[Any], bool] | None = None) -> Any:
    right = isinstance(value, kind) and not isinstance(value, bool)
    if not right or (fits is not None and not fits(value)):
        raise ValueError(f"{wanted} expected, got {value!r}")
    return value

"""Train the shipped ``world`` pipeline from nothing: tokenizer, three nets, the pipeline folder.

About four and a half hours on two CPU cores with bf16 matrix units. Interrupt it at will: started
again, it goes on where it was, in the middle of a stage too.

    python scripts/train_world.py            # everything, into runs/world and lit_dalle/pretrained
    python scripts/train_world.py --list     # the stages, their commands and times
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CONFIGS, RUNS = Path("configs/world"), Path("runs/world")
TOKENIZER = RUNS / "tokenizer.json"
PIPELINE = Path("lit_dalle/pretrained/world")


@dataclass(frozen=True)
class Stage:
    """A command, how long it takes on two cores, and what stands there when it is done."""

    command: tuple[str, ...]
    minutes: int
    done: Path
    checkpoint: Path | None = None
    parts: tuple[Path, ...] = ()
    """What it is made of, if it has to be made again when they are."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        if not self.done.exists() or not all(part.exists() for part in self.parts):
            return False
        made = self.done.stat().st_mtime
        return all(part.stat().st_mtime <= made for part in self.parts)

    def arguments(self) -> list[str]:
        """The command, told to resume when it was interrupted."""
        interrupted = self.checkpoint is not None and self.checkpoint.exists()
        resume = interrupted and not self.finished
        return [*self.command, *(["--ckpt_path", str(self.checkpoint)] if resume else [])]


def fit(net: str, minutes: int) -> Stage:
    """Training of one net by its recipe; the recipe exports the EMA weights at the end."""
    return Stage(
        ("fit", "--config", f"{CONFIGS}/{net}.yaml"),
        minutes,
        done=RUNS / net / "export",
        checkpoint=RUNS / net / "checkpoints" / "last.ckpt",
    )


NETS = {"dvae": "decoder", "prior": "dalle", "clip": "clip"}
JOIN = (
    "join",
    *(f"--{part}={RUNS / net / 'export'}" for part, net in NETS.items()),
    f"--out={PIPELINE}",
    "--card=configs/world/card.md",
    "--guidance=2",
    "--edit_guidance=2.5",
    "--temperature=0.8",
)
STAGES = (
    Stage(("prepare", "tokenizer", "--config", f"{CONFIGS}/tokenizer.yaml"), 1, TOKENIZER),
    fit("dvae", 17),
    fit("clip", 34),
    Stage(("prepare", "tokens", "--config", f"{CONFIGS}/tokens.yaml"), 8, RUNS / "tokens"),
    fit("dalle", 205),
    fit("decoder", 12),
    Stage(
        JOIN,
        1,
        PIPELINE / "pipeline.json",
        parts=tuple(RUNS / net / "export" for net in NETS.values()),
    ),
)


def main() -> None:
    """Run the stages that are not done yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="only list the stages")
    only_list = parser.parse_args().list
    remaining = [stage for stage in STAGES if not stage.finished]
    minutes = sum(stage.minutes for stage in remaining)
    print(f"{len(remaining)} of {len(STAGES)} stages to do, about {minutes} minutes")
    for stage in STAGES:
        state = "to do" if stage in remaining else "done "
        command = " ".join(stage.arguments())
        print(f"  {state} {stage.minutes:3d} min  lit-dalle {command}", flush=True)
        if stage in remaining and not only_list:
            run(stage)


def run(stage: Stage) -> None:
    """Run one stage; leave with its exit code when it fails."""
    start = time.monotonic()
    code = subprocess.call([sys.executable, "-m", "lit_dalle.cli.main", *stage.arguments()])
    if code:
        sys.exit(code)
    print(f"  took {(time.monotonic() - start) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()

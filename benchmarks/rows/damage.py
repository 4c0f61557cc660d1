"""A folder of which a tenth is damaged or odd, trained on by the command line itself.

An epoch of a tiny CLIP, so that captions matter too. A row of results for each kind says how many
rows were planned and how many were counted exactly as they are to be. Rows for all say whether each
row that can be used was shown, and how many were shown once more: others take the places of the
rows that cannot be used, so these numbers are to be equal.
"""

import json
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rows import kinds
from rows.plan import Plan, argument_of_module, run_module

FULL, QUICK = 10_000, 1_000
"""Rows."""
ONE_IN = 200
"""Of so many rows one is of each kind."""
BATCH = 50
"""Divides ``ONE_IN`` and so the rows, for training leaves out what fills no batch."""
WORKERS = 1
HELD_OUT = 20
"""Sound rows of validation."""
RECIPE = """
seed_everything: 0
trainer: {max_epochs: 1, limit_val_batches: 1, gradient_clip_val: 1.0, logger: false}
model:
  class_path: lit_dalle.training.LitClip
  init_args:
    config:
      image_size: ${data.image_size}
      patch_size: 16
      embed_dim: 64
      text_vocab_size: 320
      text_len: ${data.text_len}
      eos_id: 2
data: {image_size: 32, text_len: 48, append_eos: true}
"""
OVERLAY = """
trainer: {accelerator: cpu, devices: 1, enable_progress_bar: false, enable_model_summary: false}
model:
  init_args:
    config: {vision_dim: 16, vision_depth: 1, vision_heads: 2, text_dim: 16, text_depth: 1,
             text_heads: 2}
"""


@dataclass(frozen=True)
class Noted:
    """What a run has noted."""

    shown: Counter[int]
    """How often each row was in a batch."""
    notes: dict[int, frozenset[str]]
    """What was counted of a row: ``ACTION/KIND``."""
    ledger: Counter[str]
    """What the ledger has counted in the end."""

    @classmethod
    def read(cls, file: Path) -> "Noted":
        """Read what ``rows.recorder`` wrote."""
        found = json.loads(file.read_text())
        notes: dict[int, set[str]] = {}
        for name, place in found["notes"]:
            number = int(re.findall(r"row (\d+) of", place)[-1])
            notes.setdefault(number, set()).add(name)
        whole = {number: frozenset(names) for number, names in notes.items()}
        return cls(Counter(found["shown"]), whole, Counter(found["ledger"]))


def run(plan: Plan) -> None:
    """Measure and add rows."""
    count = plan.amount(FULL, QUICK)
    plan.say(f"damage: drawing {count} files …")
    workers = WORKERS if plan.workers is None else plan.workers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = kinds.rows(count, count // ONE_IN)
        kinds.write_folder(folder / "art" / "train", rows)
        held_out = [kinds.row(number, kinds.SOUND) for number in range(HELD_OUT)]
        kinds.write_folder(folder / "art" / "validation", held_out)
        plan.say("damage: training …")
        argument = {"folder": name, "workers": workers, "seed": plan.seed}
        run_module("rows.damage", argument, folder / "cache", folder / "log.txt")
        noted = Noted.read(folder / "noted.json")
    add_rows(plan, rows, noted)


def add_rows(plan: Plan, rows: list[kinds.Row], noted: Noted) -> None:
    """Compare what was planned with what was noted."""
    by_kind: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        by_kind.setdefault(row.kind, []).append(number)
    counted = 0
    for name, kind in kinds.KINDS.items():
        case = {"what": "damage", "kind": name, "as": ", ".join(kind.noted)}
        right = sum(noted.notes.get(n) == frozenset(kind.noted) for n in by_kind[name])
        plan.row(case, "planned", len(by_kind[name]))
        plan.row(case, "counted", right)
        counted += right
    used = [n for n, row in enumerate(rows) if not row.kind or kinds.KINDS[row.kind].is_used]
    planned = Counter(name for row in rows if row.kind for name in kinds.KINDS[row.kind].noted)
    planned["read"] = len(rows)
    differing = sum(abs(planned[n] - noted.ledger[n]) for n in {*planned, *noted.ledger})
    totals = {
        "rows": len(rows),
        "damaged": len(rows) - len(by_kind[kinds.SOUND]),
        "counted": counted,
        "counted_by_mistake": sum(n in noted.notes for n in by_kind[kinds.SOUND]),
        "ledger_difference": differing,
        "lost_rows": sum(noted.shown[n] == 0 for n in used),
        "cannot_be_used": len(rows) - len(used),
        "shown_again": noted.shown.total() - len(noted.shown),
        "shown_by_mistake": len(set(noted.shown) - set(used)),
    }
    for metric, value in totals.items():
        plan.row({"what": "damage"}, metric, value)


def train(folder: Path, workers: int, seed: int) -> None:
    """Train on the folder by the command line."""
    from lit_dalle.cli.main import main
    from lit_dalle.data import CaptionTokenizer

    captions = [json.loads(kinds.good_caption(number)) for number in range(100)]
    CaptionTokenizer.train(captions, 320).save(folder / "tokenizer.json")
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "overlay.yaml").write_text(OVERLAY)
    source = {"path": str(folder / "art")}
    recorder = {"class_path": "rows.recorder.Recorder"}
    recorder |= {"init_args": {"file": str(folder / "noted.json")}}
    options: dict[str, Any] = {
        "run": str(folder / "run"),
        "seed_everything": seed,
        "trainer.callbacks": json.dumps([recorder]),
        "data.source": json.dumps(
            {"class_path": "lit_dalle.data.FolderSource", "init_args": source}
        ),
        "data.tokenizer": str(folder / "tokenizer.json"),
        "data.batch_size": BATCH,
        "data.num_workers": workers,
    }
    files = [f"--config={folder / name}.yaml" for name in ("recipe", "overlay")]
    main(["fit", *files, *(f"--{name}={value}" for name, value in options.items())])


if __name__ == "__main__":
    given = argument_of_module()
    train(Path(given["folder"]), given["workers"], given["seed"])

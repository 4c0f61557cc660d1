"""Prompts of the composition benchmark in GenEval's form, JSON lines, in and out."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lit_dalle.data.world import scene_to_json
from lit_dalle.data.writing import whole_file
from lit_dalle.evaluation.composition.prompts import Prompt
from lit_dalle.evaluation.grading.prompts import read_prompts


def file_prompts(path: Path) -> list[Prompt]:
    """Read a user's prompts; results are grouped by their tags.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line cannot be read, or there is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of prompts {path}")
    seen: Counter[str] = Counter()
    prompts = []
    for place, entry in enumerate(read_prompts(path)):
        prompts.append(
            Prompt(
                text=entry.prompt,
                key=f"prompt-{place:05d}",
                number=seen[entry.tag],
                case={"tag": entry.tag},
                asked=entry if entry.scene is None else entry.scene,
            )
        )
        seen[entry.tag] += 1
    return prompts


def write_prompt_file(path: Path, prompts: Sequence[Prompt]) -> None:
    """Write prompts of the world, tagged by family and split; whole or not at all.

    Each line holds its scene, which alone decides what is right.

    Raises:
        ValueError: A prompt has no scene.
    """
    lines = []
    for prompt in prompts:
        if prompt.scene is None:
            raise ValueError(f"only prompts of the world can be written, not {prompt.text!r}")
        entry = {
            "tag": " ".join(prompt.case.values()),
            "prompt": prompt.text,
            "scene": json.loads(scene_to_json(prompt.scene)),
        }
        lines.append(json.dumps(entry, ensure_ascii=False) + "\n")
    with whole_file(path) as part:
        part.write_text("".join(lines), encoding="utf-8")

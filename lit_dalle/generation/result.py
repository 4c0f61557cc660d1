"""What a generation was asked for and what came out of it."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

import lit_dalle
from lit_dalle.data.writing import whole_folder, write_json
from lit_dalle.generation.pictures import contact_sheet, to_pictures, write_png
from lit_dalle.generation.settings import GenerationSettings

GRID, FACTS = "grid.png", "generation.json"
SIGNAL_NAMES = {"clip": "CLIP", "likelihood": "likelihood", "fit": "fit"}
"""Signals of a ranking, as people read them."""


@dataclass(frozen=True)
class Generation:
    """The kept pictures of a prompt, best first, and all that is needed to make them again."""

    prompt: str
    """The caption, as given."""
    images: Tensor
    """uint8, ``keep 3 h w``."""
    image_tokens: Tensor
    """int64, ``keep i``."""
    candidates: tuple[int, ...]
    """Number of each kept picture among the candidates, from 0."""
    scores: tuple[float, ...] | None
    """What each kept picture was ranked by; None where nothing ranked them."""
    all_scores: tuple[float, ...] | None
    """The same for all candidates, in the order of their numbers."""
    settings: GenerationSettings
    """What was asked for."""
    parts: Mapping[str, tuple[float, ...]]
    """Each signal's score of each kept picture, by its name: ``clip`` is CLIP's cosine with the
    prompt, ``likelihood`` the prior's likelihood gain in nats per image token, ``fit`` of an edit
    the log-likelihood of what is around it in nats per known token."""
    unknown_words: tuple[str, ...]
    """Words of the prompt that the prior never saw in training."""
    model: dict[str, Any]
    """Name, hashes, device and precision of the nets."""
    seconds: dict[str, float]
    """Time of each stage: ``tokens``, ``decoding``, ``ranking``."""
    rows: int = 0
    """Rows of image tokens that an image prompt gave."""

    @property
    def pictures(self) -> list[Image.Image]:
        """The kept pictures in their own size, best first."""
        return to_pictures(self.images)

    @property
    def ranked_by(self) -> str:
        """What ranked the pictures, in words; empty where nothing did."""
        return " and ".join(SIGNAL_NAMES[name] for name in self.parts)

    def grid(self, columns: int | None = None) -> Image.Image:
        """Return a contact sheet with the prompt, and rank and score under each picture."""
        settings = self.settings
        chosen = f"best by {self.ranked_by}" if self.parts else "first, unranked,"
        note = f"{len(self.images)} {chosen} of {settings.candidates} · seed {settings.seed}"
        labels = [f"{rank} · {score:.3f}" for rank, score in enumerate(self.scores or (), start=1)]
        return contact_sheet(
            self.pictures, title=self.prompt, note=note, labels=labels, columns=columns
        )

    def facts(self) -> dict[str, Any]:
        """Return everything but the pictures, ready for JSON."""
        scores = self.scores or (None,) * len(self.candidates)
        pictures = [
            {
                "file": picture_name(rank),
                "rank": rank,
                "candidate": candidate,
                "score": score,
                **{name: part[rank - 1] for name, part in self.parts.items()},
            }
            for rank, (candidate, score) in enumerate(
                zip(self.candidates, scores, strict=True), start=1
            )
        ]
        return {
            "prompt": self.prompt,
            "unknown_words": list(self.unknown_words),
            "settings": asdict(self.settings),
            **({"image_prompt_rows": self.rows} if self.rows else {}),
            "model": self.model,
            "versions": {
                "lit_dalle": lit_dalle.__version__,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
            },
            "seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
            "pictures": pictures,
        }

    def save(self, folder: str | Path) -> None:
        """Write ``grid.png``, the pictures ``001.png`` … and ``generation.json`` as one folder.

        It appears whole or not at all; an earlier generation there is replaced.

        Raises:
            ValueError: The folder holds something else.
        """
        save_pictures(folder, FACTS, self.pictures, self.grid(), self.facts())


def save_pictures(
    folder: str | Path,
    marker: str,
    pictures: Sequence[Image.Image],
    grid: Image.Image,
    facts: Mapping[str, Any],
) -> None:
    """Write ``001.png`` and following, ``grid.png`` and the facts, as one folder.

    Args:
        folder: Where to; an earlier one with the same marker is replaced.
        marker: File of the facts.
        pictures: Best first.
        grid: All of them.
        facts: Ready for JSON.

    Raises:
        ValueError: The folder holds something else.
    """
    with whole_folder(folder, marker=marker) as part:
        for rank, picture in enumerate(pictures, start=1):
            write_png(picture, part / picture_name(rank))
        write_png(grid, part / GRID)
        write_json(part / marker, facts)


def picture_name(rank: int) -> str:
    """File of the picture of a rank, from 1."""
    return f"{rank:03d}.png"

"""What a generation was asked for and what came out of it."""

import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

import lit_dalle
from lit_dalle.functional.sampling import check_filter
from lit_dalle.generation.pictures import contact_sheet, to_pictures, write_png
from lit_dalle.generation.writing import whole_folder, write_json

GRID, FACTS = "grid.png", "generation.json"


@dataclass(frozen=True)
class GenerationSettings:
    """How candidates are drawn and how many are kept."""

    candidates: int = 512
    """Pictures drawn ([P] 2.3: 512)."""
    keep: int = 32
    """Pictures kept, the best by CLIP ([P] Fig. 6: gains flatten at about 32)."""
    temperature: float = 1.0
    """Divides the logits ([P] 2.3: 1)."""
    top_k: int | None = None
    """Draw from the k most likely tokens; None from all."""
    top_p: float | None = None
    """Draw from the most likely tokens with this total probability; None from all."""
    guidance: float = 1.0
    """Scale of classifier-free guidance; 1 is off."""
    seed: int = 0
    """Seed of the noise; a candidate is a function of seed and its number."""
    tile: int | None = None
    """Candidates computed together: bounds memory, and in bf16 changes rounding. None: as many as
    fit, a function of the prior."""

    def __post_init__(self) -> None:
        if self.candidates < 1 or (self.tile is not None and self.tile < 1):
            raise ValueError(
                f"candidates and tile must be at least 1, got {self.candidates} and {self.tile}"
            )
        if not 1 <= self.keep <= self.candidates:
            raise ValueError(
                f"keep must be between 1 and the number of candidates {self.candidates}, "
                f"got {self.keep}"
            )
        check_filter(self.temperature, self.top_k, self.top_p)


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
    """CLIP's cosine of each kept picture with the prompt; None when no CLIP ranked them."""
    all_scores: tuple[float, ...] | None
    """The same for all candidates, in the order of their numbers."""
    settings: GenerationSettings
    """What was asked for."""
    unknown_words: tuple[str, ...]
    """Words of the prompt that the prior never saw in training."""
    model: dict[str, Any]
    """Name, hashes, device and precision of the nets."""
    seconds: dict[str, float]
    """Time of each stage: ``tokens``, ``decoding``, ``ranking``."""

    @property
    def pictures(self) -> list[Image.Image]:
        """The kept pictures in their own size, best first."""
        return to_pictures(self.images)

    def grid(self, columns: int | None = None) -> Image.Image:
        """Return a contact sheet with the prompt, and rank and score under each picture."""
        settings = self.settings
        chosen = "best by CLIP" if self.scores else "first, unranked,"
        note = f"{len(self.images)} {chosen} of {settings.candidates} · seed {settings.seed}"
        labels = [f"{rank} · {score:.3f}" for rank, score in enumerate(self.scores or (), start=1)]
        return contact_sheet(
            self.pictures, title=self.prompt, note=note, labels=labels, columns=columns
        )

    def facts(self) -> dict[str, Any]:
        """Return everything but the pictures, ready for JSON."""
        scores = self.scores or (None,) * len(self.candidates)
        pictures = [
            {"file": picture_name(rank), "rank": rank, "candidate": candidate, "score": score}
            for rank, (candidate, score) in enumerate(
                zip(self.candidates, scores, strict=True), start=1
            )
        ]
        return {
            "prompt": self.prompt,
            "unknown_words": list(self.unknown_words),
            "settings": asdict(self.settings),
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
        with whole_folder(folder, marker=FACTS) as part:
            for rank, picture in enumerate(self.pictures, start=1):
                write_png(picture, part / picture_name(rank))
            write_png(self.grid(), part / GRID)
            write_json(part / FACTS, self.facts())


def picture_name(rank: int) -> str:
    """File of the picture of a rank, from 1."""
    return f"{rank:03d}.png"

"""How pictures are drawn and ranked: a pipeline's own settings, and those of one generation."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from lit_dalle.functional.sampling import check_filter


@dataclass(frozen=True)
class DrawingSettings:
    """How candidates are drawn and ranked; a pipeline holds those that it was tuned for."""

    temperature: float = 1.0
    """Divides the logits ([P] 2.3: 1)."""
    top_k: int | None = None
    """Draw from the k most likely tokens; None from all, as does the size of the codebook."""
    top_p: float | None = None
    """Draw from the most likely tokens with this total probability; None from all, as does 1."""
    guidance: float = 1.0
    """Scale of classifier-free guidance; 1 is off."""
    likelihood_weight: float = 0.0
    """Score = CLIP's cosine + this · likelihood gain in nats per image token; 0 is CLIP alone."""

    def __post_init__(self) -> None:
        check_filter(self.temperature, self.top_k, self.top_p)
        if not math.isfinite(self.guidance):
            raise ValueError(f"guidance must be a finite number, got {self.guidance}; 1 is off")
        if not 0 <= self.likelihood_weight < math.inf:
            raise ValueError(
                f"likelihood_weight must be 0 or more, got {self.likelihood_weight}; "
                "0 ranks by CLIP alone"
            )

    @property
    def sampling(self) -> dict[str, Any]:
        """The settings that ``generate_image_tokens`` takes: all but the ranking's."""
        return {
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "guidance": self.guidance,
        }

    def changed(self, **given: float | int | None) -> Self:
        """Return these settings with those given; None leaves a setting as it is.

        Raises:
            ValueError: A setting is out of range.
        """
        new: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
        return replace(self, **new)


@dataclass(frozen=True)
class PipelineSettings(DrawingSettings):
    """What a pipeline does where nothing else is asked for."""

    edit_guidance: float | None = None
    """Scale of guidance where a part of a picture is repainted: what is kept speaks too, and the
    words may have to count for more. None as for whole pictures."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.edit_guidance is not None and not math.isfinite(self.edit_guidance):
            raise ValueError(f"edit_guidance must be a finite number, got {self.edit_guidance}")


@dataclass(frozen=True, kw_only=True)
class GenerationSettings(DrawingSettings):
    """How the candidates of a prompt are drawn and ranked, how many they are and how many stay."""

    candidates: int = 512
    """Pictures drawn ([P] 2.3: 512)."""
    keep: int = 32
    """Pictures kept, the best ([P] Fig. 6: gains flatten at about 32)."""
    seed: int = 0
    """Seed of the noise; a candidate is a function of seed and its number."""
    tile: int | None = None
    """Candidates computed together: bounds memory, and in bf16 changes rounding. None: as many as
    fit, a function of the prior."""

    @classmethod
    def of(cls, own: PipelineSettings, **more: Any) -> Self:
        """Return a pipeline's own settings, with those given."""
        drawing = {one.name: getattr(own, one.name) for one in fields(DrawingSettings)}
        return cls(**drawing | more)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.candidates < 1 or (self.tile is not None and self.tile < 1):
            raise ValueError(
                f"candidates and tile must be at least 1, got {self.candidates} and {self.tile}"
            )
        if not 1 <= self.keep <= self.candidates:
            raise ValueError(
                f"keep must be between 1 and the number of candidates {self.candidates}, "
                f"got {self.keep}"
            )


@dataclass(frozen=True, kw_only=True)
class EditSettings(GenerationSettings):
    """How the fillings of a region are drawn and ranked."""

    candidates: int = 64
    """Fillings drawn."""
    keep: int = 8
    """Fillings kept, the best."""
    fit_weight: float = 0.2
    """Score += this · log-likelihood of what is around, given the filling, in nats per known token;
    0 is off (chosen on other pictures than those of the benchmark)."""
    context: float = 0.5
    """How much of the region's own width and height is read on each of its sides, at least (our
    choice)."""

    @classmethod
    def of(cls, own: PipelineSettings, **more: Any) -> Self:
        """Return a pipeline's own settings for edits, with those given."""
        guidance = own.guidance if own.edit_guidance is None else own.edit_guidance
        return super().of(own, **{"guidance": guidance} | more)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, off in (("fit_weight", "0 leaves out the fit"), ("context", "0 is none")):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be 0 or more, got {value}; {off}")

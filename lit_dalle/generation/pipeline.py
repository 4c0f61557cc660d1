"""From a sentence to pictures: the dVAE, the prior and CLIP as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lit_dalle.data.pictures import to_float, to_rgb, to_uint8
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.data.transforms import centre
from lit_dalle.data.writing import whole_folder
from lit_dalle.generation.decode import UNKNOWN, generate_image_tokens
from lit_dalle.generation.edit import Edit, EditTask
from lit_dalle.generation.export import load_model, load_tokenizer, save_model, tokens_hash
from lit_dalle.generation.hardware import pick_device, pick_dtype
from lit_dalle.generation.hub import CARD, PIPELINE, find_pipeline, upload
from lit_dalle.generation.joining import (
    CLIP,
    DVAE,
    PRIOR,
    check_clip_tokenizer,
    check_grid,
    check_prior_tokenizer,
    part_hashes,
    read_defaults,
    write_facts,
)
from lit_dalle.generation.progress import Progress, counted
from lit_dalle.generation.region import Bools, Rectangle, TokenMap, rectangles_mask
from lit_dalle.generation.rerank import (
    Ranked,
    Score,
    Signal,
    clip_score,
    fit_score,
    likelihood_score,
    rank_candidates,
    to_bytes,
)
from lit_dalle.generation.result import Generation
from lit_dalle.generation.settings import EditSettings, GenerationSettings, PipelineSettings
from lit_dalle.models.clip import Clip
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

PICTURE_BYTES = 2**30
"""Most bytes of four of the dVAE's finest layers in fp32: what sets the pictures of a batch."""


class DallePipeline:
    """The three nets with their tokenizers; all on one device.

    The prior's dtype sets the precision: with a bf16 prior the dVAE and CLIP, whose weights stay
    as they are, run under bf16 autocast.

    Args:
        dvae: Turns image tokens into pictures.
        prior: Draws image tokens.
        clip: Ranks the pictures; None keeps the first ones unranked.
        prior_tokenizer: Tokenizer of the prior.
        clip_tokenizer: Tokenizer of CLIP; needed with ``clip``.
        defaults: How to draw and rank when nothing else is asked for.
        name: What the pipeline is called in results.
        hashes: Hashes of the nets, where they come from files.
        card: Text of the model card, written with the pipeline.

    Raises:
        ValueError: The nets do not fit each other or their tokenizers.
    """

    def __init__(
        self,
        dvae: DiscreteVAE,
        prior: Dalle,
        clip: Clip | None,
        prior_tokenizer: CaptionTokenizer,
        clip_tokenizer: CaptionTokenizer | None = None,
        *,
        defaults: PipelineSettings | None = None,
        name: str = "",
        hashes: dict[str, str] | None = None,
        card: str | None = None,
    ) -> None:
        check_grid(dvae.config, prior.config)
        check_prior_tokenizer(prior_tokenizer, prior.config)
        if clip is not None:
            if clip_tokenizer is None:
                raise ValueError("a pipeline with a CLIP needs CLIP's tokenizer too")
            check_clip_tokenizer(clip_tokenizer, clip.config)
        self.dvae, self.prior, self.clip = dvae, prior, clip
        self.prior_tokenizer, self.clip_tokenizer = prior_tokenizer, clip_tokenizer
        self.defaults, self.name, self.card = defaults or PipelineSettings(), name, card
        self.hashes = dict(hashes or {})

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> "DallePipeline":
        """Load a pipeline.

        Args:
            name: A shipped name (``world``), a folder, or a hub id ``owner/name``. Shipped names
                win over folders unless there is a slash.
            revision: Branch, tag or commit on the hub.
            device: Default: the GPU where there is one.
            dtype: Precision of the nets; default bf16 where the device computes in it, else fp32.

        Raises:
            FileNotFoundError: There is nothing of that name, or a part is missing.
            ValueError: A part is corrupt, or the prior was trained with another dVAE.
        """
        folder = find_pipeline(name, revision)
        defaults = read_defaults(folder)
        device = pick_device(device)
        has_clip = (folder / CLIP).is_dir()
        return cls(
            load_model(folder / DVAE, kind="dvae", device=device),
            load_model(
                folder / PRIOR, kind="dalle", device=device, dtype=dtype or pick_dtype(device)
            ),
            load_model(folder / CLIP, kind="clip", device=device) if has_clip else None,
            load_tokenizer(folder / PRIOR),
            load_tokenizer(folder / CLIP) if has_clip else None,
            defaults=defaults,
            name=folder.name if Path(name).expanduser().is_dir() else str(name),
            hashes=part_hashes(folder),
            card=(folder / CARD).read_text("utf-8") if (folder / CARD).is_file() else None,
        )

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype | None = None) -> None:
        """Write the pipeline as a folder, whole or not at all; an earlier one there is replaced.

        Args:
            folder: Where to.
            dtype: Stored type of the matrices, see :func:`~lit_dalle.generation.export.save_model`.

        Raises:
            ValueError: The folder holds something else.
        """
        with whole_folder(folder, marker=PIPELINE) as part:
            save_model(self.dvae, part / DVAE, dtype=dtype)
            save_model(
                self.prior,
                part / PRIOR,
                tokenizer=self.prior_tokenizer,
                extra={"dvae_hash": tokens_hash(part / DVAE)},
                dtype=dtype,
            )
            if self.clip is not None:
                save_model(self.clip, part / CLIP, tokenizer=self.clip_tokenizer, dtype=dtype)
            write_facts(part, defaults=self.defaults, card=self.card)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = False,
        message: str = "Upload pipeline",
        token: str | None = None,
        dtype: torch.dtype | None = None,
    ) -> str:
        """Upload the pipeline to the Hugging Face hub, as ``save_pretrained`` writes it.

        Returns:
            The address of the commit.

        Raises:
            ValueError: The hub refuses it or cannot be reached.
        """
        with TemporaryDirectory() as temporary:
            folder = Path(temporary) / "pipeline"
            self.save_pretrained(folder, dtype=dtype)
            return upload(folder, repo_id, private=private, message=message, token=token)

    def generate(
        self,
        prompt: str,
        *,
        candidates: int = 512,
        keep: int = 32,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
        likelihood_weight: float | None = None,
        seed: int = 0,
        tile: int | None = None,
        progress: Progress | None = None,
        image_prompt: Image.Image | None = None,
        rows: int = 0,
    ) -> Generation:
        """Draw candidates of a prompt and keep the best.

        A setting of drawing or ranking that is not given is the pipeline's own (``defaults``).

        Args:
            prompt: What to draw.
            candidates: Pictures drawn.
            keep: Pictures kept: the best, or the first ones where nothing ranks them.
            temperature: Divides the logits.
            top_k: Draw from the k most likely tokens; the size of the codebook is off.
            top_p: Draw from the most likely tokens with this total probability; 1 is off.
            guidance: Scale of classifier-free guidance; 1 is off.
            likelihood_weight: Rank by CLIP's cosine + this · likelihood gain in nats per image
                token; 0 is CLIP alone.
            seed: Seed of the noise.
            tile: Candidates computed together; when not given, as many as fit.
            progress: Told how far it has come.
            image_prompt: A picture whose upper part is given, and continued ([P] Fig. 2d); its
                middle square is read.
            rows: Rows of image tokens that it gives, from the top.

        Raises:
            ValueError: The prompt is empty or too long, or a setting is out of range.
        """
        own = GenerationSettings.of(
            self.defaults, candidates=candidates, keep=keep, seed=seed, tile=tile
        )
        settings = own.changed(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            guidance=guidance,
            likelihood_weight=likelihood_weight,
        )
        drawing = _Drawing(rows=rows)
        if image_prompt is not None:
            drawing = _Drawing(self._start_of(image_prompt, rows), rows=rows)
        elif rows:
            raise ValueError(f"rows is {rows}: rows of what? give an image_prompt")
        return self._draw(prompt, settings, drawing, progress)

    def edit(
        self,
        picture: Image.Image,
        prompt: str,
        region: Bools | Sequence[Rectangle],
        *,
        candidates: int = EditSettings.candidates,
        keep: int = EditSettings.keep,
        context: float = EditSettings.context,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float | None = None,
        likelihood_weight: float | None = None,
        fit_weight: float = EditSettings.fit_weight,
        seed: int = 0,
        tile: int | None = None,
        progress: Progress | None = None,
    ) -> Edit:
        """Repaint a region of a picture so that it fits a prompt and everything around it.

        Args:
            picture: Any picture; RGB of 8 bits is kept byte for byte outside the region, others
                are converted first (``lit_dalle.generation.region.read_upright`` reads files).
            prompt: What the picture shows in the end.
            region: Rectangles, or bool ``h w``, True where it is repainted.
            candidates: Fillings drawn.
            keep: Fillings kept: the best, or the first ones where nothing ranks them.
            context: How much around the region the nets see at least, on each side, as a share of
                its width and height.
            temperature: Divides the logits.
            top_k: Draw from the k most likely tokens; the size of the codebook is off.
            top_p: Draw from the most likely tokens with this total probability; 1 is off.
            guidance: Scale of classifier-free guidance; 1 is off.
            likelihood_weight: As for :meth:`generate`.
            fit_weight: Adds to the score this · log-likelihood of what is around, given the
                filling, in nats per known token; 0 is off.
            seed: Seed of the noise.
            tile: Candidates computed together; when not given, as many as fit.
            progress: Told how far it has come.

        Raises:
            ValueError: The prompt is empty or too long, a setting is out of range, the region is
                empty, covers all or lies outside, or the prior is not of order ``any``.
        """
        own = EditSettings.of(self.defaults, candidates=candidates, keep=keep, seed=seed, tile=tile)
        settings = own.changed(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            guidance=guidance,
            likelihood_weight=likelihood_weight,
            fit_weight=fit_weight,
            context=context,
        )
        picture = to_rgb(picture)
        if not isinstance(region, np.ndarray):
            region = rectangles_mask(region, *picture.size)
        sizes = self.dvae.config.image_size, self.prior.config.image_grid
        task = EditTask.of(picture, region, *sizes, settings.context)
        return self.repaint(task, prompt, settings, progress)

    def repaint(
        self,
        task: EditTask,
        prompt: str,
        settings: EditSettings,
        progress: Progress | None = None,
    ) -> Edit:
        """Repaint as :meth:`edit` does, in the order of a task.

        Raises:
            ValueError: The prompt is empty or too long, or the prior cannot read in that order.
        """
        if task.order is not None and self.prior.config.order != "any":
            raise ValueError(
                "this pipeline's prior reads in raster order and cannot see what lies right of and "
                "below a region: take one of order any, such as world"
            )
        known = task.known_image_tokens(self._encode(task.shown))
        evidence = task.evidence(self._code_pictures)
        drawing = _Drawing(known, task.order, task.preview, task.tokens, evidence)
        generation = self._draw(prompt, settings, drawing, progress)
        drawn = self.decode(generation.image_tokens.to(self.device))
        original = Image.fromarray(task.picture)
        return Edit(task.put_back(drawn), original, task.region, task.window, generation)

    @property
    def device(self) -> torch.device:
        """Where the nets are."""
        return self.prior.image_head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision the nets compute in."""
        return self.prior.image_head.weight.dtype

    @torch.no_grad()
    def decode(self, image_tokens: Tensor) -> Tensor:
        """Turn image tokens int64 ``b i`` into pictures uint8 ``b 3 h w``."""
        with self.precision():
            return to_bytes(self.dvae.decode(image_tokens))

    def _draw(
        self,
        prompt: str,
        settings: GenerationSettings,
        drawing: "_Drawing",
        progress: Progress | None,
    ) -> Generation:
        """Draw, decode and rank the candidates of a prompt."""
        if not prompt.strip():
            raise ValueError("the prompt is empty: say what to draw")
        text_tokens = self.prior_tokenizer.encode([prompt])
        signals = self._signals(prompt, text_tokens, settings, drawing)
        begin = perf_counter()
        known, total = drawing.known_image_tokens, self.prior.config.image_len
        unknown = total if known is None else int((known == UNKNOWN).sum())
        image_tokens = generate_image_tokens(
            self.prior,
            text_tokens,
            settings.candidates,
            **settings.sampling,
            seed=settings.seed,
            tile=settings.tile,
            progress=counted(progress, "tokens", settings.candidates * unknown),
            known_image_tokens=known,
            order=drawing.order,
            evidence=drawing.evidence,
        )
        seconds = perf_counter() - begin
        ranked = rank_candidates(
            image_tokens,
            lambda tokens: drawing.shown(self.decode(tokens)),
            signals,
            settings.keep,
            tile=settings.tile or pictures_together(self.dvae.config),
            progress=counted(progress, "pictures", settings.candidates),
        )
        return self._result(prompt, settings, image_tokens.cpu(), ranked, seconds, drawing.rows)

    def _start_of(self, picture: Image.Image, rows: int) -> Tensor:
        """The upper rows of a picture's tokens, ``1 i``, and the rest to be drawn."""
        grid = self.prior.config.image_grid
        if not 1 <= rows < grid:
            raise ValueError(
                f"an image prompt gives 1 to {grid - 1} rows of image tokens, of {grid}; got {rows}"
            )
        square = centre(to_rgb(picture), self.dvae.config.image_size)
        tokens = self._encode(to_float(to_uint8(square))[None]).cpu()
        tokens[:, rows * grid :] = UNKNOWN
        return tokens

    @cached_property
    def _code_pictures(self) -> Tensor:
        """What each image token shows."""
        return self.dvae.code_pictures()

    @torch.no_grad()
    def _encode(self, images: Tensor) -> Tensor:
        """Pictures float32 ``b 3 h w`` in [0, 1] to image tokens, in the dVAE's own precision."""
        return self.dvae.encode(images.to(self.device))

    def _signals(
        self,
        prompt: str,
        text_tokens: Tensor,
        settings: GenerationSettings,
        drawing: "_Drawing",
    ) -> list[Signal]:
        """What ranks pictures of a prompt: CLIP where there is one, the rest where it counts."""
        signals = []
        if self.clip is not None and self.clip_tokenizer is not None:
            own = self.clip_tokenizer.encode([prompt]).to(self.device)
            signals.append(Signal("clip", self._clip_score(self.clip, own)))
        if settings.likelihood_weight:
            score = likelihood_score(self.prior, text_tokens)
            signals.append(Signal("likelihood", score, settings.likelihood_weight))
        if isinstance(settings, EditSettings) and settings.fit_weight and drawing.can_fit:
            score = fit_score(self.prior, text_tokens, *drawing.masks)
            signals.append(Signal("fit", score, settings.fit_weight))
        return signals

    def _clip_score(self, clip: Clip, text_tokens: Tensor) -> Score:
        """CLIP's cosines, in the prior's precision."""
        with torch.no_grad(), self.precision():
            plain_score = clip_score(clip, text_tokens)

        def score(pictures: Tensor, image_tokens: Tensor) -> Tensor:
            with torch.no_grad(), self.precision():
                return plain_score(pictures, image_tokens)

        return score

    def precision(self) -> torch.autocast:
        """Context in which the dVAE and CLIP compute in the prior's precision."""
        low = self.dtype in (torch.bfloat16, torch.float16)
        return torch.autocast(self.device.type, self.dtype if low else None, enabled=low)

    def _result(
        self,
        prompt: str,
        settings: GenerationSettings,
        image_tokens: Tensor,
        ranked: Ranked,
        token_seconds: float,
        rows: int,
    ) -> Generation:
        scored = bool(ranked.parts)
        return Generation(
            prompt=prompt,
            images=ranked.images,
            image_tokens=image_tokens[ranked.candidates],
            candidates=tuple(ranked.candidates.tolist()),
            scores=tuple(ranked.scores.tolist()) if scored else None,
            all_scores=tuple(ranked.all_scores.tolist()) if scored else None,
            settings=settings,
            parts={name: tuple(part.tolist()) for name, part in ranked.parts.items()},
            unknown_words=tuple(self.prior_tokenizer.unknown_words(prompt)),
            model={
                "name": self.name,
                "hashes": self.hashes,
                "device": self.device.type,
                "precision": str(self.dtype).removeprefix("torch."),
            },
            seconds={
                "tokens": token_seconds,
                "decoding": ranked.decoding_seconds,
                "ranking": ranked.ranking_seconds,
            },
            rows=rows,
        )


@dataclass(frozen=True)
class _Drawing:
    """What is known of the pictures of a prompt before they are drawn."""

    known_image_tokens: Tensor | None = None
    """See :func:`~lit_dalle.generation.decode.generate_image_tokens`; None is nothing."""
    order: Tensor | None = None
    """In which tokens are read and drawn; None is raster."""
    shown: Callable[[Tensor], Tensor] = lambda pictures: pictures
    """What becomes of decoded pictures, uint8 ``b 3 h w``, before they are ranked."""
    tokens: TokenMap | None = None
    """Of an edit, the tokens that are drawn and those that are known."""
    evidence: Tensor | None = None
    """See :func:`~lit_dalle.generation.decode.generate_image_tokens`."""
    rows: int = 0
    """Rows of tokens that an image prompt gave."""

    @property
    def can_fit(self) -> bool:
        """Whether there is anything around that a filling could fit."""
        return self.tokens is not None and bool(self.tokens.known.any())

    @property
    def masks(self) -> tuple[Tensor, Tensor]:
        """What is drawn and what is known, bool ``i`` each."""
        assert self.tokens is not None, "only edits have a region"
        drawn, known = (torch.from_numpy(part.ravel()) for part in self.tokens)
        return drawn, known


def pictures_together(config: DiscreteVAEConfig) -> int:
    """Return how many pictures to decode together, 64 unless the finest layers get too large."""
    side = config.image_size // config.patch
    layer = 4 * config.hidden * config.widths[0] * side**2
    return max(1, min(64, PICTURE_BYTES // (4 * layer)))

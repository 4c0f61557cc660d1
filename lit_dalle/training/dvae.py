"""Training of the discrete VAE: objective, schedules, optimiser, logging."""

from collections import defaultdict
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from lit_dalle.functional.losses import (
    dvae_objective,
    gaussian_nll,
    kl_to_uniform,
    laplace_nll,
    logit_laplace_nll,
    map_pixels,
    marginal_kl_to_uniform,
    psnr,
)
from lit_dalle.functional.quantize import (
    code_counts,
    codebook_perplexity,
    codebook_usage,
    gumbel_noise,
)
from lit_dalle.functional.schedules import Schedule
from lit_dalle.models.code_init import spread_codes
from lit_dalle.models.codes import NearestCodes
from lit_dalle.models.dvae import (
    SOFTMAX,
    DiscreteVAE,
    DiscreteVAEConfig,
    DiscreteVAEOutput,
    to_images,
)
from lit_dalle.training.optimization import OptimizerConfig, as_config, build_optimizer, plain
from lit_dalle.training.starting import is_fitted, start_from

PUBLISHED_TAU = Schedule(start=1.0, end=1 / 16, over=150_000)
"""Relaxation temperature ([P] A.2)."""
PUBLISHED_BETA = Schedule(start=0.0, end=6.6, over=5_000)
"""Weight of the KL term ([P] A.2)."""
NO_USAGE_TERM = Schedule(start=0.0, end=0.0, shape="constant")
"""The published objective has no usage term."""
OPTIMIZER = OptimizerConfig()
Likelihood = Literal["logit_laplace", "laplace", "gaussian"]
"""Density of the pixels."""


class LitDiscreteVAE(L.LightningModule):
    """Trains a ``DiscreteVAE`` on batches with ``images`` and ``index``.

    Args:
        config: Shape of the net.
        optimizer: Optimiser settings.
        tau: Relaxation temperature over the run.
        beta: Weight of the KL of each position's codes to uniform, in the paper's units: the term
            is β·grid²·KL / (H·W·3) nats per subpixel.
        usage_beta: Weight of the KL of the batch's mean code distribution to uniform, in the same
            units (our choice; 0 as published).
        likelihood: Density of the pixels: the paper's, or of our choice ``laplace`` or
            ``gaussian``, which learn drawn pictures sooner.
        min_log_scale: Lower bound on ln b of the paper's likelihood (our choice; None as in [P]).
        commitment: Weight of the squared distance of latents to their codes, for ``vq`` (0.25 in
            van den Oord et al. 2017).
        code_revival: A code of ``vq`` that is chosen less often than this share of an even one
            starts again at some latent of the batch (our choice): the higher, the more evenly
            codes are used. None for the 0.02 of ``NearestCodes``.
        code_sharpness: Spread the codes over the first batch's features before the first update,
            with logits of this sharpness (our choice, see ``spread_codes``; None as published).
        start: Folder of an exported dVAE to start from, of the same sizes; its codes stay where
            they are. None starts from noise.
        decoder_only: Train the decoder alone, with hard tokens: what a picture's tokens are stays
            as it is at ``start``, so a prior that was trained on them draws with either decoder.
            Not together with an average of the weights.
        seed: Seed of the Gumbel noise, which is a function of (seed, step, index).
    """

    def __init__(
        self,
        config: DiscreteVAEConfig | dict[str, Any],
        optimizer: OptimizerConfig | dict[str, Any] = OPTIMIZER,
        tau: Schedule | dict[str, Any] = PUBLISHED_TAU,
        beta: Schedule | dict[str, Any] = PUBLISHED_BETA,
        usage_beta: Schedule | dict[str, Any] = NO_USAGE_TERM,
        likelihood: Likelihood = "logit_laplace",
        min_log_scale: float | None = None,
        commitment: float = 0.25,
        code_revival: float | None = None,
        code_sharpness: float | None = None,
        start: str | None = None,
        decoder_only: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.config = as_config(DiscreteVAEConfig, config)
        self.optimizer_config = as_config(OptimizerConfig, optimizer)
        self.tau = as_config(Schedule, tau)
        self.beta = as_config(Schedule, beta)
        self.usage_beta = as_config(Schedule, usage_beta)
        self.likelihood, self.min_log_scale = likelihood, min_log_scale
        self.commitment = commitment
        self.code_sharpness = code_sharpness if start is None else None
        self.start, self.decoder_only = start, decoder_only
        self.seed = seed
        self._check_terms()
        self.save_hyperparameters()
        self.save_hyperparameters(
            {
                "config": plain(self.config),
                "optimizer": plain(self.optimizer_config),
                "tau": plain(self.tau),
                "beta": plain(self.beta),
                "usage_beta": plain(self.usage_beta),
            }
        )
        self.net = DiscreteVAE(self.config)
        if code_revival is not None:
            self._revive(code_revival)
        self._psnr: dict[str, list[Tensor]] = defaultdict(list)
        self._counts = torch.zeros(0, dtype=torch.int64)

    def _revive(self, share: float) -> None:
        codes = self.net.codes
        if not isinstance(codes, NearestCodes):
            raise ValueError(
                f"code_revival is of the quantizer vq, this one is {self.config.quantizer}: "
                "leave it out"
            )
        codes.revival = share

    def setup(self, stage: str) -> None:
        """Take the weights to start from where a training begins."""
        if self.start is not None and is_fitted(self):
            start_from(self.net, self.start)
        if self.decoder_only:
            self._check_no_average()
            self.net.freeze_tokens()

    def configure_optimizers(self) -> Any:
        """Optimise as the settings say, the learning rate set at every update."""
        return build_optimizer(self.net, self.optimizer_config, self._max_steps())

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Return the objective in nats per subpixel, with relaxed codes."""
        if self.decoder_only:
            return self._decoder_step(batch["images"])
        step = self.global_step
        if step == 0 and batch_idx == 0 and self.code_sharpness is not None:
            self._spread_codes(batch["images"], self.code_sharpness)
        images, tau = batch["images"], self._at(self.tau, step)
        output = self.net(images, self._noise(batch["index"], step), tau)
        recon = self._recon(output.maps, images)
        loss, terms = self._objective(recon, output, step)
        self.log("train/loss", loss, prog_bar=True)
        self.log_dict({"train/recon": recon} | {f"train/{k}": v for k, v in terms.items()})
        if self.has_logits:
            self.log_dict({"train/tau": tau, "train/beta": self._at(self.beta, step)})
        return loss

    def _decoder_step(self, images: Tensor) -> Tensor:
        """Return the reconstruction loss of hard tokens, nats per subpixel."""
        with torch.no_grad():
            image_tokens = self.net.encode(images)
        loss = self._recon(self.net.decode_maps(image_tokens), images)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    @property
    def has_logits(self) -> bool:
        """Whether the latents are logits of all codes, so that tau, KL and usage have a meaning."""
        return self.config.quantizer in SOFTMAX

    def relaxed_maps(self, images: Tensor, index: Tensor) -> Tensor:
        """Return what training would make of pictures at this update, nothing learned from them.

        Args:
            images: ``b 3 H W`` in [0, 1].
            index: Data set index of every picture, int64 ``b``.

        Returns:
            fp32 ``b 6 H W``.
        """
        step = self.global_step
        return self.net(images, self._noise(index, step), self._at(self.tau, step)).maps

    def _spread_codes(self, images: Tensor, sharpness: float) -> None:
        """Set the codes up from the first process's pictures; all processes get the same."""
        spread_codes(self.net, images, sharpness)
        for parameter in (*self.net.encoder.output.parameters(), self.net.decoder.codebook.weight):
            parameter.data.copy_(self.trainer.strategy.broadcast(parameter.data))

    def on_validation_epoch_start(self) -> None:
        """Forget the last epoch's pictures and codes."""
        self._psnr.clear()
        self._counts = torch.zeros(self.config.codebook_size, dtype=torch.int64, device=self.device)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Score hard tokens: what the later stages see."""
        images = batch["images"]
        latents = self.net.encode_latents(images)
        image_tokens = self.net.codes.tokens(latents)
        maps = self.net.decode_maps(image_tokens)
        recon = self._recon(maps, images)
        output = DiscreteVAEOutput(maps, latents, latents.new_zeros(()))
        loss, terms = self._objective(recon, output, self.global_step)
        scores = {"val/loss": loss, "val/recon": recon}
        if self.has_logits:
            scores["val/kl"] = terms["kl"]
        self.log_dict(scores, sync_dist=True, batch_size=len(images))
        self._counts += code_counts(image_tokens, self.config.codebook_size)
        quality = psnr(to_images(maps), images)
        self._psnr["val/psnr"].extend(quality)
        for family, value in zip(batch.get("family", ()), quality, strict=False):
            self._psnr[f"val/psnr_{family}"].append(value)

    def test_step(self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Score hard tokens on a test split: mean PSNR in dB and NLL in nats per subpixel."""
        images = batch["images"]
        maps = self.net.decode_maps(self.net.encode(images))
        quality = psnr(to_images(maps), images).mean()
        scores = {"test/psnr": quality, "test/recon": self._recon(maps, images)}
        self.log_dict(scores, sync_dist=True, batch_size=len(images))

    def on_validation_epoch_end(self) -> None:
        """Log PSNR (all, and by family) and how the codebook is used."""
        counts = self._summed(self._counts)
        self.log("val/codebook_perplexity", codebook_perplexity(counts))
        self.log("val/codebook_usage", codebook_usage(counts))
        for name, value in self._mean_psnr().items():
            self.log(name, value, prog_bar=name == "val/psnr")

    def _mean_psnr(self) -> dict[str, float]:
        """Mean over all pictures of all processes; a family may be missing in some of them."""
        sums = {
            name: (torch.stack(values).sum().item(), len(values))
            for name, values in self._psnr.items()
        }
        everywhere = [sums]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            everywhere = [sums] * self.trainer.world_size
            torch.distributed.all_gather_object(everywhere, sums)
        means = {}
        for name in sorted(set().union(*everywhere)):
            parts = [part[name] for part in everywhere if name in part]
            means[name] = sum(total for total, _ in parts) / sum(count for _, count in parts)
        return means

    def _summed(self, counts: Tensor) -> Tensor:
        gathered: Tensor = self.all_gather(counts)  # type: ignore[assignment]
        return gathered.reshape(-1, counts.numel()).sum(dim=0)

    def _noise(self, index: Tensor, step: int) -> Tensor | None:
        if self.config.quantizer != "gumbel":
            return None
        grid = self.config.image_grid
        shape = (self.config.codebook_size, grid, grid)
        return gumbel_noise(shape, self.seed, step, index)

    def _recon(self, maps: Tensor, images: Tensor) -> Tensor:
        targets = map_pixels(images)
        if self.likelihood == "laplace":
            return laplace_nll(maps, targets)
        if self.likelihood == "gaussian":
            return gaussian_nll(maps, targets)
        return logit_laplace_nll(maps, targets, self.min_log_scale)

    def _objective(
        self, recon: Tensor, output: DiscreteVAEOutput, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss in nats per subpixel, and its terms beside the reconstruction, by name."""
        if not self.has_logits:
            return recon + self.commitment * output.penalty, {"commitment": output.penalty}
        size, grid = self.config.image_size, self.config.image_grid
        kl = kl_to_uniform(output.latents)
        loss, terms = dvae_objective(recon, kl, self._at(self.beta, step), size, grid), {"kl": kl}
        usage_beta = self._at(self.usage_beta, step)
        if usage_beta:
            terms["usage"] = marginal_kl_to_uniform(output.latents)
            loss = dvae_objective(loss, terms["usage"], usage_beta, size, grid)
        return loss, terms

    def _check_terms(self) -> None:
        """Raise ValueError where a setting has no meaning beside the others."""
        if self.decoder_only and self.start is None:
            raise ValueError(
                "decoder_only trains the decoder of an exported dVAE: give its folder as start"
            )
        weights = {"beta": self.beta, "usage_beta": self.usage_beta}
        set_terms = [name for name, at in weights.items() if at.start or at.end]
        if self.likelihood != "logit_laplace" and self.min_log_scale is not None:
            raise ValueError("min_log_scale bounds the logit_laplace likelihood: leave it out")
        if set_terms and not self.has_logits:
            raise ValueError(
                f"{' and '.join(set_terms)} weigh the KL of a softmax over codes, which the "
                f"quantizer {self.config.quantizer} does not have: set them to 0"
            )

    def _check_no_average(self) -> None:
        """Raise ValueError where frozen weights would be averaged, and so rounded."""
        callbacks = getattr(self._trainer, "callbacks", [])
        if any(isinstance(callback, WeightAveraging) for callback in callbacks):
            raise ValueError(
                "decoder_only keeps the tokens to the last bit, which an average of the weights "
                "does not: leave out the callback, and end the learning rate near 0 instead"
            )

    def _at(self, schedule: Schedule, step: int) -> float:
        return schedule.value(step, self._max_steps())

    def _max_steps(self) -> int:
        """Updates of the whole run; it is not asked for by epochs where nothing is trained."""
        limit = self.trainer.max_steps
        return limit if limit > 0 else int(self.trainer.estimated_stepping_batches)

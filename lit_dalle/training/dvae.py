"""Training of the discrete VAE: objective, schedules, optimiser, logging."""

from collections import defaultdict
from typing import Any

import lightning as L
import torch
from torch import Tensor

from lit_dalle.functional.losses import (
    dvae_objective,
    kl_to_uniform,
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
    hard_tokens,
)
from lit_dalle.functional.schedules import Schedule
from lit_dalle.models.code_init import spread_codes
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig, to_images
from lit_dalle.training.optimization import OptimizerConfig, as_config, build_optimizer, plain

PUBLISHED_TAU = Schedule(start=1.0, end=1 / 16, over=150_000)
"""Relaxation temperature ([P] A.2)."""
PUBLISHED_BETA = Schedule(start=0.0, end=6.6, over=5_000)
"""Weight of the KL term ([P] A.2)."""
NO_USAGE_TERM = Schedule(start=0.0, end=0.0, shape="constant")
"""The published objective has no usage term."""
OPTIMIZER = OptimizerConfig()


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
        min_log_scale: Lower bound on ln b of the likelihood (our choice; None as published).
        code_sharpness: Spread the codes over the first batch's features before the first update,
            with logits of this sharpness (our choice, see ``spread_codes``; None as published).
        seed: Seed of the Gumbel noise, which is a function of (seed, step, index).
    """

    def __init__(
        self,
        config: DiscreteVAEConfig | dict[str, Any],
        optimizer: OptimizerConfig | dict[str, Any] = OPTIMIZER,
        tau: Schedule | dict[str, Any] = PUBLISHED_TAU,
        beta: Schedule | dict[str, Any] = PUBLISHED_BETA,
        usage_beta: Schedule | dict[str, Any] = NO_USAGE_TERM,
        min_log_scale: float | None = None,
        code_sharpness: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.config = as_config(DiscreteVAEConfig, config)
        self.optimizer_config = as_config(OptimizerConfig, optimizer)
        self.tau = as_config(Schedule, tau)
        self.beta = as_config(Schedule, beta)
        self.usage_beta = as_config(Schedule, usage_beta)
        self.min_log_scale = min_log_scale
        self.code_sharpness = code_sharpness
        self.seed = seed
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
        self._psnr: dict[str, list[Tensor]] = defaultdict(list)
        self._counts = torch.zeros(0, dtype=torch.int64)

    def configure_optimizers(self) -> Any:
        """Build AdamW with the learning rate set at every update."""
        return build_optimizer(self.net, self.optimizer_config, self._max_steps())

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Return the objective in nats per subpixel, with relaxed codes."""
        step = self.global_step
        if step == 0 and batch_idx == 0 and self.code_sharpness is not None:
            self._spread_codes(batch["images"], self.code_sharpness)
        images, tau = batch["images"], self._at(self.tau, step)
        output = self.net(images, self._noise(batch["index"], step), tau)
        recon = self._recon(output.maps, images)
        kl = kl_to_uniform(output.logits)
        loss = self._objective(recon, kl, output.logits, step)
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/recon", recon)
        self.log("train/kl", kl)
        self.log("train/tau", tau)
        self.log("train/beta", self._at(self.beta, step))
        return loss

    def relaxed_codes(self, logits: Tensor, index: Tensor) -> Tensor:
        """Return the codes that training would use at this update.

        Args:
            logits: ``b k h w``.
            index: Data set index of every picture, int64 ``b``.

        Returns:
            fp32 ``b k h w``.
        """
        step = self.global_step
        return self.net.relax(logits, self._noise(index, step), self._at(self.tau, step))

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
        logits = self.net.encode_logits(images)
        image_tokens = hard_tokens(logits)
        maps = self.net.decode_maps(image_tokens)
        recon, kl = self._recon(maps, images), kl_to_uniform(logits)
        loss = self._objective(recon, kl, logits, self.global_step)
        scores = {"val/loss": loss, "val/recon": recon, "val/kl": kl}
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
        if self.config.relaxation == "ibq":
            return None
        grid = self.config.image_grid
        shape = (self.config.codebook_size, grid, grid)
        return gumbel_noise(shape, self.seed, step, index)

    def _recon(self, maps: Tensor, images: Tensor) -> Tensor:
        return logit_laplace_nll(maps, map_pixels(images), self.min_log_scale)

    def _objective(self, recon: Tensor, kl: Tensor, logits: Tensor, step: int) -> Tensor:
        size, grid = self.config.image_size, self.config.image_grid
        loss = dvae_objective(recon, kl, self._at(self.beta, step), size, grid)
        usage_beta = self._at(self.usage_beta, step)
        if usage_beta:
            usage = marginal_kl_to_uniform(logits)
            loss = dvae_objective(loss, usage, usage_beta, size, grid)
        return loss

    def _at(self, schedule: Schedule, step: int) -> float:
        return schedule.value(step, self._max_steps())

    def _max_steps(self) -> int:
        """Updates of the whole run; it is not asked for by epochs where nothing is trained."""
        limit = self.trainer.max_steps
        return limit if limit > 0 else int(self.trainer.estimated_stepping_batches)

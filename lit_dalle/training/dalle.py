"""LitDalle: training of the prior on text tokens and image tokens."""

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor

from lit_dalle.functional.orders import OrderMix, draw_orders, draw_rectangles, masked_last
from lit_dalle.functional.sampling import uniform_noise
from lit_dalle.functional.schedules import Schedule
from lit_dalle.generation.decode import null_text_tokens
from lit_dalle.generation.export import load_model, tokens_hash
from lit_dalle.generation.joining import check_prior_tokenizer
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE
from lit_dalle.training.optimization import OptimizerConfig, as_config, build_optimizer, plain
from lit_dalle.training.starting import is_fitted, start_from, tokenizer_of

RASTER_ROWS = OrderMix()
"""Training rows as published: all in raster order."""
WHOLE_RUN = Schedule(start=1.0, end=1.0, shape="constant")
"""Rows follow the mix of orders from the first update to the last (our choice)."""
NOISE_SHARE, NOISE_PLACES = 5, 6
"""Counters of a row's noise, after those of its order (``functional/orders.py``: 0 to 4)."""
VALIDATION_DRAW = -1
"""Stands for the step in the draw of a validation row's rectangle; no update has this number."""


class LitDalle(lightning.LightningModule):
    """Train the prior by next-token prediction over text and image tokens ([P] 2.2).

    Batches hold ``text_tokens`` and ``image_tokens``, or ``images`` that the frozen dVAE encodes on
    the fly, and ``index`` when captions are dropped, image tokens noisy or the net is of order
    ``any``.

    Losses of validation and test are those of raster order, for nets of either order. A net of
    order ``any`` also logs ``rectangle_loss``: nats per token of a rectangle (one a row, the same
    in every epoch) given the caption and everything around it.
    """

    def __init__(
        self,
        config: DalleConfig | dict[str, Any],
        optimizer: OptimizerConfig | dict[str, Any],
        dvae: str | None = None,
        dvae_hash: str | None = None,
        start: str | None = None,
        code_similarity: float = 0.0,
        caption_dropout: float = 0.1,
        image_noise: float = 0.0,
        activation_checkpointing: bool = False,
        text_loss_weight: float = 1 / 8,
        image_loss_weight: float = 7 / 8,
        orders: OrderMix | dict[str, Any] = RASTER_ROWS,
        order_share: Schedule | dict[str, Any] = WHOLE_RUN,
        seed: int = 0,
    ) -> None:
        """Take the settings; the net is built in :meth:`configure_model`.

        Args:
            config: Sizes of the prior.
            optimizer: Optimiser settings.
            dvae: Folder of the exported dVAE that made or makes the image tokens. It stays frozen
                and outside this module: neither optimiser nor EMA nor checkpoint sees it.
            dvae_hash: Hash that the folder must have; a checkpoint brings its own.
            start: Folder of an exported prior to start from, of the same sizes; its tokenizer may
                be another one, see :func:`start_from`. None starts from noise.
            code_similarity: Share of the initial variance of image embedding and head that codes
                have in common as far as the dVAE decodes them alike; see
                :meth:`Dalle.relate_codes` (our choice; 0 in [P]).
            caption_dropout: Share of training rows that get the null caption, for classifier-free
                guidance (later work; 0 in [P]).
            image_noise: Most that is wrong of what the net reads of a picture while it learns to
                predict the right one: of each training row a share of the image tokens, drawn from
                0 to this, are those of the row before it in the batch. A small data set is not
                learnt by rote then, words count for more, and a sample that went astray finds back
                (our choice; 0 in [P]).
            activation_checkpointing: Keep only the input of each block for the backward pass and
                compute the block again there: a third more work, a fraction of the memory.
            text_loss_weight: Weight of the mean loss of a text token ([P] 2.2: 1/8).
            image_loss_weight: Weight of the mean loss of an image token ([P] 2.2: 7/8).
            orders: Shares of training rows by order of image tokens; other than raster only for a
                net of order ``any``.
            order_share: Share of training rows that follow ``orders``, over the run; the rest are
                in raster order (1 → 0 is the annealing of RAR, arXiv 2411.00776).
            seed: Seed of the caption dropout, of the noise and of the orders, functions of (seed,
                step, index).

        Raises:
            ValueError: A setting is out of range.
        """
        super().__init__()
        if not 0 <= caption_dropout < 1:
            raise ValueError(f"caption_dropout must be in [0, 1), got {caption_dropout}")
        if not 0 <= image_noise <= 1:
            raise ValueError(f"image_noise must be in [0, 1], got {image_noise}")
        if not 0 <= code_similarity <= 1:
            raise ValueError(f"code_similarity must be in [0, 1], got {code_similarity}")
        if code_similarity and dvae is None:
            raise ValueError("code_similarity is of a dVAE's codes: give its folder as dvae")
        self.start, self.code_similarity = start, code_similarity
        self.config = as_config(DalleConfig, config)
        self.optimizer_config = as_config(OptimizerConfig, optimizer)
        self.orders = as_config(OrderMix, orders)
        self.order_share = as_config(Schedule, order_share)
        self._check_orders()
        self.dvae_folder, self.dvae_hash = dvae, dvae_hash
        self.caption_dropout, self.image_noise, self.seed = caption_dropout, image_noise, seed
        self.activation_checkpointing = activation_checkpointing
        self.text_loss_weight = text_loss_weight
        self.image_loss_weight = image_loss_weight
        self.save_hyperparameters()
        self.save_hyperparameters(
            {
                "config": plain(self.config),
                "optimizer": plain(self.optimizer_config),
                "orders": plain(self.orders),
                "order_share": plain(self.order_share),
            }
        )
        self.net: Dalle
        self._frozen: list[DiscreteVAE] = []  # a list, so that the dVAE is no submodule

    @property
    def dvae(self) -> DiscreteVAE | None:
        """The frozen dVAE, on this module's device; None before ``setup`` or without a folder."""
        return self._frozen[0].to(self.device) if self._frozen else None

    def configure_model(self) -> None:
        """Build the net once, under whatever device context the strategy gives."""
        if hasattr(self, "net"):
            return
        self.net = Dalle(self.config)
        self.net.activation_checkpointing = self.activation_checkpointing
        if not is_fitted(self):
            return
        if self.start is not None:
            start_from(self.net, self.start, tokenizer_of(self))
        elif self.code_similarity:
            self._load_dvae()
            vectors = self._frozen[0].code_vectors().to(self.net.image_head.weight.device)
            self.net.relate_codes(vectors, self.code_similarity)

    def setup(self, stage: str) -> None:
        """Load the frozen dVAE; tokenizer, dVAE and image tokens must be those of this prior."""
        tokenizer = tokenizer_of(self)
        if tokenizer is not None:
            check_prior_tokenizer(tokenizer, self.config)
        data: Any = getattr(self._trainer, "datamodule", None)
        data_hash = None if data is None else getattr(data, "dvae_hash", None)
        if data_hash is not None:
            self._check_hash(data_hash)
        self._load_dvae()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the dVAE's hash beside the weights."""
        checkpoint["dvae_hash"] = self.dvae_hash

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Compare the stored hash with that of the dVAE in use, or keep it for ``setup``."""
        if checkpoint.get("dvae_hash") is not None:
            self._check_hash(checkpoint["dvae_hash"])

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Return the weighted loss of one batch, nats per token."""
        text_tokens = self._drop_captions(batch["text_tokens"], batch)
        batch = batch | {"image_tokens": self._image_tokens(batch)}
        order, read = self._training_orders(batch), self._misread(batch)
        return self._losses(text_tokens, batch, "train", order, read)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Log the losses of one batch, captions kept, in raster order."""
        return self._score(batch, "val")

    def test_step(self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Log the losses of one batch, captions kept, in raster order."""
        return self._score(batch, "test")

    def configure_optimizers(self) -> Any:
        """Give the net's parameters to the optimiser; the dVAE has none here."""
        max_steps = int(self.trainer.estimated_stepping_batches)
        return build_optimizer(self.net, self.optimizer_config, max_steps)

    def _score(self, batch: dict[str, Any], stage: str) -> Tensor:
        """Log the losses in raster order and, of a net of any order, that of rectangles."""
        batch = batch | {"image_tokens": self._image_tokens(batch)}
        if self.config.order == "any":
            self._log_rectangles(batch, stage)
        return self._losses(batch["text_tokens"], batch, stage)

    def _log_rectangles(self, batch: dict[str, Any], stage: str) -> None:
        """Log the loss of a rectangle of each row, read last; a mean over rectangles' tokens."""
        grid, index = self.config.image_grid, batch["index"]
        inside = draw_rectangles(grid, self.seed, VALIDATION_DRAW, index)
        tokens = batch["text_tokens"], batch["image_tokens"]
        loss = self.net.losses(*tokens, order=masked_last(inside), scored=inside).image_loss
        scored = int(inside.sum())
        self.log(f"{stage}/rectangle_loss", loss.detach(), sync_dist=True, batch_size=scored)

    def _training_orders(self, batch: dict[str, Any]) -> Tensor | None:
        """Draw the order of each row, ``b i``; None for a net that knows raster order alone."""
        if self.config.order == "raster":
            return None
        max_steps = int(self.trainer.estimated_stepping_batches)
        share = self.order_share.value(self.global_step, max_steps)
        mix, grid = self.orders.annealed(share), self.config.image_grid
        return draw_orders(mix, grid, self.seed, self.global_step, batch["index"])

    def _misread(self, batch: dict[str, Any]) -> Tensor | None:
        """What the net reads of each row's picture, ``b i``; None for the picture itself."""
        if self.image_noise == 0:
            return None
        tokens, index = batch["image_tokens"], batch["index"][:, None]
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        share = self.image_noise * uniform_noise(self.seed, self.global_step, index, NOISE_SHARE)
        draws = uniform_noise(self.seed, self.global_step, index, NOISE_PLACES, positions)
        return torch.where(draws < share, tokens.roll(1, dims=0), tokens)

    def _losses(
        self,
        text_tokens: Tensor,
        batch: dict[str, Any],
        stage: str,
        order: Tensor | None = None,
        read: Tensor | None = None,
    ) -> Tensor:
        text_loss, image_loss = self.net.losses(
            text_tokens, batch["image_tokens"], order, read=read
        )
        loss = self.text_loss_weight * text_loss + self.image_loss_weight * image_loss
        named = {"loss": loss, "text_loss": text_loss, "image_loss": image_loss}
        self.log_dict(
            {f"{stage}/{name}": value.detach() for name, value in named.items()},
            prog_bar=True,
            sync_dist=stage != "train",
            batch_size=len(text_tokens),
        )
        return loss

    def _image_tokens(self, batch: dict[str, Any]) -> Tensor:
        if "image_tokens" in batch:
            return batch["image_tokens"]
        if self.dvae is None:
            raise ValueError(
                "the batch has no image_tokens; encode the data set first, or give the folder of "
                "an exported dVAE as dvae"
            )
        images = batch["images"]
        if images.dtype != torch.float32:  # bf16-true rounds by half of one of 255 levels at most
            images = images.float().mul(255).round().div(255)
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return self.dvae.encode(images)

    def _drop_captions(self, text_tokens: Tensor, batch: dict[str, Any]) -> Tensor:
        if self.caption_dropout == 0:
            return text_tokens
        draws = uniform_noise(self.seed, self.global_step, batch["index"])
        dropped = (draws < self.caption_dropout)[:, None]
        return torch.where(dropped, null_text_tokens(text_tokens), text_tokens)

    def _load_dvae(self) -> None:
        """Load the frozen dVAE once, where there is one; it must be that of this prior."""
        if self.dvae_folder is None or self._frozen:
            return
        self._check_hash(tokens_hash(self.dvae_folder))
        dvae = load_model(self.dvae_folder, kind="dvae")
        self._check_sizes(dvae)
        self._frozen.append(dvae)

    def _check_orders(self) -> None:
        """Raise ValueError where the settings of orders do not fit the net or each other."""
        ends = (self.order_share.start, self.order_share.end)
        if not 0 <= min(ends) <= max(ends) <= 1:
            raise ValueError(
                f"order_share is a share of rows: it goes from 0 to 1, got {ends[0]} to {ends[1]}"
            )
        others = self.orders.shares != RASTER_ROWS.shares or self.order_share != WHOLE_RUN
        if others and self.config.order == "raster":
            raise ValueError(
                "orders and order_share are for a net of any order, and config.order is raster: "
                "set it to any, or leave them out"
            )

    def _check_sizes(self, dvae: DiscreteVAE) -> None:
        """Raise ValueError where the dVAE's tokens are not those that the prior's config names."""
        own = (self.config.image_grid, self.config.codebook_size)
        read = (dvae.config.image_grid, dvae.config.codebook_size)
        if own != read:
            raise ValueError(
                f"the prior has a grid of {own[0]} and {own[1]} codes, the dVAE at "
                f"{self.dvae_folder} {read[0]} and {read[1]}: set model.init_args.config to fit"
            )

    def _check_hash(self, found: str) -> None:
        """Keep the hash of the dVAE, or raise if another one was kept before."""
        if self.dvae_hash is not None and self.dvae_hash != found:
            raise ValueError(
                f"the image tokens are of the dVAE {self.dvae_hash[:12]}, and {found[:12]} is in "
                f"use (model.dvae: {self.dvae_folder}): a token would mean something else; "
                "encode the data with that dVAE, lit-dalle prepare tokens"
            )
        self.dvae_hash = found
        self.save_hyperparameters({"dvae_hash": found})

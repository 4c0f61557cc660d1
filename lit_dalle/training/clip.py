"""LitClip: the training of a CLIP."""

from typing import Any, Literal, get_args

import lightning as L
import torch
from torch import Tensor, nn

from lit_dalle.functional.contrastive import (
    MAX_LOGIT_SCALE,
    chance_level,
    contrastive_loss,
    matches,
)
from lit_dalle.functional.sampling import uniform_noise
from lit_dalle.functional.sigmoid_loss import (
    INITIAL_BIAS,
    INITIAL_SCALE,
    sigmoid_chance_level,
    sigmoid_loss,
)
from lit_dalle.generation.export import load_model
from lit_dalle.generation.joining import check_clip_tokenizer
from lit_dalle.models.clip import INITIAL_LOGIT_SCALE, Clip, ClipOutput
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dvae import DiscreteVAE
from lit_dalle.models.vision import VisionTransformer
from lit_dalle.training.optimization import OptimizerConfig, as_config, build_optimizer, plain
from lit_dalle.training.starting import is_fitted, start_from, tokenizer_of

OPTIMIZER = OptimizerConfig()
Loss = Literal["infonce", "sigmoid"]


class LitClip(L.LightningModule):
    """Trains a :class:`Clip` on pairs of ``images`` and ``text_tokens``.

    The sigmoid loss has a bias, ``logit_bias``, which is learned beside the net and not exported:
    nothing but the loss needs it.

    ``group_ids``, where the batch has them, name rows that are not negatives of each other; without
    them a row that comes twice (``index``) is none of itself. Logs ``train/loss``,
    ``train/logit_scale`` (log space), ``val/loss``, ``val/top1`` (share of pictures whose nearest
    caption in the validation batch is their own) and ``val/chance``, the loss at which nothing has
    been learned.

    A CLIP that ranks what a prior draws sees pictures that a dVAE decoded. With ``dvae`` a share of
    the training pictures, drawn by (seed, step, ``index``), is encoded and decoded by it first.

    Args:
        config: Sizes of the towers.
        optimizer: Optimiser settings.
        loss: ``infonce`` ([C] 2.3) or ``sigmoid`` (SigLIP, arXiv 2303.15343), which does better in
            batches below some 16,000.
        initial_logit_scale: Where the logit_scale starts, in log space; when not given as published
            for the loss ([C] 2.5: ln(1/0.07); ln 10 for the sigmoid loss). Adam moves it by at most
            the learning rate an update, so a run of a thousand updates never reaches the scale it
            needs: start those higher (our choice).
        vision_position_std: Standard deviation of the image tower's initial position embeddings;
            None is that of the released code, dim^-1/2 [Q]. Patches arrive several times as large:
            a short run that has to learn left from right starts with larger ones (our choice).
        dvae: Folder of an exported dVAE for pictures of CLIP's size; None leaves pictures as they
            are. It stays frozen and outside this module: neither optimiser nor EMA nor checkpoint
            holds its weights.
        dvae_share: Share of the training pictures that pass through it.
        start: Folder of an exported CLIP to start from, of the same sizes; its tokenizer may be
            another one, see :func:`start_from`. None starts from noise.
        seed: Seed of the initial weights, and of what passes through the dVAE.

    Raises:
        ValueError: The initial logit_scale is above its bound, ln 100, or the standard deviation
            or the share is none.
    """

    def __init__(
        self,
        config: ClipConfig | dict[str, Any],
        optimizer: OptimizerConfig | dict[str, Any] = OPTIMIZER,
        loss: Loss = "infonce",
        initial_logit_scale: float | None = None,
        vision_position_std: float | None = None,
        dvae: str | None = None,
        dvae_share: float = 0.5,
        start: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if loss not in get_args(Loss):
            raise ValueError(f"loss must be {' or '.join(get_args(Loss))}, got {loss!r}")
        if initial_logit_scale is None:
            initial_logit_scale = INITIAL_SCALE if loss == "sigmoid" else INITIAL_LOGIT_SCALE
        if initial_logit_scale > MAX_LOGIT_SCALE:
            raise ValueError(
                f"initial_logit_scale is {initial_logit_scale}, the bound is ln 100 = 4.605"
            )
        if vision_position_std is not None and vision_position_std <= 0:
            raise ValueError(f"vision_position_std must be above 0, got {vision_position_std}")
        if not 0 < dvae_share <= 1:
            raise ValueError(f"dvae_share must be in (0, 1], got {dvae_share}")
        self.config = as_config(ClipConfig, config)
        self.optimizer_config = as_config(OptimizerConfig, optimizer)
        self.dvae_folder, self.dvae_share, self.seed = dvae, dvae_share, seed
        self.start, self.loss = start, loss
        self.save_hyperparameters()
        self.save_hyperparameters(
            {"config": plain(self.config), "optimizer": plain(self.optimizer_config)}
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = Clip(self.config)
            if vision_position_std is not None:
                nn.init.normal_(_positions(self.net), std=vision_position_std)
        nn.init.constant_(self.net.logit_scale, initial_logit_scale)
        if loss == "sigmoid":
            self.logit_bias = nn.Parameter(torch.tensor(INITIAL_BIAS))
        self._frozen: list[DiscreteVAE] = []  # a list, so that the dVAE is no submodule

    def forward(self, images: Tensor, text_tokens: Tensor) -> ClipOutput:
        """Encode pairs; see :meth:`Clip.forward`."""
        output: ClipOutput = self.net(images, text_tokens)
        return output

    def setup(self, stage: str) -> None:
        """Take the weights to start from, and load the frozen dVAE, before training.

        Raises:
            FileNotFoundError: There is no CLIP or no dVAE in its folder.
            ValueError: The CLIP is of other sizes, or the dVAE reads pictures of another size.
        """
        tokenizer = tokenizer_of(self)
        if tokenizer is not None:
            check_clip_tokenizer(tokenizer, self.config)
        if self.start is not None and is_fitted(self):
            start_from(self.net, self.start, tokenizer)
        if stage != "fit" or self.dvae_folder is None or self._frozen:
            return
        dvae = load_model(self.dvae_folder, kind="dvae")
        own, read = self.config.image_size, dvae.config.image_size
        if own != read:
            raise ValueError(
                f"CLIP reads pictures of {own}×{own}, the dVAE at {self.dvae_folder} of "
                f"{read}×{read}: give one for the same size, or leave model.dvae out"
            )
        self._frozen.append(dvae)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss of the rows of all processes."""
        output: ClipOutput = self(self._as_decoded(batch), batch["text_tokens"])
        loss = self._loss(output, batch.get("group_ids", batch.get("index")))
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/logit_scale", output.logit_scale.detach())
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log loss and matches among the batch of this process."""
        self._evaluate(batch, "val")

    def test_step(self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Log the same for the test splits."""
        self._evaluate(batch, "test")

    def configure_optimizers(self) -> Any:
        """Optimise as the settings say; the learning rate is a function of the update."""
        return build_optimizer(
            self, self.optimizer_config, int(self.trainer.estimated_stepping_batches)
        )

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update, then clamp logit_scale to ln 100 ([C] 2.5), before any average sees it."""
        super().optimizer_step(*args, **kwargs)
        with torch.no_grad():
            self.net.logit_scale.clamp_(max=MAX_LOGIT_SCALE)

    @torch.no_grad()
    def _as_decoded(self, batch: dict[str, Any]) -> Tensor:
        """The batch's pictures, ``b 3 h w``, some of them as the dVAE decodes them."""
        images: Tensor = batch["images"]
        if not self._frozen:
            return images
        draws = uniform_noise(self.seed, self.global_step, batch["index"])
        chosen = (draws < self.dvae_share).nonzero()[:, 0]
        if not len(chosen):
            return images
        dvae = self._frozen[0].to(images.device)
        decoded = dvae.decode(dvae.encode(images[chosen]))
        return images.index_copy(0, chosen, decoded.to(images.dtype))

    def _loss(self, output: ClipOutput, group_ids: Tensor | None, *, gather: bool = True) -> Tensor:
        if self.loss == "sigmoid":
            return sigmoid_loss(*output, self.logit_bias, group_ids, gather=gather)
        return contrastive_loss(*output, group_ids, gather=gather)

    def _chance_level(self, rows: int) -> float:
        return sigmoid_chance_level(rows) if self.loss == "sigmoid" else chance_level(rows)

    def _evaluate(self, batch: dict[str, Any], stage: str) -> None:
        output: ClipOutput = self(batch["images"], batch["text_tokens"])
        rows, group_ids = len(output.image_features), batch.get("group_ids")
        found = matches(output.image_features, output.text_features, group_ids)
        scores = {
            f"{stage}/loss": self._loss(output, group_ids, gather=False),
            f"{stage}/top1": found.float().mean(),
            f"{stage}/chance": torch.tensor(self._chance_level(rows)),
        }
        self.log_dict(scores, prog_bar=True, sync_dist=True, batch_size=rows)


def _positions(net: Clip) -> Tensor:
    """Image positions of a ViT, which a ResNet tower does not start from."""
    if not isinstance(net.vision, VisionTransformer):
        raise ValueError("vision_position_std is of a ViT's positions: leave it out for a ResNet")
    return net.vision.position_embedding

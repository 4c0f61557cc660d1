"""CLIP on any data set, while it learns: zero-shot accuracy and retrieval."""

from typing import Any, Literal, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from lit_dalle.callbacks.binding import EncodingModule
from lit_dalle.callbacks.drawing import prior_tokenizer
from lit_dalle.callbacks.rhythm import EveryNthValidation
from lit_dalle.evaluation.zero_shot.captioned import (
    Captioned,
    CaptionSpec,
    load_captioned,
    measure_retrieval,
)
from lit_dalle.evaluation.zero_shot.labelled import DataSpec, Labelled, load_labelled
from lit_dalle.evaluation.zero_shot.measure import Reader, measure


class ZeroShotLogger(EveryNthValidation):
    """Classifies and searches a data set at validation, as ``zero-shot`` and ``retrieval`` do.

    Logs ``val/zero_shot/NAME/top1``, ``top5`` and ``recall``, and with captions
    ``val/retrieval/NAME/image-to-text/R@1`` and so on, of the same functions as the commands. The
    net is looked at before the first validation batch, when averaged weights are in place. Every
    process measures all of it.
    """

    def __init__(
        self,
        data: str,
        name: str,
        split: str = "test",
        image_column: str = "image",
        label_column: str | None = "label",
        where: dict[str, str] | None = None,
        classes: str | None = None,
        only_classes: bool = False,
        templates: str | None = None,
        by: Literal["name", "description"] = "name",
        caption_column: str | None = None,
        limit: int | None = None,
        batch_size: int = 64,
        every_n_validations: int = 1,
    ) -> None:
        """Take the settings.

        Args:
            data: A folder, a parquet file or pattern, or a name on the hub.
            name: What the data set is called in the log.
            split: Its own name of the split.
            image_column: Column of the pictures.
            label_column: Column of the labels; None classifies nothing.
            where: Column and the value that its rows must have there; others are left out.
            classes: Class file; by default the data set's own names.
            only_classes: Leave out rows whose label the class file does not name.
            templates: Published set or file of templates; by default those of the data set.
            by: What a class is named by: its name, or the descriptions in the class file.
            caption_column: Column of the captions; None searches nothing.
            limit: The first so many rows only.
            batch_size: Pictures encoded together.
            every_n_validations: Measure at every n-th validation, beginning with the first.

        Raises:
            ValueError: Neither labels nor captions, or a count below 1.
        """
        if label_column is None and caption_column is None:
            raise ValueError(f"{name} is measured by labels or captions: name a column of either")
        if min(batch_size, every_n_validations) < 1:
            raise ValueError(
                "batch_size and every_n_validations must be at least 1, "
                f"got {batch_size} and {every_n_validations}"
            )
        place: dict[str, Any] = {
            "data": data,
            "split": split,
            "image_column": image_column,
            "where": where,
            "limit": limit,
        }
        super().__init__(every_n_validations)
        self.name, self.described = name, by == "description"
        self.labels = self.captions = None
        if label_column is not None:
            self.labels = DataSpec(
                **place,
                label_column=label_column,
                classes=classes,
                only_classes=only_classes,
                templates=templates,
            )
        if caption_column is not None:
            self.captions = CaptionSpec(**place, caption_column=caption_column)
        self.batch_size = batch_size
        self._labelled: Labelled | None = None
        self._captioned: Captioned | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Load the data set.

        Raises:
            FileNotFoundError: There is no such data set or file.
            ValueError: The training has no tokenizer, or the data set lacks what is asked of it.
        """
        prior_tokenizer(trainer)
        if self.labels is not None and self._labelled is None:
            self._labelled = load_labelled(self.labels)
        if self.captions is not None and self._captioned is None:
            self._captioned = load_captioned(self.captions)

    def at_validation(self, trainer: Trainer, pl_module: LightningModule, batch: Any) -> None:
        """Measure, in training alone."""
        if trainer.state.fn == "fit":
            with torch.no_grad(), trainer.precision_plugin.val_step_context():
                scores = self._scores(_reader(trainer, pl_module))
            pl_module.log_dict(scores, batch_size=1, sync_dist=True)

    @property
    def state_key(self) -> str:
        """One of its own for each data set, so that a training can watch several."""
        return self._generate_state_key(name=self.name)

    def _scores(self, reader: Reader) -> dict[str, float]:
        found: dict[str, float] = {}
        if self._labelled is not None:
            measured = measure(
                reader, self._labelled, described=self.described, batch_size=self.batch_size
            )
            named = measured.accuracy
            for metric, one in (
                ("top1", named.top1),
                ("top5", named.top5),
                ("recall", named.recall),
            ):
                found[f"val/zero_shot/{self.name}/{metric}"] = one.value
        if self._captioned is not None:
            for recall in measure_retrieval(reader, self._captioned, batch_size=self.batch_size):
                place = f"val/retrieval/{self.name}/{recall.direction}/R@{recall.cut}"
                found[place] = recall.share.value
        return found


def _reader(trainer: Trainer, pl_module: LightningModule) -> Reader:
    """The CLIP in training, on its device."""
    clip, tokenizer = cast(EncodingModule, pl_module).net, prior_tokenizer(trainer)
    device = pl_module.device

    def encode_text(captions: list[str]) -> Tensor:
        return clip.encode_text(tokenizer.encode(captions, long="truncate").to(device))

    return Reader(
        lambda images: clip.encode_image(images.to(device)), encode_text, clip.config.image_size
    )

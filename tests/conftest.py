"""Nets of a few thousand weights that fit each other, their tokenizers and training runs.

Libraries are imported inside the fixtures, so that a test pays only for what it uses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(1)  # on a busy machine the threads of tiny products wait for one another

CAPTIONS = ("a red circle", "a blue square", "two green stars left of a red circle")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    if torch.cuda.is_available():
        return
    for item in items:
        if "cuda" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@dataclass
class TinyNets:
    """dVAE 16×16 pixels to 4×4 tokens of 12 codes; prior and CLIP that go with it."""

    dvae: Any
    prior: Any
    clip: Any
    prior_tokenizer: Any
    clip_tokenizer: Any

    def pipeline(self) -> Any:
        from lit_dalle.generation.pipeline import DallePipeline

        return DallePipeline(
            self.dvae, self.prior, self.clip, self.prior_tokenizer, self.clip_tokenizer
        )


@dataclass
class TinyRun:
    """A module that is ready for training, and its data."""

    module: Any
    data: Any

    def fit(self, folder: Path, callbacks: Sequence[Any], **settings: Any) -> Any:
        """Train for four updates; ``ckpt_path`` resumes, the rest goes to the Trainer."""
        from lightning.pytorch import Trainer

        defaults = {
            "accelerator": "cpu",
            "default_root_dir": folder,
            "max_epochs": 1,
            "num_sanity_val_steps": 0,
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        }
        checkpoint = settings.pop("ckpt_path", None)
        trainer = Trainer(callbacks=list(callbacks), **(defaults | settings))
        trainer.fit(self.module, datamodule=self.data, ckpt_path=checkpoint)
        return trainer


@pytest.fixture
def tiny_nets() -> TinyNets:
    from lit_dalle.data.tokenizer import EOS_ID, CaptionTokenizer
    from lit_dalle.models.clip import Clip
    from lit_dalle.models.clip_config import ClipConfig
    from lit_dalle.models.dalle import Dalle
    from lit_dalle.models.dalle_config import DalleConfig
    from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

    dvae = DiscreteVAEConfig(
        image_size=16, codebook_size=12, codebook_dim=4, hidden=4, widths=(1, 2, 2)
    )
    prior = DalleConfig(
        text_vocab_size=280,
        codebook_size=12,
        text_len=12,
        image_grid=4,
        dim=16,
        depth=3,
        heads=2,
        conv_kernel=3,
    )
    clip = ClipConfig(
        image_size=16,
        patch_size=8,
        embed_dim=8,
        vision_dim=16,
        vision_depth=1,
        vision_heads=2,
        text_vocab_size=280,
        text_len=16,
        eos_id=EOS_ID,
        text_dim=16,
        text_depth=1,
        text_heads=2,
    )
    vocabulary = CaptionTokenizer.train(CAPTIONS, 280)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TinyNets(
            DiscreteVAE(dvae).eval(),
            Dalle(prior).eval(),
            Clip(clip).eval(),
            vocabulary.framed(12, append_eos=False),
            vocabulary.framed(16, append_eos=True),
        )


@pytest.fixture
def tiny_runs(tiny_nets: TinyNets, tmp_path: Path) -> dict[str, TinyRun]:
    """A run for each kind of net, at a learning rate that changes the weights much."""
    from lit_dalle.functional.schedules import Schedule
    from lit_dalle.generation.export import save_model
    from lit_dalle.training.clip import LitClip
    from lit_dalle.training.dalle import LitDalle
    from lit_dalle.training.dvae import LitDiscreteVAE
    from lit_dalle.training.optimization import OptimizerConfig

    folder = tmp_path / "dvae-of-the-prior"
    save_model(tiny_nets.dvae, folder)
    optimizer = OptimizerConfig(lr=Schedule(start=0.05, end=0.05))
    prior = LitDalle(tiny_nets.prior.config, optimizer, dvae=str(folder))
    return {
        "dvae": TinyRun(LitDiscreteVAE(tiny_nets.dvae.config, optimizer), tiny_data(None)),
        "dalle": TinyRun(prior, tiny_data(tiny_nets.prior_tokenizer)),
        "clip": TinyRun(
            LitClip(tiny_nets.clip.config, optimizer), tiny_data(tiny_nets.clip_tokenizer)
        ),
    }


def tiny_data(tokenizer: Any) -> Any:
    """Random pictures with captions, and the state that our data module leaves in a checkpoint."""
    from lightning.pytorch import LightningDataModule
    from torch.utils.data import DataLoader

    class TinyData(LightningDataModule):
        def __init__(self) -> None:
            super().__init__()
            self.tokenizer = tokenizer

        def batches(self) -> DataLoader[Any]:
            generator = torch.Generator().manual_seed(0)
            rows: dict[str, Any] = {
                "images": torch.rand(4, 3, 16, 16, generator=generator),
                "image_tokens": torch.randint(0, 12, (4, 16), generator=generator),
                "index": torch.arange(4),
            }
            if tokenizer is not None:
                rows["captions"] = ["a red star", "a blue star", "a green star", "two stars"]
                rows["text_tokens"] = tokenizer.encode(rows["captions"])
            return DataLoader([rows] * 4, batch_size=None)

        train_dataloader = batches
        val_dataloader = batches

        def state_dict(self) -> dict[str, Any]:
            if tokenizer is None:
                return {}
            return {"tokenizer": tokenizer.to_json(), "words": tokenizer.words}

    return TinyData()

"""Zero-shot speed, against a plain loop of Hugging Face transformers on the same weights.

    python benchmarks/zero_shot.py --out results/zero-shot-speed.json

ViT-B/32 with random weights, or ``--model`` (a folder in Hugging Face's form). Both read the same
JPEG pictures from the same parquet file in batches of 64, resize, crop and encode them, and compare
them with class embeddings that were made once. The plain loop is what a user writes: the processor,
``get_image_features``, a product. They are timed in turns; ``agreement`` is the share of pictures
with the same nearest class. ``--quick`` takes 128 pictures.
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Features, Image, load_dataset
from peers.loading import PeerMissing
from PIL import Image as Pictures
from rich.console import Console
from speed.clock import in_turns, median
from torch import Tensor

from lit_dalle.cli.clips import reader_of
from lit_dalle.cli.main import keep_freed_memory
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.evaluation.zero_shot.labelled import DataSpec, Labelled, load_labelled
from lit_dalle.evaluation.zero_shot.scoring import class_embeddings, rank_classes
from lit_dalle.generation.clips import LoadedClip, load_clip
from lit_dalle.interop.clip_forms import write_clip
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

CLASSES = tuple(f"thing number {number}" for number in range(100))
TEMPLATES = ("a photo of a {}.",)
BATCH = 64
Classify = Callable[[], Tensor]
"""Returns the nearest class of every picture."""


@dataclass(frozen=True)
class Place:
    """What both sides read."""

    model: Path
    pictures: Path
    labelled: Labelled


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    torch.manual_seed(options.seed)
    count = options.pictures or (128 if options.quick else 512)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        place = lay_out(Path(folder), options.model, count, options.seed)
        embeddings = _embeddings(load_clip(place.model))
        calls: dict[str, Classify] = {
            "transformers": plain_loop(place, embeddings),
            "float32": ours(place, embeddings, torch.float32),
            "bfloat16": ours(place, embeddings, torch.bfloat16),
        }
        nearest = {name: call() for name, call in calls.items()}  # which warms them too
        console = Console(stderr=True)
        console.print(f"timing {len(place.labelled)} pictures in turns …")
        seconds = in_turns(dict(calls), "cpu", seconds=options.seconds)
        results = ResultFile("zero_shot", _facts(options, place))
        add_rows(results, seconds, nearest)
    Console().print(results.table())
    if options.out is not None:
        results.write(options.out)


def lay_out(folder: Path, model: Path | None, count: int, seed: int) -> Place:
    """Write the pictures and, unless there is one, a random ViT-B/32 in Hugging Face's form."""
    rng = np.random.default_rng(seed)
    rows = [
        {"image": {"bytes": _jpeg(rng), "path": None}, "label": number % len(CLASSES)}
        for number in range(count)
    ]
    features = Features({"image": Image(), "label": ClassLabel(names=list(CLASSES))})
    Dataset.from_list(rows, features=features).to_parquet(folder / "pictures.parquet")
    if model is None:
        model = folder / "model"
        config = ClipConfig(text_vocab_size=1024, eos_id=2)
        letters = CaptionTokenizer.train(CLASSES, 280).framed(config.text_len, append_eos=True)
        model.mkdir()
        write_clip(Clip(config).eval(), letters, model, "huggingface")
    labelled = load_labelled(DataSpec(data=str(folder / "pictures.parquet")))
    return Place(model, folder / "pictures.parquet", labelled)


def _jpeg(rng: np.random.Generator) -> bytes:
    """A smooth picture of 500×375 pixels, as photographs of test sets are."""
    small = Pictures.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize((500, 375), Pictures.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def _embeddings(clip: LoadedClip) -> Tensor:
    encode = reader_of(clip.net, clip.tokenizer).encode_text
    return class_embeddings([[name] for name in CLASSES], TEMPLATES, encode)


def plain_loop(place: Place, embeddings: Tensor) -> Classify:
    """The loop that a user of transformers writes.

    Raises:
        PeerMissing: transformers is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise PeerMissing("transformers") from error
    model = transformers.CLIPModel.from_pretrained(place.model).eval()
    processor = transformers.CLIPImageProcessorPil.from_pretrained(place.model)
    rows = load_dataset("parquet", data_files=str(place.pictures), split="train")

    def classify() -> Tensor:
        found = []
        for batch in rows.iter(batch_size=BATCH):
            inputs: Any = processor(images=batch["image"], return_tensors="pt")
            features: Any = model.get_image_features(**inputs)
            features = getattr(features, "pooler_output", features)
            features = features / features.norm(dim=-1, keepdim=True)
            found.append((features @ embeddings.T).argmax(dim=-1))
        return torch.cat(found)

    return classify


def ours(place: Place, embeddings: Tensor, dtype: torch.dtype) -> Classify:
    """What ``lit-dalle zero-shot`` does after the class embeddings."""
    clip = load_clip(place.model, dtype=dtype)
    reader = reader_of(clip.net, clip.tokenizer)

    def classify() -> Tensor:
        batches = place.labelled.batches(reader.image_size, BATCH)
        return rank_classes(batches, reader.encode_image, embeddings).classes[:, 0]

    return classify


def add_rows(
    results: ResultFile, seconds: dict[str, list[float]], nearest: dict[str, Tensor]
) -> None:
    """Add the rates, their ratios to the peer's, and the agreement."""
    count = len(nearest["float32"])
    for name, taken in seconds.items():
        peer = name == "transformers"
        case = {"who": name if peer else "lit_dalle", "precision": "float32" if peer else name}
        case |= {"batch": BATCH}
        rates = sorted(count / one for one in taken)
        value = count / median(taken)
        results.row(case, "pictures_per_s", value, rates[0], rates[-1], unit="pictures/s")
        if not peer:
            paired = [b / a for a, b in zip(taken, seconds["transformers"], strict=True)]
            results.row(case, "ratio_to_peer", median(paired), min(paired), max(paired))
            same = (nearest[name] == nearest["transformers"]).double().mean()
            results.row(case, "agreement", float(same))


def _facts(options: argparse.Namespace, place: Place) -> dict[str, Any]:
    import transformers

    return setting(seed=options.seed, precision="float32 and bfloat16") | {
        "model": "ViT-B/32, random weights" if options.model is None else options.model.name,
        "pictures": len(place.labelled),
        "picture_size": "500x375 JPEG",
        "classes": len(CLASSES),
        "peer": f"transformers {transformers.__version__}, CLIPImageProcessorPil",
        "intervals": "of rates and ratios: smallest and largest of the rounds",
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="folder of a CLIP in Hugging Face's form")
    parser.add_argument("--pictures", type=int, help="how many (default 512)")
    parser.add_argument("--seconds", type=float, default=120, help="spent on timing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="128 pictures")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    keep_freed_memory()
    main()

import json
import subprocess
import sys
from pathlib import Path

import torch

from lit_dalle.data.tokenizer import EOS_ID, CaptionTokenizer
from lit_dalle.data.world import FAMILIES, WORLD_VERSION
from lit_dalle.generation.export import folder_hash, save_model
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "caption_matching.py"


def test_the_benchmark_writes_a_row_for_each_family_and_split(tmp_path: Path) -> None:
    config = ClipConfig(
        image_size=32,
        patch_size=16,
        embed_dim=8,
        vision_dim=16,
        vision_depth=1,
        vision_heads=2,
        text_vocab_size=300,
        text_len=160,
        eos_id=EOS_ID,
        text_dim=16,
        text_depth=1,
        text_heads=2,
    )
    torch.manual_seed(0)
    tokenizer = CaptionTokenizer.train(["one red star"], 280).framed(160, append_eos=True)
    save_model(Clip(config), tmp_path / "clip", tokenizer=tokenizer)
    arguments = ["--clip", tmp_path / "clip", "--trials", "2", "--candidates", "3"]
    ran = subprocess.run(
        [sys.executable, SCRIPT, *arguments, "--out", tmp_path / "results.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["setting"]["clip"] == folder_hash(tmp_path / "clip")
    assert found["setting"]["world"] == WORLD_VERSION
    cases = [(row["case"]["split"], row["case"]["family"]) for row in found["rows"]]
    families = [*FAMILIES, "all"]
    assert cases == [(split, family) for split in ("test", "held_out") for family in families]
    assert all(row["low"] <= row["value"] <= row["high"] for row in found["rows"])

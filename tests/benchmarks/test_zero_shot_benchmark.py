import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.interop.clip_forms import write_clip
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "zero_shot.py"


def test_it_times_both_on_the_same_weights(tmp_path):
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"image_size": 32, "patch_size": 8, "embed_dim": 16, "vision_depth": 1}
    sizes |= {"vision_dim": 64, "vision_heads": 1, "text_dim": 16, "text_heads": 1, "text_depth": 1}
    config = ClipConfig(**sizes, text_vocab_size=300, text_len=40, eos_id=2)
    letters = CaptionTokenizer.train(["a thing"], 280).framed(40, append_eos=True)
    (tmp_path / "model").mkdir()
    write_clip(Clip(config).eval(), letters, tmp_path / "model", "huggingface")
    options = ["--model", tmp_path / "model", "--pictures", "70", "--seconds", "0"]
    command = [sys.executable, SCRIPT, *options, "--out", tmp_path / "x.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "x.json").read_text())
    assert result["setting"]["pictures"] == 70
    rows = {(row["case"]["precision"], row["metric"]): row["value"] for row in result["rows"]}
    assert rows["float32", "agreement"] == 1
    assert rows["bfloat16", "agreement"] > 0.5
    assert rows["float32", "pictures_per_s"] > 0
    assert rows["float32", "ratio_to_peer"] > 0

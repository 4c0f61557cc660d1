import json
import subprocess
import sys
from pathlib import Path

import torch

from lit_dalle.data.tokenizer import EOS_ID, CaptionTokenizer
from lit_dalle.data.world import FAMILIES, WORLD_VERSION
from lit_dalle.evaluation.binding.tests import KINDS, REARRANGED
from lit_dalle.generation.export import folder_hash, save_model
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "binding.py"


def test_the_benchmark_writes_rows_for_each_form_family_and_split(tmp_path: Path) -> None:
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
    arguments = ["--clip", tmp_path / "clip", "--pairs", "2", "--out", tmp_path / "results.json"]
    ran = subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["setting"]["clip"] == folder_hash(tmp_path / "clip")
    assert found["setting"]["world"] == WORLD_VERSION
    chance = [row for row in found["rows"] if row["case"].get("row") == "chance"]
    assert [row["value"] for row in chance] == [0.25, 0.25, 1 / 6, 0.5, 0.5, 0.5]
    measured = [row for row in found["rows"] if "row" not in row["case"]]
    assert all(row["low"] <= row["value"] <= row["high"] for row in measured)
    families = [row for row in measured if "change" not in row["case"]]
    for split in ("iid", "held-out"):
        pairs = [row for row in families if row["case"]["split"] == split]
        for metric in ("text score", "image score", "group score"):
            rows = [row["case"] for row in pairs if row["metric"] == metric]
            assert [case["family"] for case in rows] == [*REARRANGED, "all"]
            assert {case["form"] for case in rows} == {"winoground"}
        for kind, (_, able) in KINDS.items():
            rows = [row for row in pairs if row["case"].get("kind") == kind]
            assert [row["case"]["family"] for row in rows] == [*able, "all"]
            assert {row["metric"] for row in rows} == {"accuracy"}
    assert KINDS["replace"][1] == FAMILIES

import json
import subprocess
import sys
from pathlib import Path

import torch

from lit_dalle.data.world import FAMILIES
from lit_dalle.generation.export import save_model
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "reconstruction.py"


def test_it_prints_a_table_and_writes_the_result_file(tmp_path):
    torch.manual_seed(0)
    shape = DiscreteVAEConfig(
        64, codebook_size=12, codebook_dim=4, hidden=4, widths=(1, 2), patch=4
    )
    save_model(DiscreteVAE(shape), tmp_path / "dvae")
    options = [
        "--dvae",
        str(tmp_path / "dvae"),
        "--pictures",
        "18",
        "--out",
        str(tmp_path / "x.json"),
    ]
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "held_out" in done.stdout
    result = json.loads((tmp_path / "x.json").read_text())
    assert result["setting"]["pictures_per_split"] == 18
    psnr = [row for row in result["rows"] if row["metric"] == "psnr"]
    assert len(psnr) == 2 * (1 + len(FAMILIES))
    assert all(row["low"] < row["value"] < row["high"] and row["unit"] == "dB" for row in psnr)
    shares = [row["value"] for row in result["rows"] if row["metric"] == "codebook_usage"]
    assert len(shares) == 2
    assert all(0 < share <= 1 for share in shares)

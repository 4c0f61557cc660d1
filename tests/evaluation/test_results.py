import json
import sys

import pytest

from lit_dalle.evaluation import results


def test_a_file_has_the_form_that_all_benchmarks_share(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [f"{tmp_path}/speed.py", "--out", f"{tmp_path}/x.json"])
    file = results.ResultFile("speed", results.setting(seed=3, precision="float32"))
    file.row({"split": "test", "family": "all"}, "psnr", 26.5, 26.1, 26.9, unit="dB")
    file.row({"split": "test"}, "usage", 0.5)
    file.write(tmp_path / "new" / "x.json")
    read = json.loads((tmp_path / "new" / "x.json").read_text())
    assert list(read) == ["benchmark", "setting", "rows"]
    assert {"commit", "hardware", "versions", "precision", "seed", "command"} <= set(
        read["setting"]
    )
    assert read["setting"]["command"] == "python benchmarks/speed.py --out x.json"
    assert read["rows"] == [
        {
            "case": {"split": "test", "family": "all"},
            "metric": "psnr",
            "value": 26.5,
            "low": 26.1,
            "high": 26.9,
            "unit": "dB",
        },
        {"case": {"split": "test"}, "metric": "usage", "value": 0.5, "unit": ""},
    ]
    assert file.table().row_count == 2


def test_no_folder_of_this_machine_gets_into_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["results.py", f"--dvae={tmp_path}/net", str(tmp_path)])
    text = json.dumps(results.setting(seed=0, precision="float32"))
    assert str(tmp_path.parent) not in text


def test_a_number_that_is_none_leaves_no_file(tmp_path):
    file = results.ResultFile("speed", {})
    with pytest.raises(ValueError, match=r"usage of .* is not finite"):
        file.row({"split": "test"}, "usage", float("nan"))
    file.rows.append({"value": float("inf")})
    with pytest.raises(ValueError, match="JSON compliant"):
        file.write(tmp_path / "x.json")
    assert not list(tmp_path.iterdir())

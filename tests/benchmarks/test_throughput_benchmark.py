import importlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def run_benchmark(tmp_path, *options):
    """Run it as if DALLE-pytorch were not installed."""
    (tmp_path / "dalle_pytorch.py").write_text("raise ModuleNotFoundError('dalle_pytorch')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    out = tmp_path / "results.json"
    arguments = ["--sizes", "XS", "--quick", *options, "--out", str(out)]
    ran = subprocess.run(
        [sys.executable, BENCHMARKS / "throughput.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(out.read_text()), ran


def values(rows, metric, **case):
    return [
        row["value"]
        for row in rows
        if row["metric"] == metric and case.items() <= row["case"].items()
    ]


def test_every_measurement_writes_its_rows_and_absent_peers_are_named(tmp_path):
    picture = tmp_path / "speed.png"
    plot = ["--plot", str(picture)] if find_spec("matplotlib") else []
    found, ran = run_benchmark(tmp_path, "--one-process", *plot)
    rows = found["rows"]
    assert found["benchmark"] == "throughput"
    assert found["setting"]["precision"] == "bfloat16"
    assert found["setting"]["command"].startswith("python benchmarks/throughput.py --sizes XS")
    assert all(row["value"] > 0 for row in rows if row["metric"] != "loader_wait_share")
    for attention in ("published", "causal"):
        assert len(values(rows, "training_tokens_per_s", attention=attention)) == 1
        for rate in ("best", "occurring"):
            assert len(values(rows, "roofline_fraction", attention=attention, rate=rate)) == 4
        for candidates in (1, 4, 8):
            case = {"what": "sampling", "attention": attention, "candidates": candidates}
            assert len(values(rows, "sampling_tokens_per_s", **case, positions=64)) == 1
    expected = {
        "position_cost_ratio": 1,
        "shared_prefix_speedup": 1,
        "teacher_forced_agreement": 1,
        "generate_seconds": 4,
        "pictures_per_s": 2,
        "speedup_over_dense_mask": 10,
        "loader_wait_share": 1,
        "read_bandwidth": 1,
    }
    assert {metric: len(values(rows, metric)) for metric in expected} == expected
    peers = {row["case"].get("peer", "").partition(" ")[0] for row in rows}
    assert peers == ({"", "transformers"} if find_spec("transformers") else {""})
    assert "dalle-pytorch 1.6.6 is not installed (pip install --no-deps -r" in ran.stderr
    assert not plot or picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks come from proc(5)")
def test_a_process_of_its_own_tells_peak_memory(tmp_path):
    found, _ = run_benchmark(tmp_path, "--only", "dvae")
    megabytes = values(found["rows"], "peak_memory", what="dvae", size="XS")
    assert len(megabytes) == 1
    assert 0.5 < megabytes[0] < 500


def test_stand_ins_leave_the_modules_as_they_were(module):
    loading = module("peers.loading")
    before = dict(sys.modules)
    wanted = {"torch": {}, "no_such_module": {"name": 3}, "no_such_module.inner": {"other": 4}}
    with loading.stand_ins(wanted):
        from no_such_module import name
        from no_such_module.inner import other

        assert (name, other) == (3, 4)
        assert sys.modules["torch"] is torch
    assert sys.modules == before


def test_an_absent_peer_is_told_from_a_broken_one(module, monkeypatch):
    peer = module("peers.dalle_pytorch_peer")
    loading = module("peers.loading")
    monkeypatch.setitem(sys.modules, "dalle_pytorch", None)
    with pytest.raises(loading.PeerMissing, match=r"1\.6\.6 is not installed .*--no-deps"):
        peer.load()


def test_the_peer_trains_and_samples_in_every_form(module):
    pytest.importorskip("rotary_embedding_torch")
    peer, sizes = module("peers.dalle_pytorch_peer"), module("speed.sizes")
    config = sizes.XS.dalle
    text = torch.randint(2, config.text_vocab_size, (1, config.text_len))
    image = torch.randint(config.codebook_size, (1, config.image_len))
    for form in peer.ATTENTION_FORMS:
        loss = peer.training_loss(peer.build(config, form), text, image)()
        assert 2 < loss.item() < 7
    for form in peer.FORMS:
        positions, seconds = peer.sample(config, form, text, 60, "cpu")
        whole = config.image_len
        assert positions == (
            whole if form.cached else sum(range(whole // 8, whole + 1, whole // 8))
        )
        assert seconds > 0
    assert peer.sample(config, peer.FORMS[0], text, 0, "cpu")[0] == peer.SEGMENTS


def test_agreement_counts_up_to_the_first_difference(module):
    prefix = module("speed.prefix")
    first = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]])
    second = torch.tensor([[1, 2, 3, 4], [1, 9, 3, 4], [9, 2, 3, 4]])
    assert prefix.agreement(first, second) == 5 / (4 + 2 + 1)


def test_intervals_of_a_median_hold_enough_order_statistics(module):
    clock = module("speed.clock")
    assert clock.median_interval([1, 2, 3, 4, 5]) == (None, None)
    assert clock.median_interval([3, 1, 2, 4, 6, 5]) == (1, 6)
    assert clock.median_interval(list(range(20))) == (5, 14)
    assert clock.median([4, 1, 3]) == 3


def test_windows_lie_in_the_picture(module):
    positions = module("speed.positions")
    early, late = positions.windows(1024)
    assert (early[0], early[-1], late[0], late[-1]) == (40, 60, 990, 1010)
    for image_len in (64, 256):
        early, late = positions.windows(image_len)
        assert 0 <= early[0] < early[-1] <= late[0] < late[-1] < image_len


def test_a_plot_shows_the_roofline_and_the_peer_before_and_after_mending(module):
    speed_plot = module("speed.plot")
    metric = "sampling_tokens_per_s"
    ours = {"what": "sampling", "size": "S", "attention": "causal", "candidates": 4}
    peer = {"what": "sampling", "size": "S", "peer": "other"}
    shipped, mended = peer | {"peer_form": "as shipped"}, peer | {"peer_form": "mended"}
    rows = [
        {"case": ours, "metric": metric, "value": 50.0},
        {"case": ours | {"rate": "best"}, "metric": "roofline_fraction", "value": 0.5},
        {"case": ours | {"rate": "occurring"}, "metric": "roofline_fraction", "value": 0.8},
        {"case": shipped | {"peer_batch": 1}, "metric": metric, "value": 4.0},
        {"case": shipped | {"peer_batch": 16}, "metric": metric, "value": 3.0},
        {"case": mended, "metric": metric, "value": 5.0},
    ]
    assert speed_plot.bars(rows, metric) == [
        ("S causal × 4", 50.0, 100.0),
        ("S other as shipped", 4.0, None),
        ("S other mended", 5.0, None),
    ]

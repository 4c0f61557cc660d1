import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch
from interop.reference_clip import random_clip

from lit_dalle.interop.archives import StandIn, is_torchscript, read_archive, tensors_of


class Evil:
    """Runs a command where a pickle is read with the standard library."""

    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return os.system, (f"touch {self.flag}",)


def assert_same(found, weights):
    assert set(found) == set(weights)
    for name, value in weights.items():
        assert found[name].dtype == value.dtype, name
        assert torch.equal(found[name], value), name


def test_a_saved_state_is_read_bit_by_bit(tmp_path):
    shared = torch.arange(12.0).view(3, 4)
    weights = OrderedDict(
        half=torch.randn(2, 3).half(),
        brain=torch.randn(2, 3).bfloat16(),
        number=torch.tensor(7),
        transposed=shared.T,
        row=shared[1],
        empty=torch.empty(0, 3),
    )
    torch.save(weights, tmp_path / "a.pt")
    assert_same(tensors_of(read_archive(tmp_path / "a.pt")), weights)


@pytest.mark.filterwarnings("ignore")  # of tracing, whose future is not ours
@pytest.mark.parametrize("stages", [(), (1, 1, 1, 1)])
def test_torchscript_is_read_without_its_code(tmp_path, stages):
    net = random_clip(stages=stages, vision_width=4 if stages else 64).half()
    torch.jit.trace(net.visual, torch.rand(1, 3, 64, 64).half()).save(str(tmp_path / "a.pt"))
    assert is_torchscript(tmp_path / "a.pt")
    read = tensors_of(read_archive(tmp_path / "a.pt", script))
    assert_same(read, net.visual.state_dict())


def script(module, name):
    return StandIn if module.startswith("__torch__") else None


def test_a_malicious_file_is_named_and_nothing_is_run(tmp_path):
    torch.save({"weights": Evil(tmp_path / "flag")}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"a.pt names posix.system, .* nothing of it was run"):
        read_archive(tmp_path / "a.pt", script)
    assert not (tmp_path / "flag").exists()


@pytest.mark.parametrize("kind", ["text", "pickle", "zip", "cut", "gone"])
def test_other_files_are_told_in_one_line(tmp_path, kind):
    path = tmp_path / "a.pt"
    if kind == "text":
        path.write_text("hello")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"a": 1}))
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/readme.txt", "hello")
    elif kind == "cut":
        torch.save({"a": torch.ones(1000)}, path)
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        read_archive(path)
    assert "a.pt" in str(caught.value)
    assert "\n" not in str(caught.value)

"""The commands of docs/own_data.md run tiny, in their order, on a folder of pictures."""

import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from recipes import QUIET, ROOT, lay_out

from lit_dalle.cli.main import main

DOCS = (ROOT / "docs/own_data.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", DOCS, re.S)
    for line in block.splitlines()
    if " configs/folder/" in line or " runs/folder/" in line
]
COLOURS = ("red", "green", "blue", "orange", "purple")


def tiny(command):
    _, *arguments = shlex.split(command)
    if arguments[0] == "fit":
        net = Path(arguments[arguments.index("--config") + 1]).stem
        overlay = f"configs/overlays/tiny-{net}.yaml"
        arguments += ["--config", overlay, "--model.init_args.start=null", *QUIET]
        arguments += ["--model.init_args.decoder_only=false"] if net == "dvae" else []
    elif arguments[0] == "generate":
        arguments += ["--candidates=4", "--keep=2"]
    return arguments


@pytest.mark.filterwarnings("default")
def test_from_a_folder_to_samples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    folder = tmp_path / "my-pictures"
    folder.mkdir()
    with (folder / "metadata.jsonl").open("w") as file:
        for number in range(60):
            colour = COLOURS[number % 5]
            Image.new("RGB", (80, 60), colour).save(folder / f"{number}.png")
            line = {"file_name": f"{number}.png", "text": f"a {colour} motor scooter {number}"}
            file.write(json.dumps(line) + "\n")
    steps = ["fit", "fit", "prepare", "fit", "join", "generate"]
    assert [line.split()[1] for line in COMMANDS] == steps
    for command in COMMANDS:
        main(tiny(command))
    (drawn,) = (tmp_path / "outputs").iterdir()
    assert (drawn / "grid.png").is_file()

"""The house: imports point down, the core imports without extras, and --help is quick."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lit_dalle"
FLOORS = {
    "functional": 0,
    "models": 1,
    "data": 1,
    "interop": 2,  # weights of others
    "generation": 3,
    "evaluation": 4,
    "training": 5,
    "callbacks": 6,
    "cli": 7,
}
STRANGERS = {
    "functional": {"lightning", "datasets", "PIL", "tokenizers", "huggingface_hub", "torchmetrics"},
    "models": {"lightning", "datasets", "PIL", "tokenizers", "huggingface_hub", "torchmetrics"},
    "generation": {"lightning"},
    "evaluation": {"lightning"},
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


def imports(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor_name(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path):
    here = floor_name(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert top not in STRANGERS.get(here, set()), f"{path} imports {name}"
        there = rest.partition(".")[0]
        if top != "lit_dalle" or there not in FLOORS:
            continue
        below = FLOORS[there] < FLOORS[here]
        assert below or there == here, f"{here} must not import {name} ({path.name})"


def test_every_folder_is_a_floor():
    folders = {path.name for path in PACKAGE.iterdir() if any(path.glob("*.py"))}
    assert folders <= set(FLOORS)


def test_no_module_is_a_drawer():
    names = {path.stem for path in FILES}
    assert not names & {"utils", "common", "helpers", "misc"}


def test_overview_imports_no_library():
    code = (
        "import sys; from lit_dalle.cli.main import main; main(['--help']);"
        "heavy = {'torch', 'lightning', 'datasets', 'PIL'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "lit-dalle COMMAND" in result.stdout

import subprocess
import sys

from lit_dalle.data.world import FAMILIES
from lit_dalle.evaluation.grading import GRADERS


def test_every_family_has_a_grader():
    assert tuple(GRADERS) == FAMILIES


def test_nothing_is_drawn_when_graders_are_imported():
    code = (
        "from lit_dalle.data.world.drawing.canvas import Canvas\n"
        "Canvas.__init__ = None\n"
        "import lit_dalle.evaluation.grading\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

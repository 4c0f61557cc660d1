"""What happens beside training: pictures, scores, exports."""

from lit_dalle.callbacks.binding import BindingLogger
from lit_dalle.callbacks.ceiling import CeilingLogger
from lit_dalle.callbacks.clip_score import ClipScoreLogger
from lit_dalle.callbacks.composition import CompositionLogger
from lit_dalle.callbacks.data_report import DataReport
from lit_dalle.callbacks.edits import EditLogger
from lit_dalle.callbacks.export import ExportCallback
from lit_dalle.callbacks.reconstruction import ReconstructionLogger
from lit_dalle.callbacks.samples import SampleLogger
from lit_dalle.callbacks.zero_shot import ZeroShotLogger

__all__ = [
    "BindingLogger",
    "CeilingLogger",
    "ClipScoreLogger",
    "CompositionLogger",
    "DataReport",
    "EditLogger",
    "ExportCallback",
    "ReconstructionLogger",
    "SampleLogger",
    "ZeroShotLogger",
]

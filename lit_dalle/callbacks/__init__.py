"""What happens beside training: pictures, scores, exports."""

from lit_dalle.callbacks.clip_score import ClipScoreLogger
from lit_dalle.callbacks.export import ExportCallback
from lit_dalle.callbacks.reconstruction import ReconstructionLogger
from lit_dalle.callbacks.samples import SampleLogger

__all__ = ["ClipScoreLogger", "ExportCallback", "ReconstructionLogger", "SampleLogger"]

"""The three nets as plain modules: nothing of Lightning, files or data sets."""

from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig

__all__ = ["Dalle", "DalleConfig"]

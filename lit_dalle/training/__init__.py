"""LightningModules: loss, optimiser and logging."""

from lit_dalle.training.classifier import LitClassifier
from lit_dalle.training.clip import LitClip
from lit_dalle.training.dalle import LitDalle
from lit_dalle.training.dvae import LitDiscreteVAE

__all__ = ["LitClassifier", "LitClip", "LitDalle", "LitDiscreteVAE"]

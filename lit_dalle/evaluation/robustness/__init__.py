"""Accuracy where pictures are drawn otherwise than those of the training."""

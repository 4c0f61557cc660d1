"""Names of splits in results."""

SPLIT_OF = {"iid": "test", "held-out": "held_out"}
"""Trained compositions freshly drawn, and compositions never trained: the world's split of each."""

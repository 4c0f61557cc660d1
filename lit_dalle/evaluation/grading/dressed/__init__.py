"""Drawings whose parts have colours of their own: dressed penguins, vegetables, and animals."""

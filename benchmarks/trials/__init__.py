"""Variations of a recipe, trained one after the other: the parts of ``ablations.py``."""

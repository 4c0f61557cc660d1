"""Scores of trained nets: they take callables and plain data, nothing of Lightning."""

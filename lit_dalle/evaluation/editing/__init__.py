"""Repainting measured on the world: what was asked for, all around it, and the seam."""

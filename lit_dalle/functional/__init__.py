"""Pure functions on tensors: torch and einops only."""

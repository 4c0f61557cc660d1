"""Classification and retrieval by a CLIP: zero-shot, by description, and with a few labels."""

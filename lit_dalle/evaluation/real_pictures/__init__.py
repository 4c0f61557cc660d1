"""A pipeline trained on captioned pictures, judged by a CLIP that is not its own."""

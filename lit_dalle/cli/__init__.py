"""Floor 7: the command ``lit-dalle``."""

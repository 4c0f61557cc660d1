"""Emoji: real drawings of four vendors with their Unicode names, built from npm packages."""

from lit_dalle.data.emoji.build import build_emoji, parts
from lit_dalle.data.emoji.catalogue import STYLES
from lit_dalle.data.emoji.packages import PACKAGES

__all__ = ["PACKAGES", "STYLES", "build_emoji", "parts"]

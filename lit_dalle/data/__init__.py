"""Rows and batches: sources, tokenizer, augmentations, the world, and the data module."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_dalle.data.datamodule import ImageTextDataModule
    from lit_dalle.data.mixed import MixedSource
    from lit_dalle.data.sources import Source
    from lit_dalle.data.table_sources import (
        CsvSource,
        FolderSource,
        HubSource,
        ParquetSource,
        WebDatasetSource,
    )
    from lit_dalle.data.tokenizer import CaptionTokenizer
    from lit_dalle.data.world_source import WorldSource

__all__ = [
    "CaptionTokenizer",
    "CsvSource",
    "FolderSource",
    "HubSource",
    "ImageTextDataModule",
    "MixedSource",
    "ParquetSource",
    "Source",
    "WebDatasetSource",
    "WorldSource",
]
_HOMES = {
    "CaptionTokenizer": "tokenizer",
    "CsvSource": "table_sources",
    "FolderSource": "table_sources",
    "HubSource": "table_sources",
    "ImageTextDataModule": "datamodule",
    "MixedSource": "mixed",
    "ParquetSource": "table_sources",
    "Source": "sources",
    "WebDatasetSource": "table_sources",
    "WorldSource": "world_source",
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use: the tokenizer alone needs none of the libraries."""
    if name in _HOMES:
        return getattr(import_module(f"lit_dalle.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'lit_dalle.data' has no attribute {name!r}")

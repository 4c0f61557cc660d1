"""Pictures out of trained nets."""

from lit_dalle.generation.checkpoint import export_checkpoint
from lit_dalle.generation.decode import generate_image_tokens
from lit_dalle.generation.export import (
    folder_hash,
    load_model,
    load_tokenizer,
    save_model,
    tokens_hash,
)
from lit_dalle.generation.joining import join_pipeline
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.result import Generation
from lit_dalle.generation.settings import (
    DrawingSettings,
    EditSettings,
    GenerationSettings,
    PipelineSettings,
)

__all__ = [
    "DallePipeline",
    "DrawingSettings",
    "EditSettings",
    "Generation",
    "GenerationSettings",
    "PipelineSettings",
    "export_checkpoint",
    "folder_hash",
    "generate_image_tokens",
    "join_pipeline",
    "load_model",
    "load_tokenizer",
    "save_model",
    "tokens_hash",
]

"""A CLIP as the two functions that scores of it take."""

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.evaluation.caption_matching import EncodeImage, EncodeText
from lit_dalle.models.clip import Clip, at_size


def clip_encoders(clip: Clip, tokenizer: CaptionTokenizer) -> tuple[EncodeImage, EncodeText]:
    """Return how a CLIP reads pictures of any size, and captions."""
    return (
        lambda images: clip.encode_image(at_size(images, clip.config.image_size)),
        lambda captions: clip.encode_text(tokenizer.encode(captions)),
    )

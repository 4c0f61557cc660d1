"""Other people's weights in and out: CLIP of OpenAI, Hugging Face and open_clip, OpenAI's dVAE."""

"""How many pictures show what their sentence says: prompts, samples, baselines, page."""

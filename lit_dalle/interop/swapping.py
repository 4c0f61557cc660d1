"""[EOS] moved to the highest id, where some readers of CLIP look for it, and back.

transformers reads an ``eos_token_id`` of 2, which is ours, as "the highest id" (its configs of
before 2023 say 2 and mean that). So [EOS] changes places with the highest id on the way out; a note
in ``config.json`` has it change back on the way in.
"""

import json
from typing import Any

from torch import Tensor

ROWS = "text.token_embedding.weight"
Pair = tuple[int, int]


def swapped_weights(weights: dict[str, Tensor], pair: Pair) -> dict[str, Tensor]:
    """Return the weights with two tokens' embeddings in each other's place."""
    rows = weights[ROWS].clone()
    rows[list(pair)] = weights[ROWS][list(reversed(pair))]
    return weights | {ROWS: rows}


def swapped_tokenizer(content: str, pair: Pair) -> str:
    """Return a ``tokenizer.json`` with two tokens at each other's id; an id may be free."""
    state: dict[str, Any] = json.loads(content)
    other = {pair[0]: pair[1], pair[1]: pair[0]}
    vocabulary = state["model"]["vocab"]
    state["model"]["vocab"] = {token: other.get(at, at) for token, at in vocabulary.items()}
    for token in state["added_tokens"]:
        token["id"] = other.get(token["id"], token["id"])
    for part in (state["post_processor"] or {}).get("special_tokens", {}).values():
        part["ids"] = [other.get(at, at) for at in part["ids"]]
    return json.dumps(state, ensure_ascii=False, indent=2)

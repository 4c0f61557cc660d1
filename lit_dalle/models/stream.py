"""The stream that the prior reads: text tokens, then image tokens in some order, as states."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PAD_ID = 0
"""Text token of padding; inside the net it becomes the pad embedding of its position."""


class StreamEmbedding(nn.Module):
    """Embeds the stream: what a token is, where it stands, and what is to be predicted next.

    Text positions have a learned embedding, image positions the sum of a row and a column
    embedding; padding has an embedding for each text position ([P] 2.2). For a prior of any order,
    what predicts an image token also has the row and column embedding, of two further tables, of
    that token's position (double positions, σ-GPT, arXiv 2404.09562).

    Args:
        text_vocab_size: Text tokens.
        text_len: Text positions.
        codebook_size: Image tokens.
        grid: Image tokens along one side of the picture.
        dim: Width of a state.
        any_order: Whether positions to predict are embedded too.
    """

    def __init__(
        self,
        text_vocab_size: int,
        text_len: int,
        codebook_size: int,
        grid: int,
        dim: int,
        *,
        any_order: bool,
    ) -> None:
        super().__init__()
        self.grid, self.any_order = grid, any_order
        self.text = nn.Embedding(text_vocab_size, dim)
        self.pad = nn.Embedding(text_len, dim)
        self.text_position = nn.Embedding(text_len, dim)
        self.image = nn.Embedding(codebook_size, dim)
        self.row = nn.Embedding(grid, dim)
        self.column = nn.Embedding(grid, dim)
        if any_order:
            self.target_row = nn.Embedding(grid, dim)
            self.target_column = nn.Embedding(grid, dim)

    def forward(self, text_tokens: Tensor, stream: Tensor, order: Tensor) -> Tensor:
        """Embed the text and the first image tokens of an order.

        Args:
            text_tokens: int64, ``b t``.
            stream: int64, ``b i``: image tokens in the order, from its first.
            order: int64, ``1 n`` or ``b n`` with n ≥ i: raster positions.

        Returns:
            ``b t+i dim``.
        """
        text, image = self._of_text(text_tokens), self.of_image(stream, order, first=0)
        if self.any_order:
            text[:, -1] += self._of_targets(order[:, 0])
        return torch.cat([text, image], dim=1)

    def of_image(self, stream: Tensor, order: Tensor, first: int) -> Tensor:
        """Embed image tokens ``b i`` of which the first is entry ``first`` of the order."""
        own = slice(first, first + stream.shape[1])
        positions = order[:, own]
        rows, columns = self.row(positions // self.grid), self.column(positions % self.grid)
        x: Tensor = self.image(stream) + (rows + columns)
        if self.any_order:
            # The last token predicts nothing and nothing sees it: its target may be any.
            x = x + self._of_targets(order.roll(-1, dims=1)[:, own])
        return x

    def _of_text(self, text_tokens: Tensor) -> Tensor:
        positions = torch.arange(text_tokens.shape[1], device=text_tokens.device)
        padding = (text_tokens == PAD_ID).unsqueeze(-1)
        tokens = torch.where(padding, self.pad(positions), self.text(text_tokens))
        return tokens + self.text_position(positions)

    def _of_targets(self, positions: Tensor) -> Tensor:
        """Embed the raster positions of the tokens to predict."""
        rows: Tensor = self.target_row(positions // self.grid)
        return rows + self.target_column(positions % self.grid)


def stream_places(order: Tensor, text_len: int, grid: int) -> tuple[Tensor, Tensor]:
    """Row and column of what each position of the stream predicts, and of what stands there.

    Text is at row and column 0, but for its last token, which predicts an image token.

    Args:
        order: Order of the image tokens: int64, ``1 i`` or ``b i``.
        text_len: Text positions.
        grid: Image tokens along one side of the picture.

    Returns:
        Places of the predicted token and of the own one: int64, each ``b text_len+i 2``.
    """
    own = F.pad(order, (text_len, 0))
    # As in the embedding, the last token's target may be any.
    return _row_and_column(own.roll(-1, dims=1), grid), _row_and_column(own, grid)


def _row_and_column(positions: Tensor, grid: int) -> Tensor:
    return torch.stack([positions // grid, positions % grid], dim=-1)

"""The prompt encoder of `mini`: each word as a fixed hashed bag of itself and its letter groups.

Nothing is learned here; the first linear layer of the network that reads it is the embedding.
"""

import math
import re
import zlib

import torch
from jaxtyping import Float
from torch import Tensor

WORD_DIM = 192
WORD_COUNT = 16
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def encode_words(
    text: str, count: int = WORD_COUNT, dim: int = WORD_DIM
) -> Float[Tensor, "count dim"]:
    """The first `count` words of a prompt, one row each, zeros behind them. "" gives zeros."""
    rows = torch.zeros(count, dim)
    for row, word in zip(rows, _WORD.findall(text.lower()), strict=False):
        for piece in _pieces(word):
            code = zlib.crc32(piece.encode())
            row[code % dim] += 1.0 if (code >> 16) & 1 else -1.0
        row *= math.sqrt(dim) / max(float(row.norm()), 1.0)
    return rows


def _pieces(word: str) -> list[str]:
    """The word (twice and more, so that it outweighs its parts) and its groups of three and four letters."""
    marked = f"<{word}>"
    groups = [marked[i : i + n] for n in (3, 4) for i in range(len(marked) - n + 1)]
    return [f"{word}#{k}" for k in range(4)] + groups

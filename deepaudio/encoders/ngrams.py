"""The small text encoder of `mini`: words as bags of hashed character n-grams, then a small transformer.

It needs no vocabulary: a misspelt or unknown word still shares most n-grams with its neighbours. What common words mean may
be known beforehand (`word_vectors.py`) and is then added.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepaudio.encoders.word_vectors import WordVectors
from deepaudio.errors import UsageError

PAD, UNKNOWN, RESERVED = 0, 1, 2
GRAMS = (3, 4)
MAX_WORD = 20  # characters of a word that are looked at

# words, or single characters of scripts without spaces, or the punctuation that parts clauses
TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[.,:;?!\"“”«»()/+&-]")
UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u9fff])")


@dataclass(frozen=True)
class Config:
    """Sizes: hash buckets, width, transformer layers, tokens and n-grams per word that are kept; known words and the size of their vectors.

    In training the n-grams of a known word are hidden with probability `gram_drop`: what it means has to do.
    """

    buckets: int = 4096
    dim: int = 64
    heads: int = 4
    layers: int = 2
    inner: int = 128
    max_tokens: int = 64
    max_grams: int = 24
    dropout: float = 0.0
    vectors: int = 0
    vector_dim: int = 64
    gram_drop: float = 0.0

    def __post_init__(self) -> None:
        if self.buckets <= RESERVED:
            raise UsageError("config.size", f"buckets must exceed {RESERVED}, got {self.buckets}")
        if self.dim % self.heads:
            raise UsageError(
                "config.heads", f"dim = {self.dim} does not divide into {self.heads} heads"
            )

    @classmethod
    def tiny(cls) -> "Config":
        """The smallest useful encoder, for tests and smoke recipes."""
        return cls(buckets=512, dim=16, heads=2, layers=1, inner=32, max_grams=12)


class TokenFeatures(NamedTuple):
    """Token features (b l d) and which tokens are real (b l)."""

    values: Tensor
    mask: Tensor


def words(text: str) -> list[str]:
    """Lower-case words and clause marks, without accents; numbers become `0`."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = UNSPACED.sub(r" \1 ", unicodedata.normalize("NFC", plain))
    found = (re.sub("['’]", "", token) for token in TOKEN.findall(plain))
    return ["0" if token.isdigit() else '"' if token in "“”«»" else token for token in found]


@lru_cache(maxsize=1 << 16)
def hashes(word: str) -> tuple[int, ...]:
    """CRC-32 of the word itself and of its character n-grams, `<` and `>` marking its ends."""
    marked = f"<{word[:MAX_WORD]}>"
    grams = [marked[i : i + n] for n in GRAMS for i in range(len(marked) - n + 1)]
    return tuple(zlib.crc32(piece.encode("utf-8", "replace")) for piece in (f"w:{marked}", *grams))


class Model(nn.Module):
    """Texts in, features out; `tokenize` is pure, so batches can be prepared anywhere."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, self.dim = config, config.dim
        self.grams = nn.EmbeddingBag(config.buckets, config.dim, mode="sum", padding_idx=PAD)
        self.positions = nn.Parameter(torch.randn(config.max_tokens, config.dim) * 0.02)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.dim,
                config.heads,
                config.inner,
                config.dropout,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        if config.vectors:
            self.vectors = WordVectors(config.vectors, config.vector_dim)
            self.look = nn.Linear(config.vector_dim, config.dim, bias=False)

    def tokenize(self, texts: Sequence[str]) -> Int[Tensor, "b l g"]:
        """RESERVED + CRC-32 of each word and its n-grams, 0 where there is none. A text without words is one unknown."""
        config = self.config
        rows = []
        for text in texts:
            found = [
                [RESERVED + h for h in hashes(word)[: config.max_grams]]
                for word in words(text)[: config.max_tokens]
            ]
            rows.append(found or [[UNKNOWN]])
        length, width = max(map(len, rows)), max(len(w) for row in rows for w in row)
        empty = [PAD] * width
        padded = [
            [w + empty[len(w) :] for w in row] + [empty] * (length - len(row)) for row in rows
        ]
        return torch.tensor(padded, dtype=torch.long)

    def hide(self, ids: Int[Tensor, "b l g"], hidden: Bool[Tensor, "b l"]) -> Int[Tensor, "b l g"]:
        """`ids` with some words made unknown."""
        unknown = torch.full_like(ids[0, 0], PAD)
        unknown[0] = UNKNOWN
        return torch.where((hidden & (ids != PAD).any(-1)).unsqueeze(-1), unknown, ids)

    def bags(self, ids: Int[Tensor, "n g"]) -> Float[Tensor, "n d"]:
        """A word each: its n-grams summed, and its vector where it is known."""
        whole = ids - RESERVED
        buckets = torch.where(whole < 0, ids, RESERVED + whole % (self.config.buckets - RESERVED))
        bags = self.grams(buckets) / (ids != PAD).sum(-1, keepdim=True).sqrt()
        if not self.config.vectors:
            return bags
        meanings, known = self.vectors(whole[:, 0].contiguous())
        if self.training and self.config.gram_drop:
            hidden = known & (torch.rand(len(ids), device=ids.device) < self.config.gram_drop)
            bags = torch.where(hidden[:, None], self.grams.weight[UNKNOWN], bags)
        return bags + self.look(self.dropout(meanings))

    def forward(self, ids: Int[Tensor, "b l g"]) -> TokenFeatures:
        """Features of every token in the light of the whole text."""
        mask: Bool[Tensor, "b l"] = (ids != PAD).any(-1)
        bags = self.bags(ids[mask])
        x: Float[Tensor, "b l d"] = bags.new_zeros(*mask.shape, self.dim).masked_scatter(
            mask.unsqueeze(-1), bags
        )
        x = self.dropout(x + self.positions[: x.shape[1]])
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~mask)
        return TokenFeatures(self.norm(x), mask)

"""Eigenvoices: a voice as a linear map of phonetic features, solved in closed form from a few seconds of any speech.

What a voice adds to the envelope of the base TTS is linear in the features of a frame, and the maps of all voices lie near a
space of few dimensions (eigenvoices: Kuhn et al. 2000). The place of one voice in it is a ridge regression that training
differentiates through (Bertinetto et al., arXiv 1805.08136). One network reads the frames of the base TTS
(the source); another finds the same features in a recording (the target), so no transcript is needed.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

NEIGHBOURS = 8  # frames of the recording whose remainders are averaged
REMAINDER = 1.0  # how much of them is added
ENOUGH = 400  # 10 ms frames needed for all of it; scaled linearly below


@dataclass(frozen=True)
class Config:
    """Sizes. Offsets are frames of 10 ms around the one that is read."""

    n_moved: int = 41  # cepstra of an envelope, the level first, that the maps move; of the others only the mean
    n_read: int = 30  # how many the networks see
    rank: int = 32
    features: int = 160
    source_dim: int = 224
    target_dim: int = 256
    layers: int = 2
    dropout: float = 0.1
    source_offsets: tuple[int, ...] = (-8, -5, -3, -1, 0, 1, 3, 5, 8)
    target_offsets: tuple[int, ...] = (-12, -8, -5, -3, -1, 0, 1, 3, 5, 8, 12)


class Read(NamedTuple):
    """(b n f) features, the last of them 1; (b n) trust in (0, 1); (b n d) the layer before."""

    features: Tensor
    trust: Tensor
    inner: Tensor


class Solved(NamedTuple):
    """The map of each voice: (b m f) matrix and (b m) offset, in scaled codes."""

    matrix: Tensor
    offset: Tensor

    def __call__(self, features: Float[Tensor, "b n f"]) -> Float[Tensor, "b n m"]:
        return features @ self.matrix.transpose(1, 2) + self.offset[:, None]


class Reader(nn.Module):
    """Residual MLP over one window of frames."""

    def __init__(self, inputs: int, features: int, dim: int, layers: int, dropout: float):
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.first = nn.Linear(inputs, dim)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(dim),
                nn.Linear(dim, 2 * dim),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(2 * dim, dim),
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim)
        self.last = nn.Linear(dim, features - 1)
        self.trust = nn.Linear(dim, 1)

    def forward(self, windows: Float[Tensor, "*n d"]) -> Read:
        inner = self.first((windows - self.mean) / self.spread)
        for block in self.blocks:
            inner = inner + block(inner)
        inner = self.norm(inner)
        features = torch.tanh(self.last(inner))
        constant = torch.ones_like(features[..., :1])
        trust = torch.sigmoid(self.trust(inner)[..., 0] + 1)
        return Read(torch.cat([features, constant], -1), trust, inner)


class Model(nn.Module):
    """Readers of both sides and the bases. `timbre` is its use; the rest is what training needs."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        row = c.n_read + 1
        self.source = Reader(
            row * len(c.source_offsets), c.features, c.source_dim, c.layers, c.dropout
        )
        self.target = Reader(
            row * len(c.target_offsets), c.features, c.target_dim, c.layers, c.dropout
        )
        self.source_hat = nn.Linear(
            c.target_dim, c.n_moved
        )  # codes of the source, estimated from the target
        self.bases = nn.Parameter(torch.randn(c.rank + 1, c.n_moved, c.features) * 0.02)
        nn.init.zeros_(self.bases[0])  # the first is what all voices share
        self.freedom = nn.Parameter(torch.zeros(c.n_moved))  # log deviation of the offsets
        self.ridge = nn.Parameter(torch.tensor(-1.5))
        self.register_buffer("scale", torch.ones(c.n_moved))
        self.register_buffer("source_hat_mean", torch.zeros(c.n_moved))
        self.register_buffer("source_hat_spread", torch.ones(c.n_moved))

    def read(
        self,
        codes: Float[Tensor, "n c"],
        voiced: Bool[Tensor, " n"],
        at: Int[Tensor, " m"],
        stride: int = 1,
    ) -> Read:
        """Frames `at` of the source; `stride` rows of `codes` are 10 ms."""
        c = self.config
        return self.source(windows(codes[:, : c.n_read], voiced, at, c.source_offsets, stride))

    def listen(
        self,
        codes: Float[Tensor, "n c"],
        voiced: Bool[Tensor, " n"],
        at: Int[Tensor, " m"],
        stride: int = 1,
    ) -> Read:
        """Frames `at` of the target, whose mean over `at` is taken off."""
        c = self.config
        shape = codes[:, : c.n_read] - codes[at, : c.n_read].mean(0)
        return self.target(windows(shape, voiced, at, c.target_offsets, stride))

    def estimate_source(self, inner: Float[Tensor, "*n d"]) -> Float[Tensor, "*n m"]:
        """Codes of the source, estimated from those of the target."""
        return self.source_hat(inner) * self.source_hat_spread + self.source_hat_mean

    def solve(
        self,
        features: Float[Tensor, "b n f"],
        trust: Float[Tensor, "b n"],
        change: Float[Tensor, "b n m"],
    ) -> Solved:
        """The voices whose maps explain `change` (scaled codes) best: ridge regression from second moments."""
        trust = trust / trust.sum(1, keepdim=True)
        weighted = features * trust[..., None]
        moment, mean = weighted.transpose(1, 2) @ features, weighted.sum(1)
        shared, bases = self.bases[0], self.bases[1:]
        cross = change.transpose(1, 2) @ weighted - shared @ moment
        remaining = (change * trust[..., None]).sum(1) - mean @ shared.T
        freedom, b, (rank, moved, _) = self.freedom.exp(), len(features), bases.shape
        mapped = torch.einsum("rmf,bfg->brmg", bases, moment).flatten(2)
        within = mapped @ bases.flatten(1).T
        between = torch.einsum("rmf,bf->brm", bases, mean) * freedom
        offsets = torch.diag(freedom * freedom)[None].expand(b, moved, moved)
        gram = torch.cat(
            [torch.cat([within, between], 2), torch.cat([between.transpose(1, 2), offsets], 2)], 1
        )
        right = torch.cat([cross.flatten(1) @ bases.flatten(1).T, remaining * freedom], 1)
        gram = gram + self.ridge.exp() * torch.eye(rank + moved, device=gram.device)
        place = torch.linalg.solve(gram, right[..., None])[..., 0]
        matrix = shared + torch.einsum("br,rmf->bmf", place[:, :rank], bases)
        return Solved(matrix, place[:, rank:] * freedom)

    @torch.inference_mode()
    def timbre(
        self,
        codes: Float[Tensor, "n c"],
        voiced: Bool[Tensor, " n"],
        at: Int[Tensor, " m"],
        stride: int = 2,
    ) -> "Timbre":
        """The voice in frames `at` of a recording, `stride` rows of `codes` being 10 ms."""
        read = self.listen(codes, voiced, at, stride)
        source_hat = self.estimate_source(read.inner)
        change = (codes[at, : self.config.n_moved] - source_hat) / self.scale
        solved = self.solve(read.features[None], read.trust[None], change[None])
        residual = change - solved(read.features[None])[0]
        return Timbre(self, solved, read.features, residual, codes[at].mean(0))


class Timbre(NamedTuple):
    """A voice: called with frames of the source, it gives the change of their codes."""

    model: Model
    solved: Solved
    features: Tensor  # (m f) of the recording
    residual: Tensor  # (m moved) what the map does not explain there
    mean: Tensor  # (c) codes

    @torch.inference_mode()
    def __call__(
        self,
        codes: Float[Tensor, "n c"],
        voiced: Bool[Tensor, " n"],
        spoken: Bool[Tensor, " n"],
        stride: int = 2,
    ) -> Float[Tensor, "n c"]:
        """Change of the codes of the source; codes that the map leaves alone get the mean of the voice where `spoken`."""
        c = self.model.config
        at = torch.arange(len(codes))
        features = self.model.read(codes, voiced, at, stride).features
        moved = self.solved(features[None])[0]
        count = min(NEIGHBOURS, len(self.features))
        near = torch.cdist(features, self.features).topk(count, largest=False).indices
        share = REMAINDER * min(1.0, len(self.features) / ENOUGH)
        moved = (moved + share * self.residual[near].mean(1)) * self.model.scale
        change = (self.mean - codes[spoken].mean(0)).expand_as(codes).clone()
        change[:, : c.n_moved] = moved
        return change


def windows(
    codes: Float[Tensor, "n r"],
    voiced: Bool[Tensor, " n"],
    at: Int[Tensor, " m"],
    offsets: tuple[int, ...],
    stride: int = 1,
) -> Float[Tensor, "m d"]:
    """Rows `at` with their neighbours at `offsets` (times `stride`), flattened; voicing beside each."""
    rows = torch.cat([codes, 2.0 * voiced[:, None].to(codes.dtype)], 1)
    place = at[:, None] + stride * torch.tensor(offsets, device=at.device)
    return rows[place.clamp(0, len(codes) - 1)].flatten(1)

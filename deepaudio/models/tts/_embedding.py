"""What enters the DiT: text or content embedding, input projection, reference summary, emotion and prosody, scale of guidance."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepaudio.nn.embed import ConvPositionEmbedding, sinusoid_table
from deepaudio.nn.feedforward import ConvNeXtV2Block
from deepaudio.nn.masks import zero_invalid


class TextEmbedding(nn.Module):
    """Tokens laid one per mel frame from the start, then ConvNeXt V2 blocks.

    With `content_dim` frame-aligned content features take the place of the tokens.
    """

    def __init__(
        self,
        vocab_size: int,
        dim: int,
        mult: int,
        conv_layers: int,
        n_positions: int,
        mask_padding: bool,
        content_dim: int | None = None,
    ):
        super().__init__()
        self.n_positions = n_positions
        self.mask_padding = mask_padding
        if content_dim is None:
            self.text_embed = nn.Embedding(vocab_size + 1, dim)  # row 0 is the filler
        else:
            self.content_proj = nn.Linear(content_dim, dim)
            self.no_content = nn.Parameter(torch.zeros(dim))
        self.text_blocks = nn.ModuleList(
            ConvNeXtV2Block(dim, dim * mult) for _ in range(conv_layers)
        )

    def filler(self, text: Int[Tensor, "b l"], n: int) -> Bool[Tensor, "b n"]:
        """True where no token stands, for `n` frames."""
        return self._frames(text, n) == 0

    def forward(
        self,
        text: Int[Tensor, "b l"],
        filler: Bool[Tensor, "b n"],
        mask: Bool[Tensor, "b n"] | None = None,
        drop: Bool[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Ids (-1: none) to frames. Dropped items see fillers only, but keep their filler mask."""
        n = filler.shape[1]
        ids = self._frames(text, n)
        if drop is not None:
            ids = ids.masked_fill(drop[:, None], 0)
        x = self.text_embed(ids)
        if len(self.text_blocks) == 0:
            return zero_invalid(x, mask)
        x = x + sinusoid_table(n, x.shape[-1], self.n_positions).to(x)
        spoken = ~filler if self.mask_padding else None
        x = zero_invalid(x, spoken)
        for block in self.text_blocks:
            x = zero_invalid(block(x, mask), spoken)
        return zero_invalid(x, mask)

    def from_content(
        self,
        content: Float[Tensor, "b n e"],
        content_mask: Bool[Tensor, "b n"] | None = None,
        mask: Bool[Tensor, "b n"] | None = None,
        drop: Bool[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Content frames to frames; the learned vector marks those that have none."""
        known = torch.ones(content.shape[:2], dtype=torch.bool, device=content.device)
        if content_mask is not None:
            known = known & content_mask
        if drop is not None:
            known = known & ~drop[:, None]
        x = self.content_proj(zero_invalid(content, known))
        x = x + (~known)[..., None].to(x.dtype) * self.no_content
        for block in self.text_blocks:
            x = block(x, mask)
        return zero_invalid(x, mask)

    @staticmethod
    def _frames(text: Tensor, n: int) -> Tensor:
        """Ids shifted by one (0: filler), cut or filled to `n` frames."""
        ids = text[:, :n] + 1
        return F.pad(ids, (0, n - ids.shape[1]))


class InputEmbedding(nn.Module):
    """Noisy mel, reference, text and contours (energy, pitch) to tokens; `fold` frames make one token.

    The projections of the contours start at zero, so a network with them equals the one without.
    """

    def __init__(
        self,
        mel_dim: int,
        text_dim: int,
        dim: int,
        energy: bool,
        fold: int = 1,
        pitch: bool = False,
    ):
        super().__init__()
        self.fold = fold
        self.proj = nn.Linear(fold * (2 * mel_dim + text_dim), dim)
        self.proj_energy = nn.Linear(fold, dim) if energy else None
        self.proj_pitch = nn.Linear(fold, dim) if pitch else None
        for contour in filter(None, (self.proj_energy, self.proj_pitch)):
            nn.init.zeros_(contour.weight)
            nn.init.zeros_(contour.bias)
        self.conv_pos_embed = ConvPositionEmbedding(dim)

    def forward(
        self,
        x: Float[Tensor, "b n c"],
        audio: Float[Tensor, "b n c"],
        text: Float[Tensor, "b n d"],
        energy: Float[Tensor, "b n 1"] | None,
        mask: Bool[Tensor, "b n"] | None,
        pitch: Float[Tensor, "b n 1"] | None = None,
    ) -> tuple[Float[Tensor, "b m e"], Bool[Tensor, "b m"] | None]:
        """Tokens and the mask of valid tokens."""
        x = zero_invalid(x, mask)
        if mask is not None and self.fold > 1:
            mask = self._folded(mask[..., None]).any(dim=-1)
        tokens = self.proj(torch.cat([self._folded(part) for part in (x, audio, text)], dim=-1))
        if self.proj_energy is not None:
            tokens = tokens + self.proj_energy(self._folded(energy).to(tokens.dtype))
        if self.proj_pitch is not None:
            tokens = tokens + self.proj_pitch(self._folded(pitch).to(tokens.dtype))
        return tokens + self.conv_pos_embed(tokens, mask), mask

    def _folded(self, x: Tensor) -> Tensor:
        if self.fold == 1:
            return x
        x = F.pad(x, (0, 0, 0, -x.shape[1] % self.fold))
        return rearrange(x, "b (m k) c -> b m (k c)", k=self.fold)


class ReferenceSummary(nn.Module):
    """Mean and deviation of the reference mel to a vector beside the time embedding.

    Its last layer starts at zero; items without reference get exactly zero.
    """

    def __init__(self, mel_dim: int, dim: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2 * mel_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        nn.init.zeros_(self.mlp[-1].weight)
        nn.init.zeros_(self.mlp[-1].bias)

    def forward(
        self, audio: Float[Tensor, "b n c"], mask: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b e"]:
        count = mask.sum(dim=1, keepdim=True)
        weight = mask[..., None].to(audio.dtype) / count.clamp(min=1)[..., None]
        mean = (audio * weight).sum(dim=1)
        variance = ((audio - mean[:, None]).square() * weight).sum(dim=1)
        statistics = torch.cat((mean, (variance + 1e-6).sqrt()), dim=-1)
        return self.mlp(statistics) * (count > 0)


class StyleEmbedding(nn.Module):
    """The emotion and the prosody of an utterance to a vector beside the time embedding.

    Both start at zero, so a network with them equals the one without; emotion 0 and a prosody of zeros, which stand for
    none, give exactly zero for ever.
    """

    def __init__(self, n_emotions: int, n_prosody: int, dim: int):
        super().__init__()
        self.n_prosody = n_prosody
        self.emotion = nn.Embedding(n_emotions + 1, dim, padding_idx=0) if n_emotions else None
        self.prosody = nn.Linear(n_prosody, dim, bias=False) if n_prosody else None
        for weight in self.parameters():
            nn.init.zeros_(weight)

    def forward(
        self, emotion: Int[Tensor, " b"] | None, prosody: Float[Tensor, "b p"] | None
    ) -> Float[Tensor, "b d"] | float:
        """Sum of what is given; 0 where nothing is."""
        total: Tensor | float = 0.0
        if emotion is not None:
            total = total + self.emotion(emotion)
        if prosody is not None:
            total = total + self.prosody(prosody.to(self.prosody.weight.dtype))
        return total


class GuidanceEmbedding(nn.Module):
    """The scale of guidance to a vector beside the time embedding; it starts at zero, so a network with it equals the one without.

    Meng et al. 2023 (arXiv 2210.03142), section 3.1, who embed the scale as the time is embedded.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(1, dim), nn.SiLU(), nn.Linear(dim, dim))
        nn.init.zeros_(self.mlp[-1].weight)
        nn.init.zeros_(self.mlp[-1].bias)

    def forward(self, scale: Float[Tensor, " b"]) -> Float[Tensor, "b d"]:
        return self.mlp(scale[:, None].to(self.mlp[0].weight.dtype))

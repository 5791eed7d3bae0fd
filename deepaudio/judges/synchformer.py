"""Synchformer, the judge of DeSync: by how many seconds audio and video are apart, on a grid from -2 to 2.

Weights: the published synchformer_state_dict.pth in a folder (Iashin et al. 2024, arXiv 2401.16423). As av-benchmark does it: segments
of 0.64 s every 0.32 s of both, the offset of the first and of the last 14 segments. So 4.8 s are the least.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from deepaudio.encoders import frame_sampling
from deepaudio.encoders.synchformer import Config as VisualConfig
from deepaudio.encoders.synchformer import MotionFormer, SpatialPooling
from deepaudio.errors import InputError
from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import filled, load_state
from deepaudio.media.probe import probe
from deepaudio.media.video import frames_at

JUDGES = {"synchformer": ("offsets",)}
PUBLISHED = "synchformer_state_dict.pth"
SAMPLE_RATE = 16_000
SEGMENT_SAMPLES, HOP_SAMPLES = 10_240, 5_120
MELS, MEL_FRAMES = 128, 66
MEL_MEAN, MEL_STD = -4.2677393, 4.5689974
WINDOW = 14  # segments that the transformer compares at once
MAX_OFFSET, CLASSES = 2.0, 21
FILLED_PICTURES = 3  # a video stream this much shorter than the clip is continued with its last one


@dataclass(frozen=True)
class Config:
    """Sizes; the defaults are the published ones. Both encoders share the width of `visual`."""

    visual: VisualConfig = VisualConfig()
    audio_depth: int = 12
    depth: int = 3
    heads: int = 8


class Ast(nn.Module):
    """Audio spectrogram transformer: patches of 16 x 16 every 10 of a mel segment, to one token a time step."""

    def __init__(self, dim: int, depth: int, heads: int):
        super().__init__()
        self.ast = AstTrunk(dim, depth, heads)
        self.freq_attn_agg = SpatialPooling(dim, heads)

    def forward(self, mel: Float[Tensor, "b m t"]) -> Float[Tensor, "b n d"]:
        """Six features of a segment [128 66]."""
        bands = (mel.shape[1] - 16) // 10 + 1
        tokens = rearrange(self.ast(mel)[:, 2:], "b (f t) d -> (b t) f d", f=bands)
        return rearrange(self.freq_attn_agg(tokens), "(b t) d -> b t d", b=len(mel))


class AstTrunk(nn.Module):
    """The transformer of `Ast`, with two leading tokens."""

    def __init__(self, dim: int, depth: int, heads: int):
        super().__init__()
        self.embeddings = AstEntry(dim)
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(AstLayer(dim, heads) for _ in range(depth))}
        )
        self.layernorm = nn.LayerNorm(dim, eps=1e-12)

    def forward(self, mel: Float[Tensor, "b m t"]) -> Float[Tensor, "b n d"]:
        """Two tokens more than patches."""
        x = self.embeddings(mel)
        for layer in self.encoder["layer"]:
            x = layer(x)
        return self.layernorm(x)


class AstEntry(nn.Module):
    """Patches with two leading tokens and positions."""

    def __init__(self, dim: int):
        super().__init__()
        patches = ((MELS - 16) // 10 + 1) * ((MEL_FRAMES - 16) // 10 + 1)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.distillation_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position_embeddings = nn.Parameter(torch.zeros(1, 2 + patches, dim))
        self.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(1, dim, 16, stride=10)})

    def forward(self, mel: Float[Tensor, "b m t"]) -> Float[Tensor, "b n d"]:
        """Patches go through time first, then up in frequency."""
        patches = self.patch_embeddings["projection"](mel[:, None]).flatten(2).transpose(1, 2)
        first = [t.expand(len(mel), -1, -1) for t in (self.cls_token, self.distillation_token)]
        return torch.cat([*first, patches], dim=1) + self.position_embeddings


class Projections(nn.Module):
    """Queries, keys and values under their published names."""

    def __init__(self, dim: int):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))

    def forward(self, x: Float[Tensor, "b n d"], heads: int) -> Float[Tensor, "b n d"]:
        """What attention with `heads` heads gathers."""
        q, k, v = (
            rearrange(part(x), "b n (h d) -> b h n d", h=heads)
            for part in (self.query, self.key, self.value)
        )
        out = nn.functional.scaled_dot_product_attention(q, k, v)
        return rearrange(out, "b h n d -> b n (h d)")


class AstLayer(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention = nn.ModuleDict(
            {"attention": Projections(dim), "output": nn.ModuleDict({"dense": nn.Linear(dim, dim)})}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(dim, 4 * dim)})
        self.output = nn.ModuleDict({"dense": nn.Linear(4 * dim, dim)})
        self.layernorm_before, self.layernorm_after = (
            nn.LayerNorm(dim, eps=1e-12) for _ in range(2)
        )

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Same shape."""
        heard = self.attention["attention"](self.layernorm_before(x), self.heads)
        x = x + self.attention["output"]["dense"](heard)
        inner = nn.functional.gelu(self.intermediate["dense"](self.layernorm_after(x)))
        return x + self.output["dense"](inner)


class Attention(Projections):
    """`Projections` with the last one, for the transformer over both streams."""

    def __init__(self, dim: int):
        super().__init__(dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b n d"], heads: int) -> Float[Tensor, "b n d"]:
        """Same shape."""
        return self.proj(super().forward(x, heads))


class Block(nn.Module):
    """Pre-norm attention and feed-forward of the transformer over both streams."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = Attention(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Same shape."""
        x = x + self.attn(self.ln1(x), self.heads)
        return x + self.mlp(self.ln2(x))


class Comparer(nn.Module):
    """Tokens of both streams, with two of its own, to the logits of the offset classes."""

    def __init__(self, dim: int, depth: int, heads: int, tokens: int):
        super().__init__()
        self.vis_in_lnorm, self.aud_in_lnorm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.OFF_tok = nn.Parameter(torch.zeros(1, 1, dim))
        self.MOD_tok = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_emb_cfg = nn.ParameterDict({"pos_emb": nn.Parameter(torch.zeros(1, tokens, dim))})
        self.blocks = nn.Sequential(*(Block(dim, heads) for _ in range(depth)))
        self.ln_f = nn.LayerNorm(dim)
        self.off_head = nn.Linear(dim, CLASSES)

    def forward(
        self, seen: Float[Tensor, "b n d"], heard: Float[Tensor, "b m d"]
    ) -> Float[Tensor, "b k"]:
        """Features of 14 segments each."""
        own = [token.expand(len(seen), -1, -1) for token in (self.OFF_tok, self.MOD_tok)]
        x = [own[0], self.vis_in_lnorm(seen), own[1], self.aud_in_lnorm(heard)]
        x = torch.cat(x, dim=1) + self.pos_emb_cfg["pos_emb"]
        return self.off_head(self.ln_f(self.blocks(x))[:, 0])


class Synchformer(nn.Module):
    """Both encoders and the comparison."""

    def __init__(self, config: Config = Config()):
        super().__init__()
        dim, heads = config.visual.dim, config.visual.heads
        self.vfeat_extractor = MotionFormer(config.visual)
        self.afeat_extractor = Ast(dim, config.audio_depth, heads)
        self.vproj, self.aproj = nn.Linear(dim, dim), nn.Linear(dim, dim)
        tokens = 2 + WINDOW * (config.visual.steps + (MEL_FRAMES - 16) // 10 + 1)
        self.transformer = Comparer(dim, config.depth, config.heads, tokens)

    def offset(self, seen: Float[Tensor, "g n d"], heard: Float[Tensor, "g m d"]) -> float:
        """Offset in seconds of 14 segments; the strongest class counts."""
        streams = (part.flatten(0, 1)[None] for part in (self.vproj(seen), self.aproj(heard)))
        best = self.transformer(*streams)[0].argmax()
        return float(torch.linspace(-MAX_OFFSET, MAX_OFFSET, CLASSES)[best])


class Judge:
    """The network for a clip and a sound."""

    name = "synchformer"

    def __init__(self, network: Synchformer, device: str):
        self._network, self._device = network.eval().to(device), device
        self._mel = MelSpectrogram(
            SAMPLE_RATE, n_fft=1024, win_length=400, hop_length=160, n_mels=MELS
        )

    @torch.inference_mode()
    def look(self, video: str | Path) -> Float[Tensor, "g n d"]:
        """Features of the segments of a clip; memory does not grow with its length."""
        held: list[Tensor] = []
        found = []
        for pixels in _pictures(video):
            held.append(frame_sampling.sync_input(pixels[None])[0])
            if len(held) == 16:
                segment = torch.stack(held)[None].to(self._device)
                found.append(self._network.vfeat_extractor(segment)[0].cpu())
                del held[:8]
        return _enough(found, "image")

    @torch.inference_mode()
    def watch(
        self, waveform: Tensor, sample_rate: int, seen: Float[Tensor, "g n d"]
    ) -> list[float]:
        """Offsets of the first and the last 14 segments that audio and video share."""
        heard = self._listen(torch.as_tensor(waveform), sample_rate)
        shared = min(len(seen), len(heard))
        seen, heard = (x[:shared].to(self._device) for x in (seen, heard))
        return [
            self._network.offset(seen[part], heard[part])
            for part in (slice(None, WINDOW), slice(-WINDOW, None))
        ]

    def _listen(self, waveform: Tensor, sample_rate: int) -> Float[Tensor, "g m d"]:
        audio = torch.from_numpy(mono(waveform, sample_rate, SAMPLE_RATE))
        if len(audio) < SEGMENT_SAMPLES:
            return _enough([], "sound")
        mel = (self._mel(audio.unfold(0, SEGMENT_SAMPLES, HOP_SAMPLES)) + 1e-6).log()
        mel = nn.functional.pad(mel, (0, MEL_FRAMES - mel.shape[-1]))
        mel = (mel - MEL_MEAN) / (2 * MEL_STD)
        parts = (self._network.afeat_extractor(x.to(self._device)).cpu() for x in mel.split(WINDOW))
        return _enough(list(torch.cat(list(parts))), "sound")


def _pictures(video: str | Path) -> Iterator[Tensor]:
    """25 frames a second; the last one stands for up to three that are missing at the end."""
    rate = frame_sampling.SYNC_RATE
    wanted, count, last = int(rate * probe(video, allow_damaged=True).duration), 0, None
    for frame in frames_at(video, rate, allow_damaged=True):
        count, last = count + 1, frame.pixels
        yield last
    if last is not None and wanted - count <= FILLED_PICTURES:
        for _ in range(wanted - count):
            yield last


def _enough(segments: list[Tensor], what: str) -> Tensor:
    if len(segments) < WINDOW:
        raise InputError(
            "desync.short",
            f"DeSync needs 4.8 s: the {what} has {len(segments)} of {WINDOW} segments",
        )
    return torch.stack(segments)


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Judge:
    """Open the judge from a folder; WeightsError where the file is missing or of another network."""
    return Judge(filled(Synchformer, load_state(name, folder, PUBLISHED), name), device)

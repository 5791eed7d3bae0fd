"""ImageBind (huge), the judge of the IB-score: audio and video in one space of [1024].

Weights: the published imagebind_huge.pth in a folder (Girdhar et al. 2023, arXiv 2305.05665); they are CC BY-NC-SA, so
for research only. Only the halves for vision and audio are built. As av-benchmark does it: three clips of two seconds of
sound; frames every two seconds, in pairs, three square crops each. A clip with one such frame counts as a still.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torchaudio.compliance.kaldi import fbank
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as images

from deepaudio.errors import InputError
from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import filled, load_state
from deepaudio.media.video import frames_at

JUDGES = {"imagebind": ("imagebind",)}
PUBLISHED = "imagebind_huge.pth"
SAMPLE_RATE = 16_000
CLIPS, CLIP_SECONDS = 3, 2.0
MELS, FRAMES = 128, 204
MEL_MEAN, MEL_STD = -4.268, 9.138
PICTURE_SIZE, PICTURES_A_SECOND = 224, 0.5
PICTURE_MEAN = (0.48145466, 0.4578275, 0.40821073)
PICTURE_STD = (0.26862954, 0.26130258, 0.27577711)
PARTS = ("modality_preprocessors", "modality_trunks", "modality_heads")


class Embedding(NamedTuple):
    """A sound in ImageBind's space."""

    imagebind: Float[Tensor, " d"]


@dataclass(frozen=True)
class Half:
    """Sizes of one half."""

    dim: int
    depth: int
    heads: int
    tokens: int


VISION = Half(1280, 32, 16, 1 + 16 * 16)
AUDIO = Half(768, 12, 12, 1 + 12 * 19)
OUT = 1024


class Still(nn.Identity):
    """Holds the place of a layer without tensors, so that the published numbers of the others stand."""


class Positions(nn.Module):
    """Learned positions of the class token and the patches."""

    def __init__(self, half: Half):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, half.tokens, half.dim))


class Stem(nn.Module):
    """Patches of a frame pair or of a spectrogram to tokens."""

    def __init__(self, half: Half, vision: bool):
        super().__init__()
        if vision:
            size = (2, 14, 14)
            self.proj = nn.Sequential(
                Still(), nn.Conv3d(3, half.dim, size, stride=size, bias=False)
            )
            self.norm_layer = Still()
        else:
            self.proj = nn.Conv2d(1, half.dim, 16, stride=10, bias=False)
            self.norm_layer = nn.LayerNorm(half.dim)


class Entry(nn.Module):
    """Class token, patches, positions."""

    def __init__(self, half: Half, vision: bool):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, half.dim))
        self.rgbt_stem = Stem(half, vision)
        self.pos_embedding_helper = Positions(half)

    def forward(self, x: Tensor) -> Float[Tensor, "b n d"]:
        """Input of either kind to tokens."""
        tokens = self.rgbt_stem.norm_layer(self.rgbt_stem.proj(x).flatten(2).transpose(1, 2))
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        return tokens + self.pos_embedding_helper.pos_embed


class FeedForward(nn.Module):
    """Two linear layers with GELU."""

    def __init__(self, dim: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Same shape."""
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm attention and feed-forward; the audio half adds one learned key and value."""

    def __init__(self, half: Half, vision: bool):
        super().__init__()
        self.attn = nn.MultiheadAttention(
            half.dim, half.heads, add_bias_kv=not vision, batch_first=True
        )
        self.norm_1, self.norm_2 = (nn.LayerNorm(half.dim, eps=1e-6) for _ in range(2))
        self.mlp = FeedForward(half.dim)

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Same shape."""
        h = self.norm_1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.norm_2(x))


class Trunk(nn.Module):
    """The transformer of one half."""

    def __init__(self, half: Half, vision: bool):
        super().__init__()
        first = nn.LayerNorm(half.dim, eps=1e-6) if vision else Still()
        self.pre_transformer_layer = nn.Sequential(first)
        self.blocks = nn.Sequential(*(Block(half, vision) for _ in range(half.depth)))

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Same shape."""
        return self.blocks(self.pre_transformer_layer(x))


class ImageBind(nn.Module):
    """Pairs of frames [b 3 2 h w] or mel clips [b 1 m t] to unit embeddings."""

    def __init__(self, vision: Half = VISION, audio: Half = AUDIO, out: int = OUT):
        super().__init__()
        halves = {"vision": vision, "audio": audio}
        self.modality_preprocessors = nn.ModuleDict(
            {name: Entry(half, name == "vision") for name, half in halves.items()}
        )
        self.modality_trunks = nn.ModuleDict(
            {name: Trunk(half, name == "vision") for name, half in halves.items()}
        )
        self.modality_heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.LayerNorm(half.dim, eps=1e-6), Still(), nn.Linear(half.dim, out, bias=False)
                )
                for name, half in halves.items()
            }
        )

    def forward(self, x: Tensor, kind: str) -> Float[Tensor, "b d"]:
        """`kind` is "vision" or "audio"; what the class token says."""
        tokens = self.modality_trunks[kind](self.modality_preprocessors[kind](x))
        return nn.functional.normalize(self.modality_heads[kind](tokens[:, :1])[:, 0], dim=-1)


def mel_clips(audio: Float[Tensor, " s"]) -> Float[Tensor, "b 1 m t"]:
    """Three clips of two seconds at 16 kHz, evenly from start to end, as normalised filter banks."""
    size = round(CLIP_SECONDS * SAMPLE_RATE)
    rest = max(0, len(audio) - size)
    clips = []
    for i in range(CLIPS):
        start = rest * i // (CLIPS - 1)
        part = audio[start : start + size]
        bank = fbank(
            (part - part.mean())[None], htk_compat=True, sample_frequency=SAMPLE_RATE,
            use_energy=False, window_type="hanning", num_mel_bins=MELS, dither=0.0,
        ).T[:, :FRAMES]  # fmt: skip
        clips.append(nn.functional.pad(bank, (0, FRAMES - bank.shape[1])))
    return (torch.stack(clips)[:, None] - MEL_MEAN) / MEL_STD


def picture_pairs(shown: Sequence[UInt8[Tensor, "h w 3"]]) -> Float[Tensor, "b 3 2 h w"]:
    """Neighbouring frames in pairs, cropped left, middle, right (or top to bottom); one alone is doubled."""
    stack = torch.stack(list(shown)).permute(0, 3, 1, 2)
    stack = images.resize(stack, [PICTURE_SIZE], InterpolationMode.BICUBIC, antialias=True)
    stack = images.normalize(stack.float() / 255, list(PICTURE_MEAN), list(PICTURE_STD))
    long = 3 if stack.shape[3] >= stack.shape[2] else 2
    slack = stack.shape[long] - PICTURE_SIZE
    crops = [stack.narrow(long, at, PICTURE_SIZE) for at in (0, (slack + 1) // 2, slack)]
    if len(stack) == 1:
        crops = [crop.expand(2, -1, -1, -1) for crop in crops]
    pairs = [crop[i : i + 2] for crop in crops for i in range(len(crop) - 1)]
    return torch.stack(pairs).transpose(1, 2)


class Judge:
    """Both halves."""

    name = "imagebind"

    def __init__(self, network: ImageBind, device: str):
        self._network, self._device = network.eval().to(device), device

    @torch.inference_mode()
    def __call__(self, waveform: Tensor, sample_rate: int) -> Embedding:
        """Mean embedding [1024] of three clips of one waveform [s]."""
        audio = torch.from_numpy(mono(waveform, sample_rate, SAMPLE_RATE))
        audio = nn.functional.pad(audio, (0, max(0, 400 - len(audio))))
        return Embedding(self._mean(mel_clips(audio), "audio"))

    @torch.inference_mode()
    def look(self, video: str | Path) -> Float[Tensor, " d"]:
        """Mean embedding [1024] of the frames of a clip."""
        shown = [f.pixels for f in frames_at(video, PICTURES_A_SECOND, allow_damaged=True)]
        if not shown:
            raise InputError("clip.no_pictures", f"no frame in {Path(video).name}")
        return self._mean(picture_pairs(shown), "vision")

    def _mean(self, x: Tensor, kind: str) -> Tensor:
        return self._network(x.to(self._device), kind).mean(0).cpu()


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Judge:
    """Open the judge from a folder; WeightsError where the file is missing or of another network."""
    wanted = tuple(f"{part}.{kind}." for part in PARTS for kind in ("vision", "audio"))
    state = load_state(name, folder, PUBLISHED)
    state = {key: value for key, value in state.items() if key.startswith(wanted)}
    return Judge(filled(ImageBind, state, name), device)

"""WavLM-large with ECAPA-TDNN (UniSpeech speaker verification), the judge of SIM-O in the paper: embedding [256].

Weights: the published wavlm_large_finetune.pth in a folder. All 25 hidden states are mixed with learned weights,
normalised over time, and read by ECAPA-TDNN (Desplanques et al. 2020, arXiv 2005.07143). The WavLM half runs in
transformers under that library's names; the head keeps the published names.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import filled, load_state

JUDGES = {"wavlm-large-ecapa": ("speaker",)}
PUBLISHED = "wavlm_large_finetune.pth"
SAMPLE_RATE = 16_000
LEAST = 1_600  # samples that give the frames a normalisation over time needs
TRAINING_ONLY = "loss_calculator."
WAVLM = "feature_extract.model."
# Published names of the WavLM half and those of transformers, first match counts.
NAMES = (
    (r"^mask_emb$", "masked_spec_embed"),
    (r"^(feature_extractor\.conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"^(feature_extractor\.conv_layers\.\d+)\.2\.1\.", r"\1.layer_norm."),
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^encoder\.pos_conv\.0\.weight_g$", "encoder.pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"^encoder\.pos_conv\.0\.weight_v$", "encoder.pos_conv_embed.conv.parametrizations.weight.original1"),
    (r"^encoder\.pos_conv\.0\.", "encoder.pos_conv_embed.conv."),
    (r"self_attn\.relative_attention_bias\.", "attention.rel_attn_embed."),
    (r"self_attn\.grep_a$", "attention.gru_rel_pos_const"),
    (r"self_attn\.grep_linear\.", "attention.gru_rel_pos_linear."),
    (r"self_attn_layer_norm\.", "layer_norm."),
    (r"self_attn\.", "attention."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
)  # fmt: skip
LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "num_buckets": 320,
    "max_bucket_distance": 800,
}


@dataclass(frozen=True)
class Config:
    """Sizes; the defaults are the published ones."""

    wavlm: dict[str, Any] = field(default_factory=lambda: dict(LARGE))
    channels: int = 512
    pooled: int = 1536
    attention: int = 128
    squeeze: int = 128
    scale: int = 8
    dim: int = 256


class ConvReluNorm(nn.Module):
    """Convolution over time, ReLU, batch normalisation."""

    def __init__(self, inner: int, outer: int, kernel: int = 1):
        super().__init__()
        self.conv = nn.Conv1d(inner, outer, kernel, padding=kernel // 2)
        self.bn = nn.BatchNorm1d(outer)

    def forward(self, x: Float[Tensor, "b c n"]) -> Float[Tensor, "b d n"]:
        """Frames keep their number."""
        return self.bn(self.conv(x).relu())


class Res2(nn.Module):
    """Groups of channels, each convolved after the previous group's result was added; the last stays."""

    def __init__(self, channels: int, scale: int, dilation: int):
        super().__init__()
        self.width = channels // scale
        groups = range(scale - 1)
        self.convs = nn.ModuleList(
            nn.Conv1d(self.width, self.width, 3, padding=dilation, dilation=dilation)
            for _ in groups
        )
        self.bns = nn.ModuleList(nn.BatchNorm1d(self.width) for _ in groups)

    def forward(self, x: Float[Tensor, "b c n"]) -> Float[Tensor, "b c n"]:
        """Same shape."""
        *groups, last = x.split(self.width, dim=1)
        done: list[Tensor] = []
        for group, conv, norm in zip(groups, self.convs, self.bns, strict=True):
            done.append(norm(conv(group + done[-1] if done else group).relu()))
        return torch.cat([*done, last], dim=1)


class Squeeze(nn.Module):
    """Channels weighted by what their means over time say."""

    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.linear1 = nn.Linear(channels, inner)
        self.linear2 = nn.Linear(inner, channels)

    def forward(self, x: Float[Tensor, "b c n"]) -> Float[Tensor, "b c n"]:
        """Same shape."""
        return x * self.linear2(self.linear1(x.mean(2)).relu()).sigmoid()[..., None]


class Block(nn.Module):
    """SE-Res2 block with a residual; the capitals are the published names."""

    def __init__(self, config: Config, dilation: int):
        super().__init__()
        c = config.channels
        self.Conv1dReluBn1 = ConvReluNorm(c, c)
        self.Res2Conv1dReluBn = Res2(c, config.scale, dilation)
        self.Conv1dReluBn2 = ConvReluNorm(c, c)
        self.SE_Connect = Squeeze(c, config.squeeze)

    def forward(self, x: Float[Tensor, "b c n"]) -> Float[Tensor, "b c n"]:
        """Same shape."""
        inner = self.Conv1dReluBn2(self.Res2Conv1dReluBn(self.Conv1dReluBn1(x)))
        return x + self.SE_Connect(inner)


class Pooling(nn.Module):
    """Mean and deviation over time, weighted by attention."""

    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.linear1 = nn.Conv1d(channels, inner, 1)
        self.linear2 = nn.Conv1d(inner, channels, 1)

    def forward(self, x: Float[Tensor, "b c n"]) -> Float[Tensor, "b d"]:
        """Twice the channels."""
        weight = self.linear2(self.linear1(x).tanh()).softmax(2)
        mean = (weight * x).sum(2)
        spread = (weight * x.square()).sum(2) - mean.square()
        return torch.cat([mean, spread.clamp(min=1e-9).sqrt()], dim=1)


class Verifier(nn.Module):
    """Waveform to speaker embedding."""

    def __init__(self, config: Config = Config()):
        super().__init__()
        from transformers import WavLMConfig, WavLMModel

        sizes = WavLMConfig(**config.wavlm)
        self.wavlm = WavLMModel(sizes)
        self.feature_weight = nn.Parameter(torch.zeros(sizes.num_hidden_layers + 1))
        self.layer1 = ConvReluNorm(sizes.hidden_size, config.channels, 5)
        self.layer2, self.layer3, self.layer4 = (Block(config, d) for d in (2, 3, 4))
        self.conv = nn.Conv1d(3 * config.channels, config.pooled, 1)
        self.pooling = Pooling(config.pooled, config.attention)
        self.bn = nn.BatchNorm1d(2 * config.pooled)
        self.linear = nn.Linear(2 * config.pooled, config.dim)

    def forward(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b d"]:
        """Every waveform is brought to mean 0 and deviation 1 first."""
        waveform = nn.functional.layer_norm(waveform, waveform.shape[-1:])
        heard = self.wavlm(waveform, output_hidden_states=True)
        # The last state is the normalised one; not every version of transformers lists it as such.
        states = (*heard.hidden_states[:-1], heard.last_hidden_state)
        mixed = torch.einsum("k,kbnd->bdn", self.feature_weight.softmax(0), torch.stack(states))
        x = self.layer1(nn.functional.instance_norm(mixed + 1e-6))
        outs = []
        for block in (self.layer2, self.layer3, self.layer4):
            x = block(x)
            outs.append(x)
        return self.linear(self.bn(self.pooling(self.conv(torch.cat(outs, dim=1)).relu())))


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published names as those of `Verifier`; the classifier of the training is left out."""
    names = {}
    for key, value in state.items():
        if key.startswith(TRAINING_ONLY):
            continue
        inner = key.removeprefix(WAVLM)
        if inner != key:
            for pattern, new in NAMES:
                inner, found = re.subn(pattern, new, inner, count=1)
                if found:
                    break
            inner = f"wavlm.{inner}"
        names[inner] = value
    return names


class Judge:
    """The network for one waveform at a time."""

    name = "wavlm-large-ecapa"

    def __init__(self, network: Verifier, device: str):
        self._network, self._device = network.eval().to(device), device

    @torch.inference_mode()
    def __call__(self, waveform: Tensor, sample_rate: int) -> Tensor:
        """Embedding [256] of one waveform [s]; shorter than 0.1 s is filled up with silence."""
        audio = torch.from_numpy(mono(waveform, sample_rate, SAMPLE_RATE))
        audio = nn.functional.pad(audio, (0, max(0, LEAST - len(audio))))
        return self._network(audio[None].to(self._device))[0].cpu()


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Judge:
    """Open the judge from a folder; WeightsError where the file is missing or of another network."""
    return Judge(filled(Verifier, renamed(load_state(name, folder, PUBLISHED)), name), device)

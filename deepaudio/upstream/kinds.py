"""The kinds of official files: which network they fill, at which sizes, and how their names are brought to ours."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from deepaudio import config as configs
from deepaudio.discover import suggest
from deepaudio.errors import UsageError, WeightsError
from deepaudio.upstream.unwrap import fold_weight_norm, without, without_prefix

State = dict[str, Tensor]

_F5_MEL = ("mel_spec.mel_stft.mel_scale.fb", "mel_spec.mel_stft.spectrogram.window")
_F5_V1 = {
    "pe_attn_head": None,
    "text_mask_padding": True,
    "text_positions": 8192,
    "zero_init": True,
}
_SYNCHFORMER_OTHERS = ("afeat_extractor.", "aproj.", "vproj.", "transformer.")
_YING_OTHERS = ("text_encoder2.", "image_encoder.", "vocos.", "mel_spec.")  # its frozen encoders
_TABLES = ("latent_rot", "clip_rot", "t_embed.freqs")
_ENERGY = "input_embed.proj_energy"


@dataclass(frozen=True)
class Kind:
    """One kind of official file. `sizes` are full-size fields over the config class's defaults; `renames` maps the
    upstream spelling of a size to ours; `prepare` brings an unwrapped state dict to our names."""

    name: str
    module: str
    network: str
    sizes: Mapping[str, Any] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[State], State] = dict
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def config(self, override: object = None) -> Any:
        """The frozen config: full size, a variant's name, a mapping of sizes, or a config as it is."""
        home = importlib.import_module(self.module)
        if isinstance(override, home.Config):
            return override
        if isinstance(override, str):
            if override not in self.variants:
                hint = suggest(override, list(self.variants))
                raise UsageError("weights.variant", f"{self.name}: no variant '{override}'", hint)
            override = self.variants[override]
        values = dict(self.sizes)
        for key, value in _flat(override or {}).items():
            values[self.renames.get(key, key)] = value
        values = {key: value for key, value in values.items() if key}
        return configs.build(home.Config, values, self.name)

    def build(self, config: Any) -> nn.Module:
        """The network with fresh weights."""
        return getattr(importlib.import_module(self.module), self.network)(config)


def _flat(override: object) -> dict[str, Any]:
    """Sizes with nested groups (backbone, head) taken apart."""
    if dataclasses.is_dataclass(override) and not isinstance(override, type):
        return dataclasses.asdict(override)
    if not isinstance(override, Mapping):
        raise UsageError(
            "weights.config", f"config must be a mapping, got {type(override).__name__}"
        )
    flat: dict[str, Any] = {}
    for key, value in override.items():
        flat |= _flat(value) if isinstance(value, Mapping) else {key: value}
    return flat


def _f5(state: State) -> State:
    return without_prefix(without(state, _F5_MEL), "transformer.")


def _bigvgan(state: State) -> State:
    return fold_weight_norm(state, "bigvgan")


def _clip(state: State) -> State:
    """Names as open_clip has them; some releases hold the scale of the logits as a vector of one."""
    named = without_prefix(state, "towers.")
    if "logit_scale" in named and named["logit_scale"].numel() == 1:
        named["logit_scale"] = named["logit_scale"].reshape(())
    return {f"towers.{name}": tensor for name, tensor in named.items()}


def _ying(state: State) -> State:
    return without(state, prefixes=_YING_OTHERS)


def _synchformer(state: State) -> State:
    return without(state, prefixes=_SYNCHFORMER_OTHERS)


def _mmaudio(state: State) -> State:
    for name in ("latent_mean", "latent_std"):
        if name in state and not bool(torch.isfinite(state[name]).all()):
            raise WeightsError(
                "weights.latent_statistics",
                f"mmaudio: {name} holds NaN: this network was saved without its latent statistics",
                hint="take the official file; every output would be NaN",
                tensor=name,
            )
    return without(state, _TABLES)


def mmaudio_variant(state: Mapping[str, Tensor]) -> str | None:
    """The official variant whose sizes the tensors have; None when none fits."""
    latent, projection = state.get("latent_mean"), state.get("audio_input_proj.0.weight")
    sinusoids = state.get("t_embed.mlp.0.weight")
    known = (latent, projection, sinusoids)
    if latent is None or projection is None or sinusoids is None or not all(t.ndim for t in known):
        return None
    depth = len({name.split(".")[1] for name in state if name.startswith("fused_blocks.")})
    found = (latent.shape[-1], projection.shape[0], depth, sinusoids.shape[-1])
    for variant in _MM_VARIANTS:
        c = KINDS["mmaudio"].config(variant)
        sines = c.hidden_dim if c.v2 else 256
        if found == (c.latent_dim, c.hidden_dim, c.fused_depth, sines):
            return variant
    return None


def _vocos(state: State) -> State:
    return without(state, prefixes=("feature_extractor.",))


def for_state(kind: Kind, state: Mapping[str, Tensor]) -> Kind:
    """The kind as it is, or for a file that holds the YingSound transformer alone the kind of that."""
    if kind.name == "ys-24k" and "registers" in state:
        return dataclasses.replace(kind, network="Transformer")
    return kind


def add_energy_input(state: State, wanted: Mapping[str, Tensor]) -> State:
    """Plain F5 weights for a network with the energy input: zeros, so the sound does not change (section 3)."""
    names = [name for name in wanted if name.startswith(_ENERGY)]
    if any(name in state for name in names):
        return state
    return state | {name: torch.zeros(wanted[name].shape) for name in names}


# sizes that upstream states beside the network and ours reads from the tensors
_UNUSED = ""
_MM_RENAMES = {
    "num_heads": "heads",
    "text_seq_len": "text_len",
    "latent_seq_len": _UNUSED,
    "clip_seq_len": _UNUSED,
    "sync_seq_len": _UNUSED,
}
_MM_44K = {"latent_dim": 40}
_MM_MEDIUM = _MM_44K | {"hidden_dim": 896, "heads": 14}
_MM_LARGE = _MM_MEDIUM | {"depth": 21, "fused_depth": 14}
_MM_VARIANTS = {
    "small_16k": {},
    "small_44k": _MM_44K,
    "medium_44k": _MM_MEDIUM,
    "large_44k": _MM_LARGE,
    "large_44k_v2": _MM_LARGE | {"v2": True},
}
_F5_RENAMES = {"text_num_embeds": "vocab_size", "long_skip_connection": "long_skip"}
_BIGVGAN_RENAMES = {
    "num_mels": "n_mels",
    "sampling_rate": "sample_rate",
    "upsample_kernel_sizes": "upsample_kernels",
    "resblock_kernel_sizes": "resblock_kernels",
    "use_tanh_at_final": "tanh_at_final",
    "use_bias_at_final": "bias_at_final",
}
_BIGVGAN_44K = {
    "n_mels": 128,
    "sample_rate": 44100,
    "upsample_rates": (8, 4, 2, 2, 2, 2),
    "upsample_kernels": (16, 8, 4, 4, 4, 4),
    "tanh_at_final": False,
    "bias_at_final": False,
}
_SYNCHFORMER_RENAMES = {"embed": "dim", "embed_dim": "dim", "num_heads": "heads"}
_VOCOS_RENAMES = {"input_channels": "n_mels", "num_layers": "n_layers", "padding": _UNUSED}
_YS_RENAMES = {
    "dim_text": "visual_dim",
    "max_seq_len": "max_len",
    "num_registers": "registers",
    "num_channels": "latent_dim",
}

_VAE = "deepaudio.codecs.mel_vae"
_DIT = "deepaudio.models.tts.dit"
_BIGVGAN_HOME = "deepaudio.codecs.bigvgan"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "mmaudio",
            "deepaudio.models.v2a.mmdit",
            "Model",
            renames=_MM_RENAMES,
            prepare=_mmaudio,
            variants=_MM_VARIANTS,
        ),
        Kind("mmaudio-vae-16k", _VAE, "MelVAE"),
        Kind(
            "mmaudio-vae-44k",
            _VAE,
            "MelVAE",
            sizes={"data_dim": 128, "embed_dim": 40, "hidden_dim": 512},
        ),
        Kind("bigvgan-16k", _BIGVGAN_HOME, "BigVGAN", renames=_BIGVGAN_RENAMES, prepare=_bigvgan),
        Kind(
            "bigvgan-v2",
            _BIGVGAN_HOME,
            "BigVGAN",
            sizes=_BIGVGAN_44K,
            renames=_BIGVGAN_RENAMES,
            prepare=_bigvgan,
        ),
        Kind(
            "synchformer",
            "deepaudio.encoders.synchformer",
            "Synchformer",
            renames=_SYNCHFORMER_RENAMES,
            prepare=_synchformer,
        ),
        Kind("clip", "deepaudio.encoders.clip", "Clip", prepare=_clip),
        Kind("f5-v0", _DIT, "Model", renames=_F5_RENAMES, prepare=_f5),
        Kind("f5-v1", _DIT, "Model", sizes=_F5_V1, renames=_F5_RENAMES, prepare=_f5),
        Kind(
            "deepaudio-v2s",
            _DIT,
            "Model",
            sizes={"energy": True},
            renames=_F5_RENAMES,
            prepare=_f5,
        ),
        Kind("vocos", "deepaudio.codecs.vocos", "Vocos", renames=_VOCOS_RENAMES, prepare=_vocos),
        Kind(
            "ys-24k",
            "deepaudio.models.v2a.crossdit",
            "Model",
            renames=_YS_RENAMES,
            prepare=_ying,
        ),
    )
}
PLAIN_F5 = frozenset({"f5-v0", "f5-v1"})


def find(name: str) -> Kind:
    """The kind of that name; an unknown one is a UsageError that names the nearest."""
    if name not in KINDS:
        raise UsageError("weights.kind", f"no kind '{name}'", hint=suggest(name, list(KINDS)))
    return KINDS[name]

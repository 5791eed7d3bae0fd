"""Official checkpoints (MMAudio, F5-TTS, DeepAudio-V1, Vocos, BigVGAN, Synchformer, YingSound family) as our modules.

model = deepaudio.upstream.load("mmaudio", "mmaudio_small_16k.pth")
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepaudio.errors import UsageError
from deepaudio.upstream import kinds, strict
from deepaudio.upstream.source import read
from deepaudio.upstream.unwrap import state_dict_of

__all__ = ["convert", "load"]


def load(kind: str, source: str | Path | Mapping[str, Any], config: Any | None = None) -> nn.Module:
    """Our module from an official state dict or file; float32, evaluation mode, on the CPU.

    `kind` is one of mmaudio, mmaudio-vae-16k, mmaudio-vae-44k, bigvgan-16k, bigvgan-v2, synchformer, f5-v0, f5-v1,
    deepaudio-v2s, vocos, ys-24k. `source` is a path (safetensors, or a pickle that `weights_only=True` accepts) or a
    mapping as such a file holds it: bare, wrapped in a training checkpoint, or an EMA dictionary. `config` is the
    network's config, a mapping of sizes (ours or upstream's names) over the full size, or a variant's name
    (mmaudio: small_16k, small_44k, medium_44k, large_44k, large_44k_v2).

    The module owns its tensors: the file or the mapping may change afterwards. Sequences are (b n c), channel last, in
    and out of every network; upstream's (b c n) has to be turned. A ys-24k file of the transformer alone gives the
    transformer alone.

    Raises WeightsError that names unknown, missing, misshapen or non-finite tensors. One exception: plain F5 weights
    may lack the energy input when the config asks for it; it starts at zero then.
    """
    state, sizes, entry = _converted(kind, source, config)
    for name in state:  # off the file's pages, one by one
        state[name] = state[name].clone()
    return strict.fill(lambda: entry.build(sizes), state, kind)


def convert(
    kind: str, source: str | Path | Mapping[str, Any], config: Any | None = None
) -> tuple[dict[str, Tensor], Any]:
    """(state dict under our names in float32, config), checked tensor by tensor; no network is allocated.

    The tensors may be those of the source.
    """
    state, sizes, _ = _converted(kind, source, config)
    return state, sizes


def _converted(
    kind: str, source: str | Path | Mapping[str, Any], config: Any | None
) -> tuple[dict[str, Tensor], Any, kinds.Kind]:
    entry = kinds.find(kind)
    sizes = None if config is None else entry.config(config)
    state = entry.prepare(state_dict_of(read(source), kind))
    entry = kinds.for_state(entry, state)
    if sizes is None:
        sizes = entry.config(kinds.mmaudio_variant(state) if kind == "mmaudio" else None)
    try:
        with torch.device("meta"):
            wanted = entry.build(sizes).state_dict()
    except (ArithmeticError, IndexError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            "weights.config", f"{kind}: no network has these sizes: {reason}"
        ) from error
    if kind in kinds.PLAIN_F5:
        state = kinds.add_energy_input(state, wanted)
    state = {name: strict.float32(tensor) for name, tensor in state.items()}
    strict.check(state, wanted, kind)
    return state, sizes, entry

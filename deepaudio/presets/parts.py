"""Parts as modules: networks in float32 on the CPU, tokenizers, pretrained folders; each checked before it is used."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from deepaudio import checkpoint
from deepaudio.codecs.encodec import EncodecLatents
from deepaudio.encoders.flan_t5 import FlanT5, quiet_loading
from deepaudio.errors import WeightsError
from deepaudio.presets import store
from deepaudio.presets.importing import VOCABULARY_FILE
from deepaudio.presets.official import Part
from deepaudio.text.f5_tokenizer import F5Tokenizer
from deepaudio.upstream import kinds, strict


def network(wanted: Part, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The network of a part, in evaluation mode, its floating weights in `dtype`; WeightsError when anything is off."""
    folder = store.checked(wanted)
    description, state = checkpoint.load(folder, dtype)
    if description.get("kind") != wanted.kind or not isinstance(description.get("config"), dict):
        raise WeightsError(
            "weights.config",
            f"{wanted.name}: config.json describes {description.get('kind')!r}, not {wanted.kind}",
            path=str(folder),
        )
    entry = kinds.for_state(kinds.find(wanted.kind), state)
    sizes = entry.config(description["config"])
    module = strict.fill(lambda: entry.build(sizes), state, wanted.name)
    return module.to(dtype).requires_grad_(False)


def tokenizer(wanted: Part) -> F5Tokenizer:
    """The F5 tokenizer with the imported vocabulary."""
    return F5Tokenizer.read(store.checked(wanted) / VOCABULARY_FILE, n_lines=None)


def flan_t5(wanted: Part, dtype: torch.dtype = torch.float32) -> FlanT5:
    """The caption encoder."""
    return FlanT5.load(store.checked(wanted), dtype)


def encodec(wanted: Part, dtype: torch.dtype = torch.float32) -> EncodecLatents:
    """The continuous EnCodec codec."""
    from transformers import EncodecModel

    return EncodecLatents(_pretrained(EncodecModel, store.checked(wanted), dtype))


def image_encoder(wanted: Part, dtype: torch.dtype = torch.float32) -> nn.Module:
    """CLIP ViT-bigG's image tower with its projection, through transformers."""
    from transformers import CLIPVisionModelWithProjection

    return _pretrained(CLIPVisionModelWithProjection, store.checked(wanted), dtype)


def _pretrained(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    try:
        with quiet_loading():
            model, info = kind.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                dtype=dtype,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            "weights.damaged", f"{folder.name}: {reason}", path=str(folder)
        ) from error
    if info["missing_keys"]:
        names = ", ".join(sorted(info["missing_keys"])[:5])
        raise WeightsError("weights.mismatch", f"{folder.name}: missing tensors: {names}")
    return model.eval().to(dtype)

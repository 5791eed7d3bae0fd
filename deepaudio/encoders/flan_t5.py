"""FLAN-T5 encoder states of instructions and captions, through transformers, from a local folder."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoTokenizer, PreTrainedTokenizerBase, T5EncoderModel
from transformers.utils import logging

from deepaudio.errors import WeightsError


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """transformers draws bars and reports on stderr while it loads; errors are told in our own words."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


class TextStates(NamedTuple):
    """Last hidden states and which of them are tokens."""

    states: Float[Tensor, "b l d"]
    mask: Bool[Tensor, "b l"]

    def mean(self) -> Float[Tensor, "b d"]:
        """Average over tokens; padding does not count."""
        weight = self.mask[..., None].to(self.states.dtype)
        return (self.states * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


class FlanT5(nn.Module):
    """Frozen T5 encoder with its tokenizer; `d_model` is 1024 for google/flan-t5-large."""

    def __init__(self, encoder: T5EncoderModel, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, folder: str | Path, dtype: torch.dtype = torch.float32) -> "FlanT5":
        """From a folder with config.json, model.safetensors and the tokenizer; never from the network.

        Raises WeightsError when a file is missing or damaged.
        """
        folder = Path(folder)
        for name in ("config.json", "model.safetensors"):
            if not (folder / name).is_file():
                raise WeightsError(
                    "weights.missing", f"no {name} in {folder}", path=str(folder / name)
                )
        try:
            with quiet_loading():
                encoder, info = T5EncoderModel.from_pretrained(
                    folder,
                    local_files_only=True,
                    use_safetensors=True,
                    output_loading_info=True,
                    dtype=dtype,
                )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise WeightsError(
                "weights.damaged", f"{folder.name}: {reason}", path=str(folder)
            ) from error
        if info["missing_keys"]:
            missing = ", ".join(sorted(info["missing_keys"])[:5])
            raise WeightsError("weights.mismatch", f"{folder.name}: missing tensors: {missing}")
        return cls(encoder.to(dtype), tokenizer)

    @property
    def dim(self) -> int:
        return self.encoder.config.d_model

    @torch.no_grad()
    def forward(self, texts: Sequence[str], max_tokens: int = 256) -> TextStates:
        """States of a batch of texts, padded to the longest."""
        batch = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=max_tokens, return_tensors="pt"
        ).to(self.encoder.device)
        output = self.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
        return TextStates(output.last_hidden_state, batch.attention_mask.bool())

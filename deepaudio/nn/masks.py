"""Boolean masks over frames: lengths, valid frames, infilling spans, folding."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor


def lengths_to_mask(lengths: Int[Tensor, " b"], n_frames: int | None = None) -> Bool[Tensor, "b n"]:
    """True for the first `lengths[i]` frames of item i."""
    n = int(lengths.max()) if n_frames is None else n_frames
    return torch.arange(n, device=lengths.device)[None, :] < lengths[:, None]


def zero_invalid(x: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"] | None) -> Tensor:
    """`x` with exact zeros where the mask is false; unchanged without a mask."""
    return x if mask is None else x.masked_fill(~mask[..., None], 0.0)


def random_spans(
    lengths: Int[Tensor, " b"],
    low: float,
    high: float,
    generator: Generator,
    n_frames: int | None = None,
) -> Bool[Tensor, "b n"]:
    """One contiguous span per item, covering a fraction U(low, high) of its valid frames.

    The span is what the flow has to infill; the other valid frames are its audio condition
    (infilling objective of Voicebox and F5-TTS: low 0.7, high 1.0).
    """
    n = int(lengths.max()) if n_frames is None else n_frames
    draws = torch.rand(2, lengths.shape[0], generator=generator, device=generator.device)
    fraction, place = draws.to(lengths.device)
    size = ((low + (high - low) * fraction) * lengths).long()
    start = (place * (lengths - size + 1)).long().clamp(max=(lengths - size))
    position = torch.arange(n, device=lengths.device)[None, :]
    return (position >= start[:, None]) & (position < (start + size)[:, None])

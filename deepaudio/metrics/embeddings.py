"""Cosines of embeddings: speaker against ground truth and voice prompt, emotion (section 4.2), ImageBind, CLIP.

The paper gives no recipe for the CLIP score; this is the usage of V2A-Mapper and FoleyCrafter: the mean of the frames' image
embeddings against an audio embedding mapped into the same space (Wav2CLIP).
"""

import torch
from torch import Tensor

from deepaudio.metrics import Metric


def cosine(a: Tensor, b: Tensor) -> float:
    """Cosine of two vectors [d]; ValueError for zero, non-finite or unequal vectors."""
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"expected two [d], got {list(a.shape)} and {list(b.shape)}")
    a, b = a.double(), b.double()
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise ValueError("an embedding is not finite")
    scale = float(a.norm() * b.norm())
    if scale == 0.0:
        raise ValueError("an embedding is zero")
    return float(a @ b) / scale


METRICS = {
    "speaker_similarity": Metric(
        "SPK-SIM",
        ("output_speaker", "target_speaker"),
        "higher",
        cosine,
        tasks=("v2s", "tts"),
        scale=100.0,
        silent=0.0,
    ),
    "prompt_similarity": Metric(
        "SIM-O",
        ("output_speaker", "reference_speaker"),
        "higher",
        cosine,
        tasks=("v2s", "tts"),
        scale=100.0,
        silent=0.0,
    ),
    "emotion_similarity": Metric(
        "EMO-SIM",
        ("output_emotion", "target_emotion"),
        "higher",
        cosine,
        tasks=("v2s", "tts"),
        scale=100.0,
        silent=0.0,
    ),
    "imagebind_score": Metric(
        "IB",
        ("output_imagebind", "video_imagebind"),
        "higher",
        cosine,
        tasks=("v2a",),
        scale=100.0,
        silent=0.0,
    ),
    "clip_score": Metric(
        "CLIP",
        ("output_clip", "video_clip"),
        "higher",
        cosine,
        tasks=("v2a",),
        scale=100.0,
        silent=0.0,
    ),
}

"""CLIP score: cosine, times 100, of the picture's and the sound's embedding in CLIP space.

The paper gives no recipe; this is the usage of V2A-Mapper and FoleyCrafter: the mean of the
frames' image embeddings against an audio embedding mapped into the same space (Wav2CLIP).
"""

from torch import Tensor

from deepaudio.metrics.similarity import cosine

TITLE = "CLIP"
NEEDS = ("output_clip", "video_clip")
BETTER = "higher"
TASKS = ("v2a",)
SCALE = 100.0
SILENT = 0.0


def compute(output_clip: Tensor, video_clip: Tensor) -> float:
    """Cosine of an audio [d] and a picture [d] embedding."""
    return cosine(output_clip, video_clip)

"""IB-score: cosine of ImageBind's embeddings of picture and sound."""

from torch import Tensor

from deepaudio.metrics.similarity import cosine

TITLE = "IB"
NEEDS = ("output_imagebind", "video_imagebind")
BETTER = "higher"
TASKS = ("v2a",)
SCALE = 100.0
SILENT = 0.0


def compute(output_imagebind: Tensor, video_imagebind: Tensor) -> float:
    """Cosine of two embeddings [d]."""
    return cosine(output_imagebind, video_imagebind)

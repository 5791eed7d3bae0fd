"""EMO-SIM: cosine of the emotion embeddings of output and ground truth (section 4.2)."""

from torch import Tensor

from deepaudio.metrics.similarity import cosine

TITLE = "EMO-SIM"
NEEDS = ("output_emotion", "target_emotion")
BETTER = "higher"
TASKS = ("v2s", "tts")
SCALE = 100.0
SILENT = 0.0


def compute(output_emotion: Tensor, target_emotion: Tensor) -> float:
    """Cosine of two embeddings [d]."""
    return cosine(output_emotion, target_emotion)

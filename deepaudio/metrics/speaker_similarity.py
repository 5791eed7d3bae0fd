"""Speaker similarity: cosine of the speaker embeddings of output and ground truth (section 4.2)."""

from torch import Tensor

from deepaudio.metrics.similarity import cosine

TITLE = "SPK-SIM"
NEEDS = ("output_speaker", "target_speaker")
BETTER = "higher"
TASKS = ("v2s", "tts")
SCALE = 100.0
SILENT = 0.0


def compute(output_speaker: Tensor, target_speaker: Tensor) -> float:
    """Cosine of two embeddings [d]."""
    return cosine(output_speaker, target_speaker)

"""SIM-O: cosine of the speaker embeddings of output and voice prompt (section 4.2)."""

from torch import Tensor

from deepaudio.metrics.similarity import cosine

TITLE = "SIM-O"
NEEDS = ("output_speaker", "reference_speaker")
BETTER = "higher"
TASKS = ("v2s", "tts")
SCALE = 100.0
SILENT = 0.0


def compute(output_speaker: Tensor, reference_speaker: Tensor) -> float:
    """Cosine of two embeddings [d]."""
    return cosine(output_speaker, reference_speaker)

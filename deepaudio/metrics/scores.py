"""Numbers that a judge gives as they are: MOS, DeSync, the gate's direction."""

from deepaudio.metrics import Metric


def mos(output_quality: dict[str, float]) -> float:
    """Predicted opinion score of the whole signal, 1 to 5 (DNSMOS overall, P.835).

    The overall score of one utterance.
    """
    return output_quality["overall"]


def desync(output_offsets: list[float]) -> float:
    """DeSync: mean absolute offset between audio and video that Synchformer predicts, in seconds.

    Mean of the absolute offsets of the first and the last window.
    """
    return sum(abs(offset) for offset in output_offsets) / len(output_offsets)


def gate_accuracy(label: str, output_direction: str) -> float:
    """Gate accuracy: share of instructions that the MoF gate routes to the right direction.

    1 where the direction is the label, else 0.
    """
    return float(label == output_direction)


METRICS = {
    "mos": Metric("MOS", ("output_quality",), "higher", mos, tasks=("v2s", "tts"), silent=1.0),
    "desync": Metric(
        "DeSync (s)", ("output_offsets",), "lower", desync, tasks=("v2a",), silent=2.0
    ),
    "gate_accuracy": Metric(
        "gate accuracy",
        ("label", "output_direction"),
        "higher",
        gate_accuracy,
        tasks=("mof",),
        scale=100.0,
    ),
}

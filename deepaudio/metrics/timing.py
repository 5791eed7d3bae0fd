"""Where speech starts and ends, how long it is and how fast.

Against the word alignments of GRID (99 clips of one talker with breaths and lip noise) the real
audio's own start is found 73 ms off on average, its end 29 ms (medians 36 and 21 ms): a closed "b" or
"p" makes no sound, and some alignments are wrong by up to half a second.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad
from torchaudio.transforms import MelSpectrogram

from deepaudio.audio.grid import HOP, SAMPLE_RATE
from deepaudio.metrics import Metric
from deepaudio.metrics.energy import smooth
from deepaudio.metrics.transcripts import normalised

SMOOTH_FRAMES = 5
THRESHOLD = 0.35  # between floor (10th percentile, or RANGE_DB below) and top (95th percentile)
RANGE_DB = 45.0
ISLAND_FRAMES = 10  # 0.11 s: shorter gaps are closed, then shorter islands ignored
MISSED = 5.0  # seconds that an output without speech costs, and the most that one may


@cache
def _mel() -> MelSpectrogram:
    return MelSpectrogram(
        SAMPLE_RATE, n_fft=1024, hop_length=HOP, n_mels=40, f_min=100.0, f_max=8000.0, power=1.0
    )


def speech_span(waveform: Float[Tensor, " s"]) -> tuple[float, float]:
    """Start and end in seconds of the speech in a waveform [s] at 24 kHz: the level of the speech band, islands left out.

    ValueError where the level is flat (silence, constant noise): there is nothing to locate.
    """
    short = max(0, 1024 - len(waveform))
    level = _mel()(pad(waveform.float(), (0, short))).mean(0)
    decibel = 20 * (smooth(level, SMOOTH_FRAMES) + 1e-7).log10()
    floor, top = torch.quantile(decibel, torch.tensor([0.10, 0.95], dtype=decibel.dtype)).tolist()
    if top - floor < 3.0:
        raise ValueError("the level is flat: no speech to locate")
    floor = max(floor, top - RANGE_DB)
    runs = _runs(torch.nonzero(decibel > floor + THRESHOLD * (top - floor))[:, 0].tolist())
    runs = [run for run in runs if run[1] - run[0] >= ISLAND_FRAMES] or runs
    return runs[0][0] * HOP / SAMPLE_RATE, runs[-1][1] * HOP / SAMPLE_RATE


def _runs(frames: list[int]) -> list[tuple[int, int]]:
    """Runs [first, last + 1) of rising frame numbers, gaps up to ISLAND_FRAMES closed."""
    runs: list[tuple[int, int]] = []
    for frame in frames:
        if runs and frame - (runs[-1][1] - 1) <= ISLAND_FRAMES:
            runs[-1] = (runs[-1][0], frame + 1)
        else:
            runs.append((frame, frame + 1))
    return runs


def start_error(output_span: tuple[float, float], target_span: tuple[float, float]) -> float:
    """Start error: how far from the real speech, in seconds, the output's speech starts.

    Absolute difference in seconds of two spans (start, end), at most MISSED.

    The real times are those of the manifest (word alignments) where it has them.
    """
    return min(abs(output_span[0] - target_span[0]), MISSED)


def end_error(output_span: tuple[float, float], target_span: tuple[float, float]) -> float:
    """End error: how far from the real speech, in seconds, the output's speech ends.

    Absolute difference in seconds of two spans (start, end), at most MISSED.

    The real times are those of the manifest (word alignments) where it has them.
    """
    return min(abs(output_span[1] - target_span[1]), MISSED)


def length_error(output_seconds: float, clip_seconds: float) -> float:
    """Length error: difference in seconds between output and clip (the target where there is none).

    Absolute difference in seconds.
    """
    return abs(output_seconds - clip_seconds)


def speaking_rate_error(
    output_transcript: str,
    output_span: tuple[float, float],
    text: str,
    target_span: tuple[float, float],
) -> float:
    """Speaking-rate error: relative difference in words per second of speech between output and target.

    |output rate - target rate| / target rate; words from the judge, seconds from the spans.
    """
    target = _rate(text, target_span)
    return abs(_rate(output_transcript, output_span) - target) / target


def _rate(text: str, span: tuple[float, float]) -> float:
    n_words = len(normalised(text).split())
    return n_words / (span[1] - span[0])


METRICS = {
    "start_error": Metric(
        "start error (s)",
        ("output_span", "target_span"),
        "lower",
        start_error,
        tasks=("v2s",),
        silent=MISSED,
    ),
    "end_error": Metric(
        "end error (s)",
        ("output_span", "target_span"),
        "lower",
        end_error,
        tasks=("v2s",),
        silent=MISSED,
    ),
    "length_error": Metric(
        "length error (s)",
        ("output_seconds", "clip_seconds"),
        "lower",
        length_error,
        tasks=("v2s", "v2a"),
    ),
    "speaking_rate_error": Metric(
        "rate error",
        ("output_transcript", "output_span", "text", "target_span"),
        "lower",
        speaking_rate_error,
        tasks=("v2s", "tts"),
        scale=100.0,
        silent=1.0,
    ),
}

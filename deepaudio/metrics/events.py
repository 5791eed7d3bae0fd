"""Sound onsets, and how they match known events and motion.

Onset detection by spectral flux, with the definitions and defaults of librosa.onset.

Mel power in dB (22.05 kHz, FFT 2048, hop 512, 128 Slaney mels, 80 dB range), mean positive
difference of neighbouring frames, normalised; peaks of it that stand out of a moving mean.
"""

from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from deepaudio.metrics import Metric

SAMPLE_RATE = 22_050
N_FFT, HOP, N_MELS = 2048, 512, 128
RANGE_DB = 80.0
DELTA = 0.07
# Windows in frames: 30 ms before for the maximum and the wait, 100 ms either side for the mean.
PRE_MAX = WAIT = int(0.03 * SAMPLE_RATE // HOP)
AROUND = int(0.10 * SAMPLE_RATE // HOP)
MISSED = 1.0  # seconds that an event without any onset costs, and the most that one may cost
MOTION_FLOOR = 0.1


@cache
def _mel() -> MelSpectrogram:
    return MelSpectrogram(
        SAMPLE_RATE,
        n_fft=N_FFT,
        hop_length=HOP,
        n_mels=N_MELS,
        f_min=0.0,
        f_max=SAMPLE_RATE / 2,
        norm="slaney",
        mel_scale="slaney",
        pad_mode="constant",
        power=2.0,
    )


def onset_strength(waveform: Float[Tensor, " s"]) -> Float[Tensor, " n"]:
    """Spectral flux of a waveform [s] at 22.05 kHz, one value a hop."""
    power = 10.0 * _mel()(waveform.float()).clamp(min=1e-10).log10()
    power = torch.maximum(power, power.max() - RANGE_DB)
    flux = power.diff(dim=1).clamp(min=0).mean(0)
    shift = 1 + N_FFT // (2 * HOP)
    return torch.nn.functional.pad(flux, (shift, 0))[: power.shape[1]]


def onset_times(waveform: Float[Tensor, " s"]) -> list[float]:
    """Onsets of a waveform [s] at 22.05 kHz, in seconds; none for constant signals."""
    strength = onset_strength(waveform).double()
    strength = strength - strength.min()
    if float(strength.max()) <= 0:
        return []
    strength = (strength / strength.max()).tolist()
    peaks, frame = [], 0
    while frame < len(strength):
        here = strength[frame]
        around = strength[max(0, frame - AROUND) : frame + AROUND + 1]
        if here == max(strength[max(0, frame - PRE_MAX) : frame + 1]) and (
            here >= sum(around) / len(around) + DELTA
        ):
            peaks.append(frame * HOP / SAMPLE_RATE)
            frame += WAIT
        frame += 1
    return peaks


def onset_error(output_onsets: Sequence[float], target_onsets: Sequence[float]) -> float:
    """Onset error: mean distance in seconds from each known event to the nearest onset of the output.

    Mean over the target's events, each at most MISSED. ValueError where there are no events.
    """
    if len(target_onsets) == 0:
        raise ValueError("the target has no onsets")
    return sum(
        min([MISSED, *(abs(event - onset) for onset in output_onsets)]) for event in target_onsets
    ) / len(target_onsets)


def av_align(output_onsets: Sequence[float], video_motion: tuple[Sequence[float], float]) -> float:
    """AV-align: share of matched peaks of audio onsets and of motion in the video (TempoTokens).

    Matched over all peaks; `video_motion` is (mean flow magnitude per frame, frames per second).

    Every onset takes the first free motion peak nearer than one frame. No peaks at all: 0.
    """
    flow, frame_rate = video_motion
    return matched_share(output_onsets, motion_peaks(flow, frame_rate), frame_rate)


def motion_peaks(flow: Sequence[float], frame_rate: float) -> list[float]:
    """Seconds of the strict local maxima of the flow that reach MOTION_FLOOR."""
    return [
        i / frame_rate
        for i in range(1, len(flow) - 1)
        if flow[i - 1] < flow[i] > flow[i + 1] and flow[i] >= MOTION_FLOOR
    ]


def matched_share(onsets: Sequence[float], peaks: Sequence[float], frame_rate: float) -> float:
    """Intersection over union of two lists of times in seconds."""
    free = list(peaks)
    matched = 0
    for onset in onsets:
        near = next((peak for peak in free if abs(onset - peak) < 1 / frame_rate), None)
        if near is not None:
            free.remove(near)
            matched += 1
    union = len(onsets) + len(peaks) - matched
    return matched / union if union else 0.0


METRICS = {
    "onset_error": Metric(
        "onset error (s)",
        ("output_onsets", "target_onsets"),
        "lower",
        onset_error,
        tasks=("v2a",),
        silent=MISSED,
    ),
    "av_align": Metric(
        "AV-align", ("output_onsets", "video_motion"), "higher", av_align, tasks=("v2a",)
    ),
}

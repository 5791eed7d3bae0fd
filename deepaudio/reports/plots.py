"""Plots for reports: spectrograms, PNG as data URIs."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor
from torchaudio.functional import resample

from deepaudio.audio.energy import energy_contour
from deepaudio.audio.mel import MelConfig, log_mel

RATE = 16_000
N_FFT, HOP = 512, 160
RANGE_DB = 80.0

Span = tuple[float, float, str]


def spectrogram(waveform: Float[Tensor, " s"], sample_rate: int, slots: Sequence[Span] = ()) -> str:
    """Power in dB from 0 to 8 kHz, with the slots' edges."""
    figure = Figure(figsize=(9, 2.2), layout="constrained")
    axes = figure.subplots()
    image, seconds = _decibels(waveform, sample_rate)
    axes.imshow(
        image, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, RATE / 2000)
    )
    for start, end, _ in slots:
        for edge in (start, end):
            axes.axvline(edge, color="white", linewidth=0.6, linestyle=":")
    axes.set(xlabel="s", ylabel="kHz")
    return _uri(figure)


def mel_image(waveform: Float[Tensor, " s"], sample_rate: int, path: Path) -> None:
    """The log-mel spectrogram that the speech networks see, 100 bins up to 12 kHz, as a PNG."""
    config = MelConfig()
    mel = log_mel(resample(waveform.float(), sample_rate, config.sample_rate)[None])[0]
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    extent = (0, len(mel) / config.frame_rate, 0, config.n_mels)
    axes.imshow(mel.T.numpy(), origin="lower", aspect="auto", cmap="magma", extent=extent)
    axes.set(xlabel="s", ylabel="mel bin")
    figure.savefig(path, dpi=90)


def tile(waveform: Float[Tensor, " s"], sample_rate: int, seconds: float) -> str:
    """A small spectrogram without axes, for rows of systems; `seconds` wide, empty where the sound has ended."""
    figure = Figure(figsize=(3.0, 1.2), facecolor="0.9")
    axes = figure.add_axes((0, 0, 1, 1))
    image, end = _decibels(waveform, sample_rate)
    axes.imshow(image, origin="lower", aspect="auto", cmap="magma", extent=(0, end, 0, RATE / 2000))
    axes.set_xlim(0, max(seconds, end))
    axes.set_axis_off()
    return _uri(figure)


def contour_of(waveform: Float[Tensor, " s"], sample_rate: int) -> Float[Tensor, " n"]:
    """The contour of a finished track, to lay beside the one it was asked to follow."""
    return energy_contour(waveform.float(), sample_rate)


def _decibels(waveform: Tensor, sample_rate: int) -> tuple[np.ndarray, float]:
    waveform = resample(waveform.detach().cpu().float(), sample_rate, RATE)
    seconds = len(waveform) / RATE
    waveform = torch.nn.functional.pad(waveform, (0, max(0, N_FFT - len(waveform))))
    power = torch.stft(
        waveform, N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True
    ).abs()
    level = 20 * (power + 1e-6).log10()
    return level.clamp(min=float(level.max()) - RANGE_DB).numpy(), seconds


def plain(text: str) -> str:
    """Matplotlib reads `$` as mathematics and a leading `_` as "no label"."""
    return text.replace("$", r"\$").lstrip("_")[:60] or " "


def _uri(figure: Figure) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=90)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")

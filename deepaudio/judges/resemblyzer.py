"""Resemblyzer: GE2E speaker embedding [256] of unit length, at 16 kHz.

Same speaker about 0.86-0.89, different speakers 0.53-0.55 in cosine.
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from deepaudio.errors import InputError, WeightsError
from deepaudio.judges._prepare import mono

JUDGES = {"resemblyzer": ("speaker",)}
SAMPLE_RATE = 16_000
# The encoder works on 1.6 s windows; below a quarter of one there is no voice to judge.
MIN_SAMPLES = 6_400


class Resemblyzer:
    """A speaker embedder; silence and too short audio are errors, not embeddings."""

    name = "resemblyzer"

    def __init__(self, encoder: object, preprocess: object):
        self._encoder = encoder
        self._preprocess = preprocess
        self._mel = MelSpectrogram(
            SAMPLE_RATE, n_fft=400, hop_length=160, n_mels=40, norm="slaney", mel_scale="slaney",
            pad_mode="constant",
        )  # fmt: skip

    def __call__(self, waveform: Tensor, sample_rate: int) -> Tensor:
        """Embedding [256] of one waveform [s]; InputError where no voice is found."""
        audio = mono(waveform, sample_rate, SAMPLE_RATE)
        if not np.any(audio):
            raise InputError("audio.silent", "the audio is silent: no speaker to embed")
        voiced = self._preprocess(audio)
        if len(voiced) < MIN_SAMPLES:
            # The voice detector hears no speech; what there is still gets a verdict.
            voiced = audio
        if len(voiced) < MIN_SAMPLES:
            raise InputError(
                "audio.short", f"{len(voiced) / SAMPLE_RATE:.2f} s is too short to embed"
            )
        embedding = self._embedded(voiced)
        if not torch.isfinite(embedding).all():
            raise InputError("embedding.nan", "the speaker embedding is not finite")
        return embedding

    @torch.inference_mode()
    def _embedded(self, audio: np.ndarray) -> Tensor:
        """Mean over windows of 1.6 s, as the package's own `embed_utterance`, without librosa."""
        waves, mels = self._encoder.compute_partial_slices(len(audio), rate=1.3, min_coverage=0.75)
        padded = np.pad(audio, (0, max(0, waves[-1].stop - len(audio)))).astype(np.float32)
        mel = self._mel(torch.from_numpy(padded)).T
        windows = torch.stack([mel[window] for window in mels])
        mean = self._encoder(windows.to(self._encoder.device)).mean(0).cpu()
        return mean / mean.norm()


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Resemblyzer:
    """Open the embedder; its package carries the weights."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from resemblyzer import VoiceEncoder, preprocess_wav
    except ImportError as error:
        raise WeightsError(
            "judge.missing",
            f"judge '{name}' needs the package Resemblyzer ({error})",
            hint="pip install 'setuptools<80' Resemblyzer  (extra: judges)",
            judge=name,
        ) from error
    return Resemblyzer(VoiceEncoder(device=device, verbose=False), preprocess_wav)

"""The acoustic text encoder of `mini`: text -> phonemes -> speaker-independent content frames.

A frozen one-voice synthesiser (`hibari-tts`, Apache-2.0) is stopped before its waveform: its harmonic and noise
envelopes, voicing and pitch movement say which sound is made when. Time is free until the end: phonemes come with
natural durations, and the frames are read off at any phone times.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from deepaudio.audio.prior.content import (
    MIDDLE_PITCH,
    N_HARMONIC,
    N_NOISE,
    PITCH_SCALE,
    Phone,
    Spectra,
    Utterance,
    join,
)
from deepaudio.encoders import base_tts
from deepaudio.errors import InputError
from deepaudio.text.spoken import spoken

UNIT = 0.025  # seconds per unit of the base TTS's duration predictor
LEAD = 0.0625  # seconds by which its sounds come before its durations say (forced alignment of its own speech: 64 ms)
TAIL = 0.2  # seconds of silence inside its last sound before a sentence ends (measured likewise)
_FLOOR = 1e-5
_WORD_GAP = set(' ;:,.!?—…"()“”')


_FOREIGN = re.compile(r"[^\W\d_]+")
_LETTERS = re.compile(r"\b[A-Z](?:-[A-Z])+\b")  # the base TTS spells what has points: A.M, F.B.I
_LETTER_A = re.compile(r"\bA(?= (?:oh|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty)\b)")  # fmt: skip


def _only_latin(word: str | re.Match) -> str:
    """The word, or nothing where it has letters of another script: the base TTS would misread them."""
    word = word if isinstance(word, str) else word.group()
    latin = all(unicodedata.name(c, "").startswith(("LATIN", "MODIFIER")) for c in word)
    return word if latin else ""


class ContentEncoder:
    """Text to `Utterance`s. Raises ToolError when hibari-tts or onnxruntime cannot be loaded, InputError for text without a sound."""

    def __init__(self) -> None:
        self._base, self._session = base_tts.load()

    def phonemize(self, text: str) -> list[str]:
        """Phoneme strings (the base TTS's alphabet) of the spoken words, one per sentence."""
        words = _FOREIGN.sub(_only_latin, spoken(text).words)
        words = re.sub(
            r"\s+(?=[.,;:!?\s]|$)", "", _LETTERS.sub(lambda m: m.group().replace("-", "."), words)
        )
        return self._base.phonemize(_LETTER_A.sub("[A](/ˈA/)", words))

    def unspoken(self, text: str) -> list[str]:
        """What has no English sound, each once: signs and words of other scripts are left out, words without vowels spelled."""
        found = spoken(text)
        foreign = [w for w in _FOREIGN.findall(found.words) if not _only_latin(w)]
        return list(dict.fromkeys([*foreign, *found.missed]))

    def encode(self, text: str) -> Utterance:
        """All sentences of `text`, one after the other."""
        return join(self.sentences(text))

    def sentences(self, text: str) -> tuple[Utterance, ...]:
        """One utterance a sentence."""
        parts = [self.from_phonemes(p) for p in self.phonemize(text)]
        parts = [p for p in parts if any(phone.word >= 0 for phone in p.phones)]
        if not parts:
            raise InputError("script.nothing_to_say", f"no pronounceable words in {text!r}")
        return tuple(parts)

    def from_phonemes(self, phonemes: str) -> Utterance:
        """One sentence; word numbers count from 0."""
        spectra, units = self.spectra(phonemes)
        frames = content_features(spectra.harmonic, spectra.noise, spectra.residual, spectra.f0)
        phones = phones_of(self.symbols(phonemes), units * UNIT)
        return Utterance(frames, _as_heard(phones), spectra)

    def symbols(self, phonemes: str) -> list[str]:
        """What the base TTS reads of a sentence: its symbols between two pads."""
        return ["", *[c for c in phonemes if c in self._base.vocab], ""]

    def ids(self, phonemes: str) -> list[int]:
        """The numbers of `symbols` in the base TTS's alphabet, which is also Kokoro's."""
        return list(self._base.ids(phonemes))

    def spectra(self, phonemes: str) -> tuple[Spectra, np.ndarray]:
        """What the base TTS would turn into sound, and its duration units per symbol (pads included)."""
        ids = self.ids(phonemes)
        feed = {"ids": np.asarray([ids], np.int64), "speed": np.ones(1, np.float32)}
        *parts, units = self._session.run(None, feed)
        return Spectra(*(part[0] for part in parts)), np.asarray(units).reshape(-1)


@functools.lru_cache(maxsize=2)
def _bands(n: int) -> np.ndarray:
    """(601 n) mel averaging filters over the base TTS's 0-12 kHz bins."""
    from torchaudio.functional import melscale_fbanks

    bank = melscale_fbanks(601, 40.0, 12000.0, n, 24000).numpy()
    return bank / np.maximum(bank.sum(0, keepdims=True), 1e-8)


def content_features(
    log_harmonic: np.ndarray, log_noise: np.ndarray, log_residual: np.ndarray, f0: np.ndarray
) -> Tensor:
    """(601 t) spectra of the base TTS and f0 (t) -> (t DIM): voiced envelope, noise envelope, voicing, pitch movement."""
    ceiling = 7.0
    voiced = np.exp(2 * np.minimum(log_harmonic, ceiling)) + np.exp(
        2 * np.minimum(log_residual, ceiling)
    )
    envelope = np.log(np.sqrt(voiced).T @ _bands(N_HARMONIC) + _FLOOR)
    noise = np.log(np.exp(np.minimum(log_noise, ceiling)).T @ _bands(N_NOISE) + _FLOOR)
    sounding = (f0 > 40.0).astype(np.float32)
    movement = (
        np.where(sounding > 0, np.log(np.maximum(f0, 40.0) / MIDDLE_PITCH), 0.0) * PITCH_SCALE
    )
    columns = [envelope / 3, noise / 3, sounding[:, None], movement[:, None]]
    return torch.from_numpy(np.concatenate(columns, 1).astype(np.float32))


def phones_of(symbols: Sequence[str], seconds: np.ndarray) -> tuple[Phone, ...]:
    """Tile the base TTS's time with phones; stress marks join the sound after them, length marks the one before."""
    phones: list[Phone] = []
    word, clock, lead, in_word = -1, 0.0, None, False
    for symbol, length in zip(symbols, seconds, strict=True):
        start, clock = clock, clock + float(length)
        gap = symbol == "" or symbol in _WORD_GAP
        if gap:
            in_word = False
            if phones and phones[-1].word < 0:
                phones[-1] = phones[-1]._replace(end=clock, symbol=phones[-1].symbol + symbol)
            else:
                phones.append(Phone(symbol, -1, start, clock))
            continue
        if not in_word:
            word, in_word = word + 1, True
        if symbol in "ˈˌ":
            lead = start if lead is None else lead
        elif symbol in "ːʰʲ̃" and phones and phones[-1].word == word:
            phones[-1] = phones[-1]._replace(end=clock, symbol=phones[-1].symbol + symbol)
        else:
            phones.append(Phone(symbol, word, start if lead is None else lead, clock))
            lead = None
    return tuple(phones)


def _as_heard(phones: tuple[Phone, ...]) -> tuple[Phone, ...]:
    """Phone times moved to where the sounds are, the silence in a sentence's last sound given to the pause after it."""
    moved = [p._replace(start=max(0.0, p.start - LEAD), end=max(0.0, p.end - LEAD)) for p in phones]
    last = max((i for i, p in enumerate(moved) if p.word >= 0), default=None)
    if last is not None:
        end = max(moved[last].start + 0.05, moved[last].end - TAIL)
        moved[last] = moved[last]._replace(end=end)
        if last + 1 < len(moved):
            moved[last + 1] = moved[last + 1]._replace(start=end)
    return tuple(moved)

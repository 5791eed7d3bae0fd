"""Align the phones of the base TTS with real speech: forced alignment with pocketsphinx (extra `align`).

Every word is given the pronunciation of the content encoder, so that phones correspond one to one and the
frames of the base TTS can be read off at the real speaker's phone times.
"""

from typing import NamedTuple

import numpy as np

from deepaudio.audio.prior.content import Anchors, Phone, Utterance
from deepaudio.libraries import needed

ARPABET = {
    "A": "EY", "I": "AY", "O": "OW", "Q": "OW", "W": "AW", "Y": "OY", "ʤ": "JH", "ʧ": "CH", "ʣ": "Z", "ʦ": "S",
    "ᵊ": "AH", "ə": "AH", "ɐ": "AH", "ʌ": "AH", "ɑ": "AA", "ɒ": "AA", "a": "AA", "æ": "AE", "ɔ": "AO", "o": "OW",
    "ɛ": "EH", "e": "EH", "ɜ": "ER", "ɚ": "ER", "ɪ": "IH", "ᵻ": "IH", "i": "IY", "ʊ": "UH", "u": "UW", "b": "B",
    "k": "K", "d": "D", "f": "F", "ɡ": "G", "h": "HH", "j": "Y", "l": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P",
    "ɹ": "R", "r": "R", "s": "S", "ʃ": "SH", "t": "T", "T": "D", "ɾ": "D", "v": "V", "w": "W", "z": "Z", "ʒ": "ZH",
    "θ": "TH", "ð": "DH", "x": "K", "ʔ": "T",
}  # fmt: skip
FRAME = 0.01  # seconds per frame of the aligner


class _Segment(NamedTuple):
    start: int
    length: int
    score: float


class Aligner:
    """Forced alignment of an utterance on 16 kHz speech."""

    def __init__(self) -> None:
        with needed():
            import pocketsphinx
        self._sphinx = pocketsphinx
        self._decoder = None
        self._known: dict[str, str] = {}

    def align(self, utterance: Utterance, speech: np.ndarray) -> tuple[Anchors, float] | None:
        """Phone times of float mono speech at 16 kHz, and the mean log score per frame (low: text and sound disagree).

        None when the aligner finds no path.
        """
        words = _words(utterance)
        if self._decoder is None or len(self._known) > 3000:
            # its search for the best path of a lattice fails on one recording in six whose text is right
            self._decoder = self._sphinx.Decoder(lm=None, bestpath=False, loglevel="FATAL")
            self._known = {}
        names = [self._name(" ".join(ARPABET[p.symbol[0]] for p in word)) for word in words]
        pcm = (np.clip(speech, -1, 1) * 32767).astype("<i2").tobytes()
        decoder = self._decoder
        try:
            decoder.set_align_text(" ".join(names))
            self._decode(pcm)
            decoder.set_alignment()
            self._decode(pcm)
            found = decoder.get_alignment()
        except RuntimeError:
            return None
        if found is None:
            return None
        known = set(self._known.values())
        spoken = []  # read at once: the aligner's iterators do not outlive their step
        for entry in found.words():
            phones = [_Segment(p.start, p.duration, p.score) for p in entry]
            if entry.name.split("(")[0] in known:
                spoken.append(phones)
        if [len(phones) for phones in spoken] != [len(word) for word in words]:
            return None
        return _anchors(words, spoken)

    def _decode(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()

    def _name(self, phones: str) -> str:
        """The dictionary entry for a pronunciation, added on first use."""
        if phones not in self._known:
            name = f"w{len(self._known)}"
            self._decoder.add_word(name, phones, True)
            self._known[phones] = name
        return self._known[phones]


def _words(utterance: Utterance) -> list[list[Phone]]:
    words: dict[int, list[Phone]] = {}
    for phone in utterance.phones:
        if phone.word >= 0 and phone.symbol[0] in ARPABET:
            words.setdefault(phone.word, []).append(phone)
    return list(words.values())


def _anchors(words: list[list[Phone]], spoken: list[list[_Segment]]) -> tuple[Anchors, float]:
    real, base, scores = [], [], []
    for position, (phones, segments) in enumerate(zip(words, spoken, strict=True)):
        final = segments[-1].start + segments[-1].length
        follows = position + 1 < len(words) and spoken[position + 1][0].start <= final + 1
        for phone, segment in zip(phones, segments, strict=True):
            # without a pause the base TTS's gap between two words belongs to the sound before it
            end = words[position + 1][0].start if follows and phone is phones[-1] else phone.end
            real.append((segment.start * FRAME, (segment.start + segment.length) * FRAME))
            base.append((phone.start, end))
            scores.append(segment.score / max(1, segment.length))
    return Anchors(np.array(real), np.array(base)), float(np.mean(scores))

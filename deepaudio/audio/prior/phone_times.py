"""When the phones of a line sound: natural times without long pauses, stretched to the frames that the line has."""

import numpy as np

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.prior.content import Anchors, Utterance, join

EDGE = 0.06  # seconds of quiet before the first sound of a line and after its last
LATE = 0.015  # seconds by which the sound of a line begins after its first row of the prior that can be heard (measured)
SHORTEST = 0.03  # seconds that the first and the last sound keep
LONGEST_PAUSE, SENTENCE_PAUSE = 0.4, 0.25
MAX_PIECE = 9.0  # seconds generated in one pass; longer text is split between sentences


def seconds_of(sentence: Utterance) -> float:
    """Seconds from its first sound to its last, pauses shortened, plus the pause that follows."""
    return float(natural_times(sentence)[-1, 1]) + SENTENCE_PAUSE


def natural_times(sentence: Utterance) -> np.ndarray:
    """(p 2) start and end of every sounding phone, the first at 0, no pause longer than LONGEST_PAUSE."""
    clock, times = 0.0, []
    for phone in sentence.phones:
        length = phone.end - phone.start
        if phone.word >= 0:
            times.append((clock, clock + length))
        clock = (
            clock + (length if phone.word >= 0 else min(length, LONGEST_PAUSE)) if times else 0.0
        )
    return np.array(times)


def pieces_of(sentences: tuple[Utterance, ...], stretch: float) -> list[list[Utterance]]:
    """Sentences in groups of at most MAX_PIECE seconds."""
    pieces: list[list[Utterance]] = [[]]
    for sentence in sentences:
        long = sum(seconds_of(s) for s in pieces[-1]) + seconds_of(sentence)
        if pieces[-1] and long * stretch > MAX_PIECE:
            pieces.append([])
        pieces[-1].append(sentence)
    return pieces


def place(piece: list[Utterance], n: int, heard: tuple[float, float]) -> Anchors:
    """Phone times of sentences that fill `n` frames but for the quiet edges.

    `heard` are the base TTS's seconds between which its speech can be heard: what is silent in the first and the last
    phone, such as the closure of a "t", falls into the edges.
    """
    base = np.array([(p.start, p.end) for p in join(piece).phones if p.word >= 0])
    real = np.zeros_like(base)
    clock, index = 0.0, 0
    for sentence in piece:
        times = natural_times(sentence)
        real[index : index + len(times)] = times + clock
        clock, index = clock + times[-1, 1] + SENTENCE_PAUSE, index + len(times)
    end = n / FRAME_RATE
    first, last = EDGE, max(end - EDGE, end / 2)
    real = first + real * (last - first) / real[-1, 1]
    base[0, 0] = min(heard[0] + LATE, base[0, 1] - SHORTEST)
    base[-1, 1] = max(heard[1], base[-1, 0] + SHORTEST)
    before, after = np.array([[-EDGE / 2, 0.0]]), np.array([[0.0, EDGE / 2]])
    return Anchors(
        np.concatenate([real[0, 0] + before, real, real[-1, 1] + after]),
        np.concatenate([base[0, 0] + before, base, base[-1, 1] + after]),
    )

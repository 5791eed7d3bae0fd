"""Make a speech shard of `mini` from lines spoken by a TTS of many voices (Kokoro), whose phone times are known.


Needs the extra `teachers`. LINES has one sentence a line, FOLDER the style tables of the npm package `kokoro-js`. Each voice is an
affine mix of the English styles; another seed gives other voices and lines.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from deepaudio.audio.prior.content import Anchors
from deepaudio.checkpoint import load_network
from deepaudio.encoders.content import UNIT, ContentEncoder, phones_of
from deepaudio.errors import InputError
from deepaudio.options import PRESET
from deepaudio.prepare.kokoro import Kokoro, Style, mixed, read_styles
from deepaudio.prepare.speech_shards import Spoken, write_speech
from deepaudio.presets.trained import preset_folder

log = logging.getLogger(__name__)
LONGEST = 200  # symbols of a line


def said(
    lines: Sequence[str], styles: Sequence[Style], each: int, seed: int = 0
) -> Iterator[Spoken]:
    """`each` lines in each style, drawn at random."""
    kokoro, encoder = Kokoro(), ContentEncoder()
    rng = np.random.default_rng([seed, 1])
    for style in styles:
        for number in rng.choice(len(lines), each, replace=False):
            text = lines[number]
            phonemes = encoder.phonemize(text)[0]
            ids = encoder.ids(phonemes)
            if len(ids) > LONGEST:
                continue
            sound, units = kokoro(ids, style)
            utterance = encoder.from_phonemes(phonemes)
            real = phones_of(encoder.symbols(phonemes), units * UNIT)
            times = [
                [(p.start, p.end) for p in row if p.word >= 0] for row in (real, utterance.phones)
            ]
            if not times[0]:
                continue
            key = f"{style.name}-{number:05d}"
            anchors = Anchors(*map(np.array, times))
            yield Spoken(key, style.name, text, torch.from_numpy(sound), utterance, anchors)


def write(
    lines: Path, out: Path, styles: Path, voices: int = 60, each: int = 6, seed: int = 0
) -> int:
    """Write a shard in which each of `voices` mixed voices says `each` lines of a text file; the number of entries.

    InputError for a missing file, too few lines and a folder without style tables.
    """
    if not lines.is_file():
        raise InputError("lines.missing", f"no such file: {lines}", "one sentence a line")
    texts = [line.strip() for line in lines.read_text(encoding="utf-8").splitlines()]
    texts = [text for text in texts if text]
    if len(texts) < each:
        raise InputError("lines.few", f"{len(texts)} lines, but each voice says {each}", "--each")
    mix = list(mixed(read_styles(styles), voices, seed))
    spoken = said(texts, mix, each, seed)
    return write_speech(
        out, spoken, load_network(preset_folder(PRESET) / "voice", "eigenvoice").timbre
    )

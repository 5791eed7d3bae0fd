"""Make a speech shard of `mini` from lines said by a teacher of many voices (Kokoro), whose phone times are known.

    python -m deepaudio.prepare.many_voices LINES.txt OUT --styles FOLDER [--voices 60] [--each 6] [--seed 0]

Needs the extra `teachers`. LINES has one sentence a line, FOLDER the style tables of the npm package `kokoro-js`. Each voice is an
affine mix of the English styles; another seed gives other voices and lines.
"""

import argparse
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from deepaudio.audio.prior.content import Anchors
from deepaudio.encoders.content import UNIT, ContentEncoder, phones_of
from deepaudio.errors import DeepAudioError, InputError
from deepaudio.inference.mini_parts import load_ear
from deepaudio.prepare.kokoro import Kokoro, Style, mixed, read_styles
from deepaudio.prepare.speech_shards import Spoken, write_shard
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


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="prepare_many_voices", description=__doc__.splitlines()[0]
    )
    parser.add_argument("lines", type=Path, help="text file, one sentence a line")
    parser.add_argument("out", type=Path, help="shard to write, without suffix")
    parser.add_argument("--styles", type=Path, required=True, help="folder of style tables")
    parser.add_argument("--voices", type=int, default=60, help="how many (default: %(default)s)")
    parser.add_argument(
        "--each", type=int, default=6, help="lines a voice says (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if not given.lines.is_file():
            raise InputError("lines.missing", f"no such file: {given.lines}")
        lines = [line.strip() for line in given.lines.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if line]
        if len(lines) < given.each:
            raise InputError("lines.few", f"{len(lines)} lines, but each voice says {given.each}")
        voices = list(mixed(read_styles(given.styles), given.voices, given.seed))
        spoken = said(lines, voices, given.each, given.seed)
        count = write_shard(given.out, spoken, load_ear(preset_folder("mini") / "voice"))
    except DeepAudioError as error:
        log.error("%s%s", error.message, f" ({error.hint})" if error.hint else "")
        return error.exit_code
    log.info("%d entries in %s", count, given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

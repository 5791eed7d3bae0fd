"""Features for training V2A: look at every clip once, keep what was seen and the mel of what is heard.

A shard is NAME.safetensors with `KEY.sync` (f 113), `KEY.clip` (g 124) and `KEY.mel` (n 100), float16, and NAME.json,
a list of {key, kind, prompts, onsets, duration}; a row with `seen` is another sound to the frames of that key. `deepaudio.data.v2a` reads them.

"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from deepaudio.audio.mel import log_mel
from deepaudio.data.corpora.grid import grid_items
from deepaudio.data.manifest import Item, usable
from deepaudio.data.shards import write_shard
from deepaudio.data.synthetic.clips import SHARES, SPEECH_PROMPTS, Example, loud, scenes, talkers
from deepaudio.data.synthetic.sound import SAMPLE_RATE
from deepaudio.encoders.motion import MotionEncoder, describe
from deepaudio.errors import InputError, UsageError
from deepaudio.inference.mini_v2a import pictures
from deepaudio.media.audio import read_audio
from deepaudio.media.probe import probe

log = logging.getLogger(__name__)
FACES = Path(__file__).parent.parent / "presets" / "mini" / "face"


def grid(folder: Path, held_out: bool) -> Iterator[Example]:
    """Real lips with real speech: the clips of a GRID folder, either side of its fixed split; one that cannot be read is named in the log and left out."""

    def read(item: Item) -> tuple[np.ndarray, Iterable[tuple[float, np.ndarray]]]:
        sound = read_audio(item.video, SAMPLE_RATE).numpy()
        return loud(sound), list(
            pictures(probe(item.video))
        )  # all of them: the last may be damaged

    for item, (waveform, images) in usable(grid_items(folder, held_out), read):
        onsets = tuple(word[0] for word in item.extra.get("words", []))
        yield Example(item.id, "grid", images, waveform, SPEECH_PROMPTS, onsets)


def write(examples: Iterable[Example], encoder: MotionEncoder, out: Path) -> int:
    """Write a shard OUT.safetensors, OUT.json; the number of items."""
    tensors, rows = {}, []
    for example in examples:
        duration = len(example.waveform) / SAMPLE_RATE
        seen = describe(encoder.measure(example.frames, example.faces), duration)
        tensors[f"{example.key}.sync"] = seen.sync.half()
        tensors[f"{example.key}.clip"] = seen.clip.half()
        row = {
            "key": example.key, "kind": example.kind, "prompts": example.prompts,
            "onsets": [round(t, 4) for t in example.onsets], "duration": round(duration, 4),
        }  # fmt: skip
        tensors[f"{example.key}.mel"] = _mel(example.waveform)
        rows.append(row)
        for number, (prompt, waveform) in enumerate(example.others):
            key = f"{example.key}+{number}"
            tensors[f"{key}.mel"] = _mel(waveform)
            rows.append(row | {"key": key, "prompts": (prompt,), "seen": example.key})
        if len(rows) % 50 == 0:
            log.info("%d items", len(rows))
    return write_shard(out, rows, tensors)


def _mel(waveform: np.ndarray) -> torch.Tensor:
    return log_mel(torch.from_numpy(waveform.astype(np.float32))[None])[0].half()


def examples_of(
    kind: str,
    count: int = 100,
    seed: int = 0,
    speech: Path | None = None,
    kinds: Sequence[str] = (),
    held_out: bool = False,
) -> Iterator[Example]:
    """What `deepaudio prepare mini-v2a KIND` writes: drawn scenes, drawn talkers with real speech, or clips of GRID.

    UsageError where the folder `speech` is needed and not given, for unknown kinds of scenes, and for what another KIND takes; InputError for an empty folder.
    """
    for given, option, takers in (
        (speech, "--speech", ("talk", "grid")),
        (kinds, "--scene", ("scenes",)),
        (held_out, "--held-out", ("grid",)),
    ):
        if given and kind not in takers:
            message = f"{option} belongs to {' and '.join(takers)}, not to {kind}"
            raise UsageError("prepare.option", message, "leave it out")
    if kind == "scenes":
        unknown = set(kinds) - set(SHARES)
        if unknown:
            raise UsageError("prepare.kinds", f"no scenes '{min(unknown)}'", ", ".join(SHARES))
        wanted = kinds or list(SHARES)
        return (e for e in scenes(count, seed) if e.kind in wanted)
    if speech is None or not speech.is_dir():
        raise UsageError("prepare.speech", f"{kind} needs --speech FOLDER", "recordings, or GRID")
    if kind == "grid":
        return grid(speech, held_out)
    recordings = sorted(
        p for p in speech.rglob("*") if p.suffix.lower() in (".wav", ".ogg", ".flac")
    )
    if not recordings:
        raise InputError("data.empty", f"no recordings under {speech}", "wav, ogg or flac")
    return talkers(count, seed, recordings)

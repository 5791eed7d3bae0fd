"""Features for training V2A: look at every clip once, keep what was seen and the mel of what is heard.

A shard is NAME.safetensors with `KEY.sync` (f 113), `KEY.clip` (g 124) and `KEY.mel` (n 100), float16, and NAME.json,
a list of {key, kind, prompts, onsets, duration}; a row with `seen` is another sound to the pictures of that key. `deepaudio.data.v2a` reads them.

    python -m deepaudio.prepare.mini_v2a scenes OUT --count 700 [--kinds still rain]
    python -m deepaudio.prepare.mini_v2a talk OUT --speech FOLDER_OF_SOUND --count 300
    python -m deepaudio.prepare.mini_v2a grid OUT --speech GRID_FOLDER [--held-out]
"""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from deepaudio.audio.mel import log_mel
from deepaudio.data.corpora.grid import grid_items
from deepaudio.data.synthetic.clips import SHARES, SPEECH_PROMPTS, Example, loud, scenes, talkers
from deepaudio.data.synthetic.sound import SAMPLE_RATE
from deepaudio.encoders.motion import MotionEncoder, describe
from deepaudio.media.audio import read_audio
from deepaudio.media.video import frames

log = logging.getLogger(__name__)
FACES = Path(__file__).parent.parent / "presets" / "mini" / "face"


def grid(folder: Path, held_out: bool) -> Iterator[Example]:
    """Real lips with real speech: the clips of a GRID folder, either side of its fixed split."""
    for item in grid_items(folder, held_out):
        waveform = loud(read_audio(item.video, SAMPLE_RATE).numpy())
        pictures = ((frame.time, frame.pixels.numpy()) for frame in frames(item.video))
        onsets = tuple(word[0] for word in item.extra.get("words", []))
        yield Example(item.id, "grid", pictures, waveform, SPEECH_PROMPTS, onsets)


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
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out.with_suffix(".safetensors"))
    out.with_suffix(".json").write_text(json.dumps(rows))  # last: a shard with its rows is whole
    return len(rows)


def _mel(waveform: np.ndarray) -> torch.Tensor:
    return log_mel(torch.from_numpy(waveform.astype(np.float32))[None])[0].half()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["scenes", "talk", "grid"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speech", type=Path, help="folder of recordings, or the GRID folder")
    parser.add_argument("--kinds", nargs="+", choices=list(SHARES), help="scenes: only these")
    parser.add_argument("--held-out", action="store_true", help="grid: the other side of the split")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.what == "scenes":
        kinds = arguments.kinds or list(SHARES)
        examples = (e for e in scenes(arguments.count, arguments.seed) if e.kind in kinds)
    elif arguments.speech is None:
        parser.error(f"{arguments.what} needs --speech")
    elif arguments.what == "talk":
        sounds = sorted(
            p for p in arguments.speech.rglob("*") if p.suffix in (".wav", ".ogg", ".flac")
        )
        examples = talkers(arguments.count, arguments.seed, sounds)
    else:
        examples = grid(arguments.speech, arguments.held_out)
    log.info("%s: %d items", arguments.out, write(examples, MotionEncoder(FACES), arguments.out))


if __name__ == "__main__":
    main()

"""Shards for the V2A model of `mini`: drawn scenes, drawn speakers and real speakers as features with their mel.

A shard is NAME.safetensors with `KEY.sync` (f 113), `KEY.clip` (g 124) and `KEY.mel` (n 100), float16, and NAME.json,
a list of {key, kind, prompts, onsets, duration}. `deepaudio.data.v2a` reads them.

    python -m deepaudio.data.synthetic scenes OUT --count 700
    python -m deepaudio.data.synthetic talk OUT --speech FOLDER_OF_SOUND --count 300
    python -m deepaudio.data.synthetic grid OUT --speech GRID_FOLDER
"""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from deepaudio.audio.mel import log_mel
from deepaudio.data.prepare.grid import grid_held_out, grid_items
from deepaudio.data.synthetic_draw import FINE, Camera
from deepaudio.data.synthetic_face import DrawnFace, Looks, mouth_track
from deepaudio.data.synthetic_scenes import make
from deepaudio.data.synthetic_sound import SAMPLE_RATE
from deepaudio.encoders.motion import MotionEncoder, Track, describe
from deepaudio.media.audio import read_audio
from deepaudio.media.video import frames

log = logging.getLogger(__name__)
FACES = Path(__file__).parent.parent / "presets" / "mini" / "face"
SHARES = {
    "bounce": 5, "fall": 2, "hit": 4, "steps": 3, "roll": 2, "rain": 1, "splash": 1.5, "still": 1.5,
}  # fmt: skip
SPEECH_PROMPTS = (
    "a person speaks", "speech", "someone is talking", "a man talking", "a woman talking", "a voice",
    "dub the speaker", "the speaker's voice", "talking head", "a person says something", "human speech",
)  # fmt: skip
PEAK = 0.7  # of every speech recording


class Example(NamedTuple):
    """One clip: what was seen, what is heard, what it may be called."""

    key: str
    kind: str
    track: Track
    waveform: np.ndarray
    prompts: tuple[str, ...]
    onsets: tuple[float, ...] = ()


def scenes(count: int, seed: int, encoder: MotionEncoder) -> Iterator[Example]:
    """Drawn scenes of all kinds in the proportions of SHARES; item i depends on seed and i only."""
    shares = np.array(list(SHARES.values()))
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        kind = str(rng.choice(list(SHARES), p=shares / shares.sum()))
        scene = make(kind, float(rng.uniform(3.1, 5.0)), rng)
        camera = Camera(rng)
        track = encoder.measure(camera.frames(scene.draw, scene.duration), faces=False)
        yield Example(
            f"{kind}-{seed}-{index}", kind, track, scene.waveform, (scene.prompt,), scene.onsets
        )


def talkers(count: int, seed: int, speech: list[Path], encoder: MotionEncoder) -> Iterator[Example]:
    """Drawn faces saying pieces of recordings; one in twelve keeps its mouth shut and is silent."""
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        duration = float(rng.uniform(3.1, 5.0))
        waveform = _piece(speech[rng.integers(len(speech))], duration, rng)
        if rng.random() < 1 / 12:
            waveform = np.zeros_like(waveform)
        elif rng.random() < 0.5:  # a pause, or a late start
            begin, length = rng.uniform(0, duration), rng.uniform(0.4, 1.5)
            waveform = waveform * _gate(len(waveform), begin, length)
        track = mouth_track(waveform, SAMPLE_RATE, rng)
        camera = Camera(rng)
        centre = (float(rng.uniform(0.35, 0.65)), float(rng.uniform(0.45, 0.6)))
        face = DrawnFace(Looks.random(rng), track, index, float(rng.uniform(0.3, 0.85)), centre)
        measured = encoder.measure(_drawn(face, camera, duration))
        yield Example(f"talk-{seed}-{index}", "talk", measured, waveform, SPEECH_PROMPTS)


def grid(folder: Path, encoder: MotionEncoder, held_out: bool) -> Iterator[Example]:
    """Real lips with real speech: the clips of a GRID folder, either side of its fixed split."""
    for item in grid_items(folder):
        if grid_held_out(item.id) is not held_out or item.video is None:
            continue
        waveform = loud(read_audio(item.video, SAMPLE_RATE).numpy())
        seen = ((frame.time, frame.pixels.numpy()) for frame in frames(item.video))
        onsets = tuple(word[0] for word in item.extra.get("words", []))
        yield Example(item.id, "grid", encoder.measure(seen), waveform, SPEECH_PROMPTS, onsets)


def write(examples: Iterable[Example], out: Path) -> int:
    """Write a shard OUT.safetensors, OUT.json; the number of items."""
    tensors, rows = {}, []
    for example in examples:
        duration = len(example.waveform) / SAMPLE_RATE
        seen = describe(example.track, duration)
        tensors[f"{example.key}.sync"] = seen.sync.half()
        tensors[f"{example.key}.clip"] = seen.clip.half()
        mel = log_mel(torch.from_numpy(example.waveform.astype(np.float32))[None])[0]
        tensors[f"{example.key}.mel"] = mel.half()
        rows.append(
            {
                "key": example.key, "kind": example.kind, "prompts": example.prompts,
                "onsets": [round(t, 4) for t in example.onsets], "duration": round(duration, 4),
            }
        )  # fmt: skip
        if len(rows) % 50 == 0:
            log.info("%d items", len(rows))
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out.with_suffix(".safetensors"))
    out.with_suffix(".json").write_text(json.dumps(rows))
    return len(rows)


def loud(waveform: np.ndarray) -> np.ndarray:
    """The recording with its loudest sample at PEAK."""
    return waveform * (PEAK / max(1e-4, float(np.abs(waveform).max())))


def _piece(path: Path, duration: float, rng: np.random.Generator) -> np.ndarray:
    waveform = read_audio(path, SAMPLE_RATE).numpy()
    length = round(duration * SAMPLE_RATE)
    if len(waveform) < length:
        before = int(rng.integers(0, length - len(waveform) + 1))
        return np.pad(loud(waveform), (before, length - len(waveform) - before))
    start = int(rng.integers(0, len(waveform) - length + 1))
    return loud(waveform[start : start + length])


def _gate(length: int, begin: float, seconds: float) -> np.ndarray:
    """1, and 0 for a while, with soft edges."""
    t = np.arange(length) / SAMPLE_RATE
    inside = np.clip((t - begin) / 0.03, 0, 1) * np.clip((begin + seconds - t) / 0.03, 0, 1)
    return (1 - inside).astype(np.float32)


def _drawn(face: DrawnFace, camera: Camera, duration: float) -> Iterator[tuple[float, np.ndarray]]:
    rng = np.random.default_rng(camera.seed)
    for index in range(max(1, int(duration * camera.rate))):
        image = camera.background.copy()
        face.draw(image, index / camera.rate)
        frame = np.asarray(
            image.resize((image.width // FINE, image.height // FINE), Image.Resampling.BOX)
        )
        if camera.noise:
            noisy = frame + rng.normal(0, camera.noise, frame.shape[:2])[..., None]
            frame = np.clip(noisy, 0, 255).astype(np.uint8)
        yield index / camera.rate, frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["scenes", "talk", "grid"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speech", type=Path, help="folder of recordings, or the GRID folder")
    parser.add_argument("--held-out", action="store_true", help="grid: the other side of the split")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    encoder = MotionEncoder(FACES)
    if arguments.what == "scenes":
        examples = scenes(arguments.count, arguments.seed, encoder)
    elif arguments.speech is None:
        parser.error(f"{arguments.what} needs --speech")
    elif arguments.what == "talk":
        sounds = sorted(
            p for p in arguments.speech.rglob("*") if p.suffix in (".wav", ".ogg", ".flac")
        )
        examples = talkers(arguments.count, arguments.seed, sounds, encoder)
    else:
        examples = grid(arguments.speech, encoder, arguments.held_out)
    log.info("%s: %d items", arguments.out, write(examples, arguments.out))


if __name__ == "__main__":
    main()

"""Clips that we draw ourselves: scenes with exactly timed sounds, and speakers whose mouths follow real recordings."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from deepaudio.data.synthetic.draw import FINE, Camera
from deepaudio.data.synthetic.face import DrawnFace, Looks, mouth_track
from deepaudio.data.synthetic.scene import Scene, of
from deepaudio.data.synthetic.scenes import make
from deepaudio.data.synthetic.sound import MATERIALS, SAMPLE_RATE
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio

log = logging.getLogger(__name__)
SHARES = {
    "bounce": 5, "fall": 2, "hit": 4, "steps": 3, "roll": 2, "rain": 1.5, "splash": 1.5, "still": 2.5,
}  # fmt: skip
SPEECH_PROMPTS = (
    "a person speaks", "speech", "someone is talking", "a man talking", "a woman talking", "a voice",
    "dub the speaker", "the speaker's voice", "talking head", "a person says something", "human speech",
)  # fmt: skip
PEAK = 0.7  # of every speech recording


class Example(NamedTuple):
    """One clip: its frames (seconds, (h w 3) uint8), its sound at 24 kHz, what it may be called, when it sounds."""

    key: str
    kind: str
    frames: Iterable[tuple[float, np.ndarray]]
    waveform: np.ndarray
    prompts: tuple[str, ...]
    onsets: tuple[float, ...] = ()
    faces: bool = True  # whether there may be a face
    others: tuple[tuple[str, np.ndarray], ...] = ()  # what it may be called and sound like instead


def scenes(count: int, seed: int, others: int = 3) -> Iterator[Example]:
    """Drawn scenes of all kinds in the proportions of SHARES; item i depends on seed and i only.

    Where something is struck or rolls, `others` more sounds of other materials come with prompts that name them:
    the video alone cannot tell, so the prompt has to.
    """
    shares = np.array(list(SHARES.values()))
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        kind = str(rng.choice(list(SHARES), p=shares / shares.sum()))
        scene = make(kind, float(rng.uniform(3.1, 5.0)), rng)
        camera = Camera(rng)
        images = camera.frames(scene.draw, scene.duration)
        key = f"{kind}-{seed}-{index}"
        more = tuple(_others(scene, others, np.random.default_rng([seed, index, 1])))
        yield Example(key, kind, images, scene.waveform, (scene.prompt,), scene.onsets, False, more)


def _others(scene: Scene, count: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    if not scene.blows and scene.speed is None:
        return
    for material in rng.permutation([m for m in MATERIALS if m != scene.material])[:count]:
        other = of(scene, str(material), rng)
        yield other.prompt, other.waveform


def talkers(count: int, seed: int, speech: list[Path]) -> Iterator[Example]:
    """Drawn faces saying pieces of recordings; one in twelve keeps its mouth shut and is silent.

    Recordings that cannot be read are named in the log and others drawn instead; InputError when none is left.
    """
    unreadable: set[Path] = set()
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        duration = float(rng.uniform(3.1, 5.0))
        waveform = _any_piece(speech, unreadable, duration, rng)
        if rng.random() < 1 / 12:
            waveform = np.zeros_like(waveform)
        elif rng.random() < 0.5:  # a pause, or a late start
            begin, length = rng.uniform(0, duration), rng.uniform(0.4, 1.5)
            waveform = waveform * _gate(len(waveform), begin, length)
        track = mouth_track(waveform, SAMPLE_RATE, rng)
        camera = Camera(rng)
        centre = (float(rng.uniform(0.35, 0.65)), float(rng.uniform(0.45, 0.6)))
        face = DrawnFace(Looks.random(rng), track, index, float(rng.uniform(0.3, 0.85)), centre)
        images = _drawn(face, camera, duration)
        yield Example(f"talk-{seed}-{index}", "talk", images, waveform, SPEECH_PROMPTS)


def loud(waveform: np.ndarray) -> np.ndarray:
    """The recording with its loudest sample at PEAK."""
    return waveform * (PEAK / max(1e-4, float(np.abs(waveform).max())))


def _any_piece(
    speech: list[Path], unreadable: set[Path], duration: float, rng: np.random.Generator
) -> np.ndarray:
    while True:
        path = speech[rng.integers(len(speech))]
        if path in unreadable:
            continue
        try:
            return _piece(path, duration, rng)
        except InputError as error:
            log.warning("left out %s", error.message)
            unreadable.add(path)
            if len(unreadable) == len(speech):
                raise


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

"""A DeepAudio whose modules are small stand-ins, so that the pipelines are tested without weights."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.inference.gate import DIRECTIONS, Route
from deepaudio.inference.model import DeepAudio
from deepaudio.media import ffmpeg
from deepaudio.media.audio import write_wav
from deepaudio.media.probe import probe
from deepaudio.media.video import frames_with_progress
from deepaudio.models.mof.knowledge import EMPTY
from deepaudio.options import EngineDefaults

RATE = 24_000


class Features(NamedTuple):
    duration: float


class StandInVoice:
    """A tone whose pitch comes from the seed, as long as asked for; remembers what it was asked."""

    sample_rate = RATE
    defaults = EngineDefaults(guidance_scale=1.5)
    margin = 0.0
    at_once = 1

    def __init__(self):
        self.calls = []

    def unspoken(self, text):
        return [c for c in text if c == "\u2603"]

    def check(self, options, follows_pitch=False):
        self.checked = options, follows_pitch

    def natural_duration(self, text, references=()):
        return 0.2 + 0.05 * len(text)

    def prepare(self, texts, references):
        self.prepared = texts, references

    def speak(self, text, reference, *, duration=None, knowledge=EMPTY, options=None):
        seconds = self.natural_duration(text) if duration is None else duration
        self.calls.append((text, reference, seconds, knowledge, options))
        time = torch.arange(round(seconds * RATE)) / RATE
        return 0.1 * torch.sin(2 * torch.pi * (200 + options.seed % 400) * time)


class StandInSight:
    """Speech is seen in the middle half of every clip; the scene hisses."""

    sample_rate = RATE
    defaults = EngineDefaults()

    def __init__(self):
        self.looks = 0
        self.calls = []

    def energy_sampling(self, options):
        return self.defaults.fill(options)

    def features(self, clip, progress=None):
        self.looks += 1
        info = clip if hasattr(clip, "duration") else probe(clip)
        assert list(frames_with_progress(info, progress))
        return Features(info.duration)

    def energy(self, features, options):
        self.calls.append(("energy", self.energy_sampling(options)))
        n = round(features.duration * FRAME_RATE)
        contour = torch.zeros(n)
        contour[n // 4 : 3 * n // 4] = 1.0
        return contour

    def sound(self, features, prompt, negative, options):
        self.calls.append(("sound", options))
        rng = torch.Generator().manual_seed(options.seed)
        return 0.05 * torch.randn(round(features.duration * RATE), generator=rng)


class StandInGate:
    def route(self, instruction):
        found = {"sound": "v2a", "dub": "v2s", "read": "tts"}
        direction = next(d for word, d in found.items() if word in instruction)
        return Route(direction, {d: 0.98 if d == direction else 0.01 for d in DIRECTIONS})


@pytest.fixture(autouse=True)
def _own_cache(_no_settings, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPAUDIO_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path):
    made = DeepAudio(tmp_path / "preset", "cpu")
    made.__dict__ |= {"tts": StandInVoice(), "v2a": StandInSight(), "gate": StandInGate()}
    return made


def _clip(folder: Path, name: str, *arguments: str) -> Path:
    path = folder / name
    source = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=4"]
    command = [ffmpeg.executable(), "-v", "error", "-y", *source, *arguments, str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="session")
def _clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=4"]
    return {
        "silent": _clip(folder, "silent.mp4"),
        "sound": _clip(folder, "sound.mp4", *tone, "-ac", "2", "-c:a", "aac"),
    }


@pytest.fixture
def silent_clip(_clips, tmp_path):
    return _copied(_clips["silent"], tmp_path)


@pytest.fixture
def sound_clip(_clips, tmp_path):
    return _copied(_clips["sound"], tmp_path)


def _copied(source: Path, folder: Path) -> Path:
    target = folder / f"clip [x]{source.suffix}"
    target.write_bytes(source.read_bytes())
    return target


@pytest.fixture
def voice(tmp_path):
    """Three seconds of a buzz that comes and goes like syllables."""
    time = torch.arange(3 * RATE) / RATE
    buzz = sum(torch.sin(2 * torch.pi * 120 * k * time) / k for k in range(1, 12))
    beat = (torch.sin(2 * torch.pi * 2 * time) > -0.3).float()
    return write_wav(tmp_path / "voice.wav", 0.1 * buzz * beat, RATE)


def learns(stage, steps=12, lr=3e-3):
    """The loss of one batch before and after some steps on it."""
    optimiser = torch.optim.Adam([p for p in stage.model.parameters() if p.requires_grad], lr=lr)
    batch, losses = next(stage.batches(torch.Generator().manual_seed(0))), []
    for _ in range(steps):
        loss = stage.loss(batch, torch.Generator().manual_seed(1))
        optimiser.zero_grad()
        (loss.value / loss.weight).backward()
        optimiser.step()
        losses.append(float(loss.value.detach()) / loss.weight)
    return losses[0], losses[-1]


def convert(source, *arguments):
    """ffmpeg from `source` with these arguments, the last of which is the new file."""
    line = [ffmpeg.executable(), "-nostdin", "-v", "error", "-y", "-i", source, *arguments]
    subprocess.run(list(map(str, line)), check=True)

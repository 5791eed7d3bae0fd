"""Full sizes end to end with random weights: import, foley, dub and tts through the command line, timed.

    python -m tests.bench_full_size mm-s16k --device cpu --seconds 0.4 --steps 2 --folder SCRATCH

Makes files of the official names, shapes and wrappings (8 GB for mm-s16k), imports them, runs the commands and prints one
JSON line per step with wall time, CPU time and peak memory. Nothing it makes is called quality.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
import torch
from safetensors.torch import save_file

from deepaudio.presets import official, store
from deepaudio.text.f5_tokenizer import VOCABULARY_LINES
from deepaudio.upstream import kinds


def official_file(part: official.Part, folder: Path) -> Path:
    """A file as it is published, with fresh weights."""
    path = folder / part.files[0].name
    if part.kind == store.VOCABULARY:
        letters = [" ", *(chr(c) for c in range(33, 127))]
        fill = [f"syllable{i}" for i in range(VOCABULARY_LINES - len(letters))]
        path.write_text("\n".join([*letters, *fill]) + "\n", encoding="utf-8")
        return path
    entry = kinds.find(part.kind)
    state = dict(entry.build(entry.config(part.config)).state_dict())
    if part.kind == "clip":
        state = {name.removeprefix("towers."): tensor for name, tensor in state.items()}
    if part.kind == "deepaudio-v2s":
        content = {f"ema_model.transformer.{name}": tensor for name, tensor in state.items()}
        torch.save({"ema_model_state_dict": content, "update": 0}, path)
    elif part.kind.startswith("bigvgan"):
        torch.save({"generator": state}, path)
    elif path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


def material(folder: Path, seconds: float) -> tuple[Path, Path]:
    """A small moving picture and a voice that is a tone."""
    clip, voice = folder / "clip.mp4", folder / "voice.wav"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.time_base = Fraction(1, 25)
        for index in range(max(5, round(seconds * 25))):
            picture = np.zeros((96, 128, 3), np.uint8)
            picture[:, (index * 5) % 120 :][:, :8] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    t = torch.arange(72_000) / 24_000
    tone = 0.2 * torch.sin(2 * math.pi * 200 * t) * (1 + 0.8 * torch.sin(2 * math.pi * 3 * t))
    soundfile.write(voice, tone.numpy(), 24_000)
    return clip, voice


def command(name: str, *arguments: object) -> None:
    """Run a command of the tool and print what it took."""
    start = time.monotonic()
    argv = [sys.executable, "-m", "deepaudio_cli", *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        said.seek(0)
        error = said.read()[-500:]
    row = {
        "step": name,
        "exit": os.waitstatus_to_exitcode(status),
        "wall_s": round(time.monotonic() - start, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_gb": round(used.ru_maxrss / 1e6, 2),  # Linux counts in kB
    }
    print(json.dumps(row | ({"error": error} if row["exit"] else {})), flush=True)


def main() -> None:
    """Parse, make, import, run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", choices=list(official.PRESETS))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--steps", type=int, default=25)
    asked = parser.parse_args()
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[store.PLACE_VARIABLE] = str(folder / "models")
    for name in official.preset(asked.preset).part_names:
        part = official.part(name)
        if store.is_there(part):
            continue
        path = official_file(part, folder)
        command(f"import {name}", "models", "import", path, "--part", name, "--allow-pickle", "-q")
        path.unlink()
    clip, voice = material(folder, asked.seconds)
    how = ("--preset", asked.preset, "--device", asked.device, "--dtype", asked.dtype)
    how += ("--steps", asked.steps, "-q")
    say = ("--text", "Go on.", "--ref", voice, "--ref-text", "A quiet day in the hills.")
    command("tts", "tts", *say, *how, "-o", folder / "tts.wav")
    command("foley", "foley", clip, *how, "-o", folder / "foley.mp4")
    how += ("--max-speed", 3)
    command("dub", "dub", clip, *say, *how, "-o", folder / "dub.mp4")
    command("dub --low-memory", "dub", clip, *say, *how, "--low-memory", "-o", folder / "low.mp4")


if __name__ == "__main__":
    main()

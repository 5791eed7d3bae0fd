"""A full size in one process: what loading its parts takes, then the time of 8 s of foley and of 10 s of speech.

    python -m benchmarks.full_size_speed mm-s16k --device cuda --dtype bfloat16 [--compile]
    python -m benchmarks.full_size_speed mm-s16k --device cpu --dtype bfloat16 --low-memory --load-only

Takes the weights of `deepaudio models`, official ones or the random ones that `benchmarks.full_size --import-only` makes:
times and memory are the same. Prints one JSON line per step. A run is timed after one that warms up (and compiles).
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from deepaudio.devices import device_of, dtype_of
from deepaudio.inference import full_size
from deepaudio.inference.mini_tts import Reference
from deepaudio.inference.mmaudio_features import FullFeatures
from deepaudio.inference.mmaudio_v2a import MMVideoToAudio
from deepaudio.inference.yingsound_v2a import FrameFeatures
from deepaudio.options import SampleOptions
from deepaudio.presets import official

# in the order in which a dub asks for them
_SPEECH = ("tts", "vocabulary", "tts_vocoder")
JOINT = (("clip", "sync"), ("v2a",), ("codec", "vocoder"), _SPEECH)
CROSS = (("clip",), ("text",), ("v2a",), ("codec",), _SPEECH)
FOLEY_SECONDS, SPEECH_SECONDS = 8.0, 10.0
FOLEY_STEPS, SPEECH_STEPS = 25, (32, 7)


def peak_gb(device: torch.device) -> dict[str, float]:
    """Most memory so far, in 10^9 bytes: of the process, and of the tensors on a GPU."""
    with open("/proc/self/status", encoding="ascii") as status:
        kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    found = {"peak_gb": round(kilobytes * 1024 / 1e9, 2)}
    if device.type == "cuda":
        found["peak_gpu_gb"] = round(torch.cuda.max_memory_allocated(device) / 1e9, 2)
    return found


def timed(device: torch.device, work: Callable[[], Any]) -> float:
    """Seconds that `work` takes until the device is done with it."""
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return round(time.perf_counter() - start, 3)


def seen(model: Any) -> FullFeatures | FrameFeatures:
    """Features of eight seconds at the sizes of the network; decoding and encoders are not timed here."""
    (network,) = model.networks.get("v2a")
    generator = torch.Generator().manual_seed(0)
    if isinstance(model, MMVideoToAudio):
        clip = torch.randn(64, network.config.clip_dim, generator=generator)
        sync = torch.randn(192, network.config.sync_dim, generator=generator)
        return FullFeatures(clip, sync, FOLEY_SECONDS, FOLEY_SECONDS)
    visual = torch.randn(200, network.config.visual_dim, generator=generator)
    return FrameFeatures(visual, FOLEY_SECONDS)


def voice() -> Reference:
    """Five seconds that tremble like speech."""
    t = torch.arange(120_000) / 24_000
    tone = 0.2 * torch.sin(2 * math.pi * 200 * t) * (1 + 0.8 * torch.sin(2 * math.pi * 3 * t))
    return Reference(tone, 24_000, "A quiet day in the hills, and nobody about.")


def main() -> None:
    """Parse, load, run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", choices=list(official.PRESETS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16, float16")
    parser.add_argument("--low-memory", action="store_true")
    parser.add_argument("--compile", action="store_true", help="torch.compile of the two networks")
    parser.add_argument("--load-only", action="store_true")
    asked = parser.parse_args()
    device = device_of(asked.device)
    dtype = dtype_of(asked.dtype, device, full_size=True)
    model = full_size.load(asked.preset, device, dtype, asked.low_memory)
    how = {"preset": asked.preset, "device": str(device), "dtype": str(dtype).split(".")[1]}
    how |= {"low_memory": asked.low_memory, "compile": asked.compile}

    def say(step: str, seconds: float) -> None:
        row = how | {"step": step, "seconds": seconds} | peak_gb(device)
        print(json.dumps(row), flush=True)

    for roles in JOINT if "sync" in model.preset.parts else CROSS:
        say(f"load {', '.join(roles)}", timed(device, lambda r=roles: model.networks.get(*r)))
    if asked.load_only:
        return
    if asked.compile:
        for role in ("v2a", "tts"):
            model.networks.get(role)[0].compile()
    features = seen(model.v2a)
    few = SampleOptions(steps=2)
    model.v2a.sound(features, "", "", few)
    options = SampleOptions(steps=FOLEY_STEPS)
    took = timed(device, lambda: model.v2a.sound(features, "", "", options))
    say(f"foley of {FOLEY_SECONDS:.0f} s, {FOLEY_STEPS} steps", took)
    reference = voice()
    line = "We should leave before it rains, and before anyone asks where we have been."

    def speak(steps: int) -> None:
        options = SampleOptions(steps=steps)
        model.tts.speak(line, reference, duration=SPEECH_SECONDS, options=options)

    speak(2)
    for steps in SPEECH_STEPS:
        say(
            f"speech of {SPEECH_SECONDS:.0f} s, {steps} steps",
            timed(device, lambda n=steps: speak(n)),
        )


if __name__ == "__main__":
    main()

"""`deepaudio doctor`: what is installed, what works here, what is at fault."""

import importlib
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deepaudio import __version__
from deepaudio.errors import DeepAudioError, ToolError
from deepaudio.libraries import installed, needed, optional, requirements, unfit
from deepaudio.separation import PACKAGE as SEPARATOR
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console, printable

SHOWN = (
    "torch",
    "torchaudio",
    "torchvision",
    "transformers",
    "open_clip_torch",
    "vocos",
    "hibari-tts",
    "onnxruntime",
    "av",
    "ai-edge-litert",
    "soundfile",
    "moviepy",
    "pyloudnorm",
    "pysubs2",
    "typer",
    "numpy",
)
LOADED = (  # those that come with compiled code, which may not fit this machine
    "torch",
    "torchaudio",
    "torchvision",
    "onnxruntime",
    "ai_edge_litert.interpreter",
    "av",
    "soundfile",
    "soxr",
    "pyworld",
    "hibari.tts",
)
JUDGES = ("faster-whisper", "resemblyzer", "speechmos")
EXTRAS = {"judges": JUDGES, "separate": (SEPARATOR,)}
LOW_DISK = 1 << 30


def doctor(
    file: Annotated[
        Path | None, typer.Argument(help="A video or sound: say what it tells of how it was made.")
    ] = None,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
) -> None:
    """Check versions, ffmpeg, device, disk, cache and presets (exit 4 when something needed is missing), or look at one FILE."""
    console = Console("doctor", json, verbose)
    if file is not None:
        from deepaudio.dubbing.provenance.tag import findings, inspect

        found = inspect(file)
        console.result(found, *(printable(line) for line in findings(found)))
        return
    faults: list[str] = []
    facts = {
        "deepaudio": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _packages(faults),
        **{extra: {name: installed(name) for name in names} for extra, names in EXTRAS.items()},
        "ffmpeg": _ffmpeg(faults),
        "device": _device(faults),
        "disk_free_gib": round(shutil.disk_usage(Path.cwd()).free / 2**30, 1),
        "cpu_cores": os.cpu_count(),
        "offline": any(os.environ.get(k) for k in ("HF_HUB_OFFLINE", "DEEPAUDIO_OFFLINE")),
        "presets": _presets(faults),
    }
    if shutil.disk_usage(Path.cwd()).free < LOW_DISK:
        faults.append("less than 1 GiB of disk is free here")
    facts["faults"] = faults
    if not (json and faults):  # then the error carries the result: one object on stdout
        console.result(facts, *_lines(facts), *(f"fault: {f}" for f in faults))
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise ToolError("doctor.faults", f"{count}: {'; '.join(faults)}", **facts)


def _packages(faults: list[str]) -> dict[str, str | None]:
    """Versions of the main libraries; what is missing, does not fit, or cannot be loaded goes to the faults."""
    for requirement in requirements().values():
        if not optional(requirement) and (text := unfit(requirement.name)):
            faults.append(text)
    for module in LOADED:
        try:
            with needed():
                importlib.import_module(module)
        except DeepAudioError as error:
            faults.append(f"{error.message} ({error.hint})")
    return {name: installed(name) for name in SHOWN}


def _ffmpeg(faults: list[str]) -> dict[str, Any]:
    from deepaudio.media import ffmpeg

    try:
        return {"path": ffmpeg.executable(), "version": ffmpeg.version()}
    except DeepAudioError as error:
        faults.append(error.message)
        return {"path": None, "version": None}


def _device(faults: list[str]) -> dict[str, Any]:
    try:
        with needed():
            import torch
    except DeepAudioError:  # named among the packages
        return {"auto": None}
    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    mps = torch.backends.mps.is_available()
    return {
        "auto": "cuda" if name else "mps" if mps else "cpu",
        "gpu": name,
        "threads": torch.get_num_threads(),
    }


def _presets(faults: list[str]) -> dict[str, Any]:
    from deepaudio.checkpoint import WEIGHTS
    from deepaudio.options import PRESET
    from deepaudio.presets.trained import embedded

    inside = embedded()
    if PRESET not in inside:
        faults.append(f"the embedded preset {PRESET}")
    return {
        name: sorted(p.name for p in folder.iterdir() if (p / WEIGHTS).is_file())
        for name, folder in inside.items()
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"deepaudio {facts['deepaudio']}, python {facts['python']}, {sys.platform}"]
    lines += [f"{name} {version or 'missing'}" for name, version in facts["packages"].items()]
    lines += [
        f"{name} {version}"
        if version
        else f"{name} not installed (pip install 'deepaudio[{extra}]')"
        for extra in EXTRAS
        for name, version in facts[extra].items()
    ]
    lines.append(
        f"ffmpeg {facts['ffmpeg']['path'] or 'missing'}: {facts['ffmpeg']['version'] or ''}"
    )
    gpu = facts["device"].get("gpu")
    lines.append(f"device {facts['device']['auto']}" + (f" ({gpu})" if gpu else ""))
    lines.append(f"disk {facts['disk_free_gib']} GiB free, {facts['cpu_cores']} cores")
    lines += [
        f"preset {name}: {', '.join(parts) or 'no weights'}"
        for name, parts in facts["presets"].items()
    ]
    return lines

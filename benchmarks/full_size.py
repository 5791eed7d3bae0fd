"""Full sizes end to end with random weights: import, foley, dub and tts through the command line, with their memory.

    python -m benchmarks.full_size mm-s16k --device cpu --dtypes float32 bfloat16 --seconds 1 --steps 2 --folder SCRATCH

Makes files of the official names, shapes and wrappings (8 GB for mm-s16k), imports them, runs the commands and prints one
JSON line per step with wall time, CPU time and peak memory. Nothing it makes is called quality.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deepaudio.presets import official, store
from tests.full_size_files import material


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
    parser.add_argument("--dtypes", nargs="+", default=["auto"], help="one run of all for each")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--import-only", action="store_true", help="leave it at the weights")
    asked = parser.parse_args()
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[store.PLACE_VARIABLE] = str(folder / "models")
    for name in official.preset(asked.preset).part_names:
        part = official.part(name)
        if store.is_there(part):
            continue
        # in a process of its own: the peak of a child counts from that of its parent
        make = [sys.executable, "-m", "tests.full_size_files", name, str(folder)]
        source = Path(
            subprocess.run(make, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        )
        command(
            f"import {name}", "models", "import", source, "--part", name, "--allow-pickle", "-q"
        )
        shutil.rmtree(source) if source.is_dir() else source.unlink()
    if asked.import_only:
        return
    clip, voice = material(folder, asked.seconds)
    for dtype in asked.dtypes:
        how = ("--preset", asked.preset, "--device", asked.device, "--dtype", dtype)
        how += ("--steps", asked.steps, "-q")
        say = ("--text", "Go on.", "--ref", voice, "--ref-text", "A quiet day in the hills.")
        command(f"tts {dtype}", "tts", *say, *how, "-o", folder / "tts.wav")
        command(f"foley {dtype}", "foley", clip, *how, "-o", folder / "foley.mp4")
        dub = ("dub", clip, *say, *how, "--max-speed", 3)
        command(f"dub {dtype}", *dub, "-o", folder / "dub.mp4")
        command(f"dub {dtype} --low-memory", *dub, "--low-memory", "-o", folder / "low.mp4")


if __name__ == "__main__":
    main()

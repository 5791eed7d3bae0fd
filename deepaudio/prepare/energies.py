"""Energy contours that a preset's M_v2a predicts for the clips of a manifest: what V2S tuning is conditioned on.

python -m deepaudio.prepare.energies MANIFEST.jsonl OUT.safetensors [--preset mini]
"""

import argparse
import logging
from pathlib import Path

import torch
from safetensors.torch import save_file

from deepaudio.data.manifest import read_manifest
from deepaudio.errors import DeepAudioError
from deepaudio.inference.model import load
from deepaudio.options import SampleOptions

log = logging.getLogger(__name__)


@torch.inference_mode()
def predict(manifest: Path, out: Path, preset: str, seed: int = 0) -> int:
    """Write contours [n] at 93.75 Hz by item id; returns how many. Items without video are named and left out."""
    v2a = load(preset).v2a
    contours = {}
    for item in read_manifest(manifest):
        if item.video is None:
            log.warning("left out %s: no video", item.id)
            continue
        contours[item.id] = (
            v2a.energy(v2a.features(item.video), SampleOptions(seed=seed)).cpu().contiguous()
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(contours, out)
    return len(contours)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="predict_energy", description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", default="mini")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        log.info(
            "%d contours in %s", predict(options.manifest, options.out, options.preset), options.out
        )
    except DeepAudioError as error:
        log.error("%s%s", error.message, f" ({error.hint})" if error.hint else "")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

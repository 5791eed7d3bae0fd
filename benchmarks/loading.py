"""How long an update waits for its batch: one process's share of full-size batches, beside a network that only sleeps.

    python -m benchmarks.loading [--world 8] [--updates 40] [--v2a-step 0.15] [--speech-step 0.5]

Shards of the sizes of stage 1 (mm-s16k: 128 items a batch) and of stage 2 (tts/f5-base: 38,400 frames for each process) are
written to a temporary folder (about half a gigabyte) and fed as in training: read, drawn, cut to the share of the first of
`--world` processes. Prints a row each: what making a batch takes, and which share of an update is waited for it, with the thread that makes
batches ahead and without. A step is what the GPU would take; choose your own.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from deepaudio.data.infill import InfillData
from deepaudio.data.shards import write_shard
from deepaudio.data.stored import StoredData, StoredShards
from deepaudio.models.tts import dit
from deepaudio.models.v2a import mmdit
from deepaudio.training.distributed.feed import Feed
from deepaudio.training.stages._infill import InfillStage
from deepaudio.training.stages._stored import StoredStage
from deepaudio.training.stages.tts import Objective as SpeechObjective
from deepaudio.training.stages.v2a import Objective

WARM = 3  # updates that do not count
V2A_ITEMS, SPEECH_ITEMS = 400, 1200


def v2a(folder: Path, world: int) -> StoredStage:
    """Stage 1 with a network that is too small to matter; its features have the sizes of mm-s16k."""
    sizes = {"latent": (250, 20), "spread": (250, 20), "clip": (64, 1024), "sync": (192, 768)}
    sizes["text"] = (77, 1024)
    tensors = {
        f"k{i}.{name}": torch.ones(size, dtype=torch.half)
        for i in range(V2A_ITEMS)
        for name, size in sizes.items()
    }
    tensors["empty_prompt"] = torch.zeros(77, 1024)
    write_shard(folder / "v2a", [{"key": f"k{i}"} for i in range(V2A_ITEMS)], tensors)
    config = mmdit.Config(hidden_dim=64, heads=1, depth=2, fused_depth=1, latent_dim=20)
    shards = StoredShards(StoredData((str(folder / "v2a"),), batch_items=128))
    return StoredStage(mmdit.Model(config), config, shards, Objective())


def speech(folder: Path, world: int) -> InfillStage:
    """Stage 2 likewise: utterances of 3 to 15 seconds, 38,400 frames for each process."""
    rng, tensors, rows = torch.Generator().manual_seed(0), {}, []
    for i in range(SPEECH_ITEMS):
        n = int(torch.randint(281, 1406, (), generator=rng))
        tensors[f"k{i}.mel"] = torch.zeros(n, 100, dtype=torch.half)
        tensors[f"k{i}.energy"] = torch.zeros(n, dtype=torch.half)
        tensors[f"k{i}.text"] = torch.zeros(n // 6, dtype=torch.int32)
        rows.append({"key": f"k{i}", "frames": n, "text": ""})
    write_shard(folder / "speech", rows, tensors)
    data = InfillData((str(folder / "speech"),), 38_400 * world, batch_items=64 * world)
    config = dit.Config.tiny()
    return InfillStage(dit.Model(config), config, data, SpeechObjective(), seed=0)


def waited(stage: Any, world: int, step: float, updates: int, ahead: bool) -> float:
    """Seconds that an update of `step` seconds waits for its batch, on average."""
    feed = Feed(stage, torch.Generator().manual_seed(0), 0, world, torch.device("cpu"), ahead)
    total = 0.0
    for number in range(updates + WARM):
        start = time.perf_counter()
        feed.next()
        total += time.perf_counter() - start if number >= WARM else 0.0
        time.sleep(step)
    feed.close()
    return total / updates


def main() -> None:
    """Write, feed, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", type=int, default=8)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--v2a-step", type=float, default=0.15)
    parser.add_argument("--speech-step", type=float, default=0.5)
    given = parser.parse_args()
    print("| stage | step | a batch takes | waited, made ahead | waited, without |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for name, build, step in (
            ("v2a/mm-s16k", v2a, given.v2a_step),
            ("tts/f5-base", speech, given.speech_step),
        ):
            stage = build(Path(scratch), given.world)
            alone = waited(stage, given.world, 0.0, given.updates, ahead=False)
            ahead = waited(stage, given.world, step, given.updates, ahead=True)
            shares = (f"{100 * time_ / (time_ + step):.1f} %" for time_ in (ahead, alone))
            print(f"| {name} | {step:g} s | {alone:.3f} s | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()

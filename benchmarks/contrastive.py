"""What the contrastive term of stage 1 does: the network of v2a/contrastive-smoke with and without it, on drawn scenes.

    python -m benchmarks.contrastive [--weights 0 0.1 0.5] [--seeds 2] [--steps 400] [--scenes 200]

Prints one row per weight: retrieval, how often the audio of a window is nearest to its own video among `ITEMS` windows (chance is
1 / ITEMS), on the scenes of training and on others, and the flow loss on the others; mean and deviation over the seeds. On one CPU core
drawing takes two minutes and a run one.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import torch

from deepaudio.config import overriding
from deepaudio.data.synthetic.clips import scenes
from deepaudio.encoders.motion import MotionEncoder
from deepaudio.prepare import mini_v2a
from deepaudio.training import recipe as recipes
from deepaudio.training.contrastive import info_nce
from deepaudio.training.fit import fit
from deepaudio.training.stages.v2a import Stage, build

RECIPE = "v2a/contrastive-smoke"
ITEMS, BATCHES, UNSEEN = 24, 16, 1000  # windows in a batch, batches, seed of the held-out scenes


def planned(output: Path, *pairs: str) -> recipes.Recipe:
    """The recipe on a CPU, with overrides."""
    pairs = (f"output={output}", "device=cpu", *pairs)
    with overriding(pairs):
        return recipes.load(recipes.find_recipe(RECIPE), pairs)


def trained(folder: Path, shard: Path, weight: float, seed: int, steps: int) -> Path:
    """The model folder of one run."""
    pairs = (f"objective.contrastive={weight}", f"seed={seed}", f"steps={steps}")
    plan = planned(folder, *pairs, "data.drawn=0", f"data.shards=[{shard}]", "data.batch_items=16")
    return fit(build(plan), plan)


def on_scenes(model: Path, shard: Path) -> Stage:
    """A trained network with windows of the scenes of a shard, nothing of them dropped or spliced."""
    codec = model.parent / "codec"
    data = ("data.drawn=0", f"data.shards=[{shard}]", f"data.batch_items={ITEMS}")
    whole = ("data.splice=0", "data.say_nothing=0", "objective.drop=0", "objective.contrastive=0")
    plan = planned(
        model.parent / "unseen",
        *data,
        *whole,
        f"data.codec={{folder: {codec}}}",
        f"init_from={model}",
    )
    return build(plan)


@torch.no_grad()
def measured(stage: Stage) -> tuple[float, float]:
    """Retrieval and flow loss over the same batches and noise for every network."""
    retrieved, total, weight = 0.0, 0.0, 0.0
    batches = stage.batches(torch.Generator().manual_seed(7))
    for number in range(BATCHES):
        batch = next(batches)
        cond = stage.model.encode(batch.clip, batch.sync, batch.text)
        pooled = stage.model.pooled(stage.model.normalize(batch.latent), cond)
        retrieved += float(info_nce(*pooled).retrieved) / BATCHES
        loss = stage.loss(batch, torch.Generator().manual_seed(number))
        total, weight = total + float(loss.value), weight + loss.weight
    return retrieved, total / weight


def said(values: list[float]) -> str:
    """Mean and deviation."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} +- {spread:.3f}"


def main() -> None:
    """Draw, train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.1, 0.5])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--scenes", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        seen, unseen = Path(scratch) / "seen", Path(scratch) / "unseen"
        for shard, count, seed in ((seen, arguments.scenes, 0), (unseen, 64, UNSEEN)):
            mini_v2a.write(scenes(count, seed), MotionEncoder(mini_v2a.FACES), shard)
        print(
            f"| weight | retrieval, seen (chance {1 / ITEMS:.3f}) | retrieval, unseen | flow loss, unseen |"
        )
        print("|---|---|---|---|")
        for weight in arguments.weights:
            runs = []
            for seed in range(arguments.seeds):
                place = Path(scratch) / f"{weight}-{seed}"
                model = trained(place, seen, weight, seed, arguments.steps)
                known, _ = measured(on_scenes(model, seen))
                runs.append((known, *measured(on_scenes(model, unseen))))
            cells = (said(list(values)) for values in zip(*runs, strict=True))
            print(f"| {weight:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

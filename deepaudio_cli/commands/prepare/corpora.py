"""Corpora and folders of recordings: manifests."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from deepaudio.errors import InputError
from deepaudio.progress import counted
from deepaudio_cli import options as opt
from deepaudio_cli.commands.prepare.app import Manifest, app
from deepaudio_cli.commands.prepare.shards import Force, refuse_existing
from deepaudio_cli.console import Console


@app.command("manifest")
def manifest(
    corpus: Annotated[str, typer.Argument(help="grid, librispeech, vctk, v2c, vggsound ...")],
    root: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    out: Annotated[Path, typer.Argument(help="Manifest to write.")],
    list_: Annotated[
        Path | None,
        typer.Option("--list", help="List file of librispeech-pc or vggsound; test list of v2c."),
    ] = None,
    talkers: Annotated[
        Literal["train", "held-out"] | None,
        typer.Option(help="Leave out the talkers kept for validation, or take only them."),
    ] = None,
    part: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="Of v2c, or of vggsound with its official list."),
    ] = None,
    force: Force = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """The manifest of a corpus, for training and for `deepaudio eval`."""
    console = Console("prepare manifest", json, quiet=quiet)
    from deepaudio.prepare.manifest import write_corpus

    refuse_existing(out, force)
    count = write_corpus(corpus, root, out, list_, talkers, part)
    console.say(f"{count} items")
    console.result({"output": out, "items": count}, out)


@app.command("read-back")
def read_back(
    source: Manifest,
    out: Annotated[Path, typer.Argument(help="Manifest to write.")],
    judge: Annotated[str, typer.Option(help="Recogniser.")] = "whisper-tiny.en",
    most: Annotated[float, typer.Option(help="Errors per word allowed.", min=0)] = 0.5,
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """A manifest of the items that a recogniser reads back (extra judges)."""
    console = Console("prepare read-back", json, verbose, quiet)
    from deepaudio.data.manifest import read_manifest, write_manifest
    from deepaudio.judges import open_judge
    from deepaudio.prepare import read_back as filters

    items = [item for item in read_manifest(source) if item.text]
    refuse_existing(out, force)
    if not items:
        raise InputError("manifest.empty", f"no item of {source.name} has text to compare with")
    with console.progress() as progress:
        kept = list(filters.read_back(counted(items, progress), open_judge(judge), most))
    count = write_manifest(out, kept)
    console.say(f"{count} of {len(items)} items")
    console.result({"output": out, "items": count, "of": len(items)}, out)

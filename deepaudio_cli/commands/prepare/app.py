"""The app of `deepaudio prepare`, its list, and what several of its commands take."""

from pathlib import Path
from typing import Annotated

import typer

from deepaudio_cli import options as opt
from deepaudio_cli.console import Console

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Material for training: manifests of corpora, features, shards.",
)
Manifest = Annotated[Path, typer.Argument(help="JSONL manifest.")]


@app.command("ls")
def ls(json: opt.Json = False) -> None:
    """List what can be prepared, and the recipes that it is for."""
    rows = [
        {"kind": command.name, "about": (command.callback.__doc__ or "").partition("\n")[0]}
        for command in app.registered_commands
        if command.name != "ls"
    ]
    width = max(len(row["kind"]) for row in rows)
    Console("prepare ls", json).result(
        {"kinds": rows}, *(f"{row['kind']:<{width}}  {row['about']}" for row in rows)
    )

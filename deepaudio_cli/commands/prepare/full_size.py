"""Material of the paper's sizes."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deepaudio.options import PRESET
from deepaudio.progress import counted
from deepaudio_cli import options as opt
from deepaudio_cli.commands.prepare.app import Manifest, app
from deepaudio_cli.commands.prepare.shards import (
    Address,
    EngineOf,
    Force,
    FormOf,
    Jobs,
    Of,
    Shard,
    check_engine,
    part_of,
    report,
    write_shards,
)
from deepaudio_cli.console import Console


@app.command("v2a")
def v2a(
    source: Manifest,
    out: Annotated[Path, typer.Argument(help="Shards to write: OUT-000, OUT-001, ...")],
    preset: Annotated[str, typer.Option(help="A full size, e.g. mm-s16k.")],
    items_per_shard: Annotated[
        int, typer.Option(help="Items of one shard.", min=1, max=1_000_000)
    ] = 1000,
    engine: EngineOf = "processes",
    address: Address = None,
    of: Of = None,
    form: FormOf = "safetensors",
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Shards of latents and features for v2a/mm-* and v2a/ys-24k; whole shards are kept."""
    console = Console("prepare v2a", json, verbose, quiet)
    from deepaudio.prepare import v2a_latents as latents

    check_engine(engine, address)
    items, out = part_of(source, out, of)
    with console.progress() as progress:
        if engine == "ray":
            made = partial(latents.write_v2a_on_cluster, out, items, preset, items_per_shard, form)
            shards = made(device, dtype, address, progress)
        else:
            model = latents.feature_model(preset, device, dtype)
            items = counted(items, progress)
            shards = latents.write_v2a_shards(out, items, model, items_per_shard, form)
    console.result({"shards": shards}, *shards)


@app.command("energies")
def energies(
    source: Manifest,
    out: Annotated[
        Path,
        typer.Argument(
            help="Contours by id: OUT.safetensors, or with --jobs OUT-0.safetensors, ..."
        ),
    ],
    preset: opt.Preset = PRESET,
    steps: Annotated[
        int | None, typer.Option(help="Steps of a full size's flow.", min=1, max=1000)
    ] = None,
    jobs: Jobs = 1,
    engine: EngineOf = "processes",
    address: Address = None,
    of: Of = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Energy contours that a preset's M_v2a predicts, for V2S tuning (v2s/*)."""
    console = Console("prepare energies", json, verbose, quiet)
    from deepaudio.options import SampleOptions
    from deepaudio.prepare.energies import SUFFIX, write_files_of_energies

    check_engine(engine, address)
    items, out = part_of(source, out.with_name(out.name.removesuffix(SUFFIX)), of)
    made = partial(write_files_of_energies, out, items, preset, SampleOptions(steps=steps))
    with console.progress() as progress:
        counts = made(jobs, engine, address, device, dtype, force, progress)
    report(console, counts)


@app.command("infill")
def infill(
    source: Manifest,
    out: Shard,
    vocabulary: Annotated[Path, typer.Option(help="vocab.txt that comes with F5-TTS.")],
    energies: Annotated[
        Path | None,
        typer.Option(
            help="Contours of `prepare energies`, `*` for several files; else each recording's own."
        ),
    ] = None,
    prosody: Annotated[
        bool,
        typer.Option("--prosody", help="Measure pitch, its spread and the pace as well (slow)."),
    ] = False,
    jobs: Jobs = 1,
    engine: EngineOf = "processes",
    address: Address = None,
    of: Of = None,
    form: FormOf = "safetensors",
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Shards of mel, token ids and energy for tts/f5-base and v2s/*."""
    from deepaudio.prepare.infill_shards import write

    energies = energies and energies.absolute()  # as is the shard: workers may stand elsewhere
    settings = {"energies": energies, "with_prosody": prosody, "form": form}
    write = partial(write, vocabulary=vocabulary.absolute(), **settings)
    console = Console("prepare infill", json, verbose, quiet)
    write_shards(console, write, source, out, jobs, force, of, engine, address)

"""`deepaudio prepare`: corpora to manifests, and manifests to the shards that recipes train on."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepaudio.options import PRESET
from deepaudio.progress import counted
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console
from deepaudio_cli.shards import Force, Jobs, Shard, refuse_existing, write_one, write_shards

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
    with console.progress() as progress:
        count = write_manifest(
            out, filters.read_back(counted(items, progress), open_judge(judge), most)
        )
    console.say(f"{count} of {len(items)} items")
    console.result({"output": out, "items": count, "of": len(items)}, out)


@app.command("speech")
def speech(
    source: Manifest,
    out: Shard,
    factor: Annotated[
        list[float] | None,
        typer.Option(help="Speed at which each item is resampled; repeatable, 1 by default."),
    ] = None,
    transcribe: Annotated[
        bool, typer.Option("--transcribe", help="Let whisper-base fill in missing text.")
    ] = False,
    eigenvoice: Annotated[
        bool,
        typer.Option(
            "--eigenvoice", help="Parallel frames of base TTS and recording, for voice/mini."
        ),
    ] = False,
    jobs: Jobs = 1,
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Speech shards for tts/mini, tts/mini-flow and v2s/mini, or for voice/mini (extra align)."""
    from deepaudio.prepare.speech import write

    factors = tuple(factor or (1.0,))
    write = partial(write, factors=factors, transcribe=transcribe, eigenvoice=eigenvoice)
    write_shards(Console("prepare speech", json, verbose, quiet), write, source, out, jobs, force)


@app.command("folder")
def folder(
    recordings: Annotated[
        Path, typer.Argument(help="Folder of recordings of a voice, with NAME.txt beside each.")
    ],
    out: Shard,
    list_: Annotated[
        Path | None,
        typer.Option("--list", help="CSV of files and texts; metadata.csv in the folder is found."),
    ] = None,
    factor: Annotated[
        list[float] | None,
        typer.Option(help="Speed at which each item is resampled; repeatable, 1 by default."),
    ] = None,
    jobs: Jobs = 1,
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """One's own recordings for v2s/finetune: manifest and speech shard (extra align; judges to transcribe)."""
    console = Console("prepare folder", json, verbose, quiet)
    from deepaudio.data.corpora.folder import folder_items
    from deepaudio.data.manifest import write_manifest
    from deepaudio.prepare.speech import transcribed, write

    manifest = out.with_name(f"{out.name}.jsonl")
    if not manifest.is_file():
        items = list(folder_items(recordings.absolute(), list_))
        silent = sum(not item.text for item in items)
        if silent:
            console.say(
                f"{silent} of {len(items)} recordings have no text: whisper-base hears them"
            )
        with console.progress() as progress:
            write_manifest(manifest, transcribed(counted(items, progress)))
    write = partial(write, factors=tuple(factor or (1.0,)))
    write_shards(console, write, manifest, out, jobs, force)


@app.command("many-voices")
def many_voices(
    lines: Annotated[Path, typer.Argument(help="Text file, one sentence a line.")],
    out: Shard,
    styles: Annotated[Path, typer.Option(help="Folder of Kokoro's style tables.")],
    voices: Annotated[int, typer.Option(help="How many voices.", min=1)] = 60,
    each: Annotated[int, typer.Option(help="Lines that each voice says.", min=1)] = 6,
    seed: Annotated[int, typer.Option(help="Other voices and lines.", min=0)] = 0,
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Speech shards of a many-voiced base TTS with known phone times (extra teachers)."""
    console = Console("prepare many-voices", json, verbose, quiet)
    from deepaudio.prepare.many_voices import write

    write_one(console, out, force, lambda: write(lines, out, styles, voices, each, seed))


@app.command("mini-v2a")
def mini_v2a(
    kind: Annotated[Literal["scenes", "talk", "grid"], typer.Argument(help="Which clips.")],
    out: Shard,
    count: Annotated[int, typer.Option(help="How many drawn clips.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Other drawings.", min=0)] = 0,
    speech: Annotated[
        Path | None, typer.Option(help="Folder of recordings (talk) or of GRID (grid).")
    ] = None,
    scene: Annotated[
        list[str] | None, typer.Option(help="Only these kinds of scenes; repeatable.")
    ] = None,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="The other side of GRID's split.")
    ] = False,
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Shards of drawn scenes, drawn talkers or GRID clips for v2a/mini."""
    console = Console("prepare mini-v2a", json, verbose, quiet)
    from deepaudio.encoders.motion import MotionEncoder
    from deepaudio.prepare.mini_v2a import FACES, examples_of, write

    def made() -> int:
        examples = examples_of(kind, count, seed, speech, scene or (), held_out)
        return write(examples, MotionEncoder(FACES), out)

    write_one(console, out, force, made)


@app.command("v2a")
def v2a(
    source: Manifest,
    out: Annotated[Path, typer.Argument(help="Shards to write: OUT-000, OUT-001, ...")],
    preset: Annotated[str, typer.Option(help="A full size, e.g. mm-s16k.")],
    items_per_shard: Annotated[int, typer.Option(help="Items of one shard.", min=1)] = 1000,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Shards of latents and features for v2a/mm-* and v2a/ys-24k; whole shards are kept."""
    console = Console("prepare v2a", json, verbose, quiet)
    from deepaudio.data.manifest import read_manifest
    from deepaudio.prepare.v2a_latents import feature_model, write_v2a_shards

    items = read_manifest(source)
    model = feature_model(preset, device, dtype)
    with console.progress() as progress:
        shards = write_v2a_shards(out, counted(items, progress), model, items_per_shard)
    console.result({"shards": shards}, *shards)


@app.command("energies")
def energies(
    source: Manifest,
    out: Annotated[Path, typer.Argument(help="Contours by id: a .safetensors file.")],
    preset: opt.Preset = PRESET,
    steps: Annotated[int | None, typer.Option(help="Steps of a full size's flow.", min=1)] = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Energy contours that a preset's M_v2a predicts, for V2S tuning (v2s/*)."""
    console = Console("prepare energies", json, verbose, quiet)
    from deepaudio.data.manifest import read_manifest
    from deepaudio.inference.model import load
    from deepaudio.options import SampleOptions
    from deepaudio.prepare.energies import write_energies

    items = read_manifest(source)
    if out.suffix != ".safetensors":
        out = out.with_name(f"{out.name}.safetensors")
    refuse_existing(out, force)
    model = load(preset, device, dtype=dtype)
    with console.progress() as progress:
        options = SampleOptions(steps=steps)
        count = write_energies(out, counted(items, progress), model.v2a, options)
    console.say(f"{count} contours")
    console.result({"output": out, "contours": count}, out)


@app.command("infill")
def infill(
    source: Manifest,
    out: Shard,
    vocabulary: Annotated[Path, typer.Option(help="vocab.txt that comes with F5-TTS.")],
    energies: Annotated[
        Path | None, typer.Option(help="Contours of `prepare energies`; else each recording's own.")
    ] = None,
    prosody: Annotated[
        bool,
        typer.Option("--prosody", help="Measure pitch, its spread and the pace as well (slow)."),
    ] = False,
    jobs: Jobs = 1,
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Shards of mel, token ids and energy for tts/f5-base and v2s/*."""
    from deepaudio.prepare.infill_shards import write

    write = partial(write, vocabulary=vocabulary, energies=energies, with_prosody=prosody)
    write_shards(Console("prepare infill", json, verbose, quiet), write, source, out, jobs, force)


@app.command("vocoder")
def vocoder(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings.")],
    out: Annotated[Path, typer.Argument(help="Bank to write: a folder.")],
    most: Annotated[int | None, typer.Option(help="At most so many files.", min=1)] = None,
    sounds: Annotated[
        bool, typer.Option("--sounds", help="Not speech: no pitch is measured.")
    ] = False,
    force: Force = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """A bank of recordings for vocoder/mini."""
    console = Console("prepare vocoder", json, quiet=quiet)
    from deepaudio.data.vocoder import write_bank
    from deepaudio.prepare.vocoder_bank import recordings

    refuse_existing(out / "index.json", force)
    found = dict(recordings(folder, most))
    write_bank(out, found, speech=not sounds)
    console.say(f"{len(found)} recordings")
    console.result({"output": out, "recordings": len(found)}, out)

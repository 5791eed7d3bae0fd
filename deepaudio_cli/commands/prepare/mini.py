"""Material of the embedded sizes."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepaudio.errors import InputError, UsageError
from deepaudio.progress import counted
from deepaudio_cli import options as opt
from deepaudio_cli.commands.prepare.app import Manifest, app
from deepaudio_cli.commands.prepare.shards import (
    Address,
    EngineOf,
    Force,
    Jobs,
    Of,
    Shard,
    refuse_existing,
    write_one,
    write_shards,
)
from deepaudio_cli.console import Console

Factors = Annotated[
    list[float] | None,
    typer.Option(
        help="Speed at which each item is resampled; repeatable, 1 by default.", min=0.25, max=4
    ),
]


@app.command("speech")
def speech(
    source: Manifest,
    out: Shard,
    factor: Factors = None,
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
    engine: EngineOf = "processes",
    address: Address = None,
    of: Of = None,
    force: Force = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Speech shards for tts/mini and v2s/mini, or for voice/mini (extra align)."""
    from deepaudio.prepare.speech import write

    factors = tuple(factor or (1.0,))
    write = partial(write, factors=factors, transcribe=transcribe, eigenvoice=eigenvoice)
    console = Console("prepare speech", json, verbose, quiet)
    write_shards(console, write, source, out, jobs, force, of, engine, address)


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
    factor: Factors = None,
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

    if not recordings.is_dir():
        raise InputError("folder.missing", f"no such folder: {recordings}", "check the path")
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
    voices: Annotated[int, typer.Option(help="How many voices.", min=1, max=10_000)] = 60,
    each: Annotated[int, typer.Option(help="Lines that each voice says.", min=1)] = 6,
    seed: Annotated[int, typer.Option(help="Other voices and lines.", min=0, max=opt.MAX_SEED)] = 0,
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
    seed: Annotated[int, typer.Option(help="Other drawings.", min=0, max=opt.MAX_SEED)] = 0,
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


@app.command("word-vectors")
def word_vectors(
    encoder: Annotated[
        Path, typer.Argument(help="Folder of a sentence-transformers model: all-MiniLM-L6-v2.")
    ],
    out: Annotated[Path, typer.Argument(help="File to write, .safetensors.")],
    dim: Annotated[int, typer.Option(help="Numbers a word.", min=8, max=384)] = 64,
    most: Annotated[int, typer.Option(help="Words at most.", min=1)] = 11_700,
    force: Force = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """What words mean, for mof/mini: vectors of the encoder's English words and those of the instructions."""
    console = Console("prepare word-vectors", json, quiet=quiet)
    from deepaudio.data.mof import all_text
    from deepaudio.encoders import ngrams, word_vectors
    from deepaudio.media.output import published

    if out.suffix != ".safetensors":
        raise UsageError("output.suffix", f"{out} does not end in .safetensors")
    refuse_existing(out, force)
    words = sorted(set(ngrams.words(all_text())))
    with published(out) as temp:
        count = word_vectors.write(
            temp, encoder, words, dim, most, lambda word: ngrams.hashes(word)[0]
        )
    console.say(f"{count} words")
    console.result({"output": out, "words": count}, out)

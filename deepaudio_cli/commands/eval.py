"""`deepaudio eval`: the paper's tables, from predictions of any system or from a preset."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from deepaudio.errors import BatchError, UsageError
from deepaudio_cli import arguments as arg
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console

Many = list[str] | None


def eval(
    task: Annotated[Literal["v2s", "v2a", "tts", "mof"], typer.Argument(help="Which table.")],
    manifest: Annotated[Path, typer.Option(help="JSONL manifest, or the paper's six-column .lst.")],
    predictions: Annotated[
        Many,
        typer.Option(metavar="[NAME=]DIR", help="Outputs of a system, named by id; repeatable."),
    ] = None,
    preset: Annotated[
        Many, typer.Option(help="Generate with this preset first; repeatable.")
    ] = None,
    variant: Annotated[
        Many,
        typer.Option(help="Of the preset, for v2s: whole, no-energy, v2a-alone; repeatable."),
    ] = None,
    setting: Annotated[
        Literal["dub1", "dub2", "dub3"] | None,
        typer.Option(help="Which reference a row takes; by default the manifest's own."),
    ] = None,
    voices: Annotated[
        Path | None,
        typer.Option(help="Manifest of unseen voices for dub3."),
    ] = None,
    truth: Annotated[bool, typer.Option("--truth", help="Add the ground truth as a row.")] = False,
    unrelated: Annotated[
        bool, typer.Option("--unrelated", help="Add the baseline of other items' truth.")
    ] = False,
    metric: Annotated[Many, typer.Option(help="Only these metrics; repeatable.")] = None,
    judges: Annotated[
        Literal["offline", "paper", "both"], typer.Option(help="Which set of judges.")
    ] = "offline",
    judge: Annotated[Many, typer.Option(help="A further judge by name; repeatable.")] = None,
    judge_folder: Annotated[
        Many, typer.Option(metavar="NAME=DIR", help="Where a judge's weights lie; repeatable.")
    ] = None,
    path_map: Annotated[
        Many, typer.Option("--map", metavar="OLD=NEW", help="Prefix of paths in the manifest.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Only the first items.", min=1),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="Judge only so much of each sound (8 in the paper's V2A).", min=0.1, max=86_400
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Items at a time.", min=1, max=opt.MAX_JOBS)] = 1,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for items.jsonl, summary.json, tables.")
    ] = Path("eval"),
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Also write one self-contained report."),
    ] = None,
    no_resume: Annotated[bool, typer.Option("--no-resume", help="Score everything again.")] = False,
    quality: opt.QualityName = opt.SAMPLING.quality,
    steps: opt.Steps = None,
    guidance: opt.Guidance = None,
    seed: opt.Seed = opt.SAMPLING.seed,
    noise_scale: opt.NoiseScale = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    offline: opt.Offline = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Score predictions, or a preset's, against a manifest; every failure is counted and named."""
    console = Console("eval", json, verbose, quiet)
    arg.prepare(offline)
    from deepaudio.devices import device_of
    from deepaudio.evaluation.evaluate import EvalOptions, check, evaluate, write_tables
    from deepaudio.evaluation.inputs import Rows, read_items, systems_of

    items = read_items(
        manifest, _pairs(path_map, "--map"), setting, voices, limit, needs_truth=truth or unrelated
    )
    rows = Rows(
        predictions=tuple(predictions or ()),
        presets=tuple(preset or ()),
        variants=tuple(variant or ("whole",)),
        truth=truth,
        unrelated=unrelated,
    )
    options = EvalOptions(
        task=task,
        metrics=tuple(metric or ()),
        judge_set=judges,
        judges=tuple(judge or ()),
        judge_folders={n: Path(p) for n, p in _pairs(judge_folder, "--judge-folder").items()},
        seconds=seconds,
        jobs=jobs,
        device=str(device_of(device)),
        resume=not no_resume,
    )
    check(options, out, manifest, report)
    sampling = arg.sampling(steps, quality, guidance, seed, noise_scale=noise_scale)
    if not preset and sampling != opt.SAMPLING:
        flags = "--quality, --steps, --guidance, --seed and --noise-scale"
        raise UsageError("eval.sampling", f"{flags} belong to --preset", "give that too")
    with console.progress() as progress:
        systems = systems_of(rows, items, task, out, sampling, device, dtype, progress)
        summary = evaluate(items, systems, options, out, progress)
    written = write_tables(summary, out, items, report)
    for line in written.lines:
        console.say(line)
    failed = {name: row["failed"] for name, row in summary["systems"].items() if row["failed"]}
    facts = {"summary": summary, "files": written.files}
    if not (json and failed):  # then the error carries the result: one object on stdout
        console.result(facts, out / "summary.json")
    if failed:
        count = sum(len(entries) for entries in failed.values())
        raise BatchError(
            "eval.failed",
            f"{count} items failed and were counted; see {out / 'items.jsonl'}",
            "the rest is scored; run again to resume",
            **facts,
        )


def _pairs(given: list[str] | None, flag: str) -> dict[str, str]:
    """`A=B` options as a mapping; UsageError for anything else."""
    pairs = {}
    for text in given or ():
        left, equals, right = text.partition("=")
        if not (left and equals):
            raise UsageError("eval.pair", f"{flag} takes NAME=VALUE, not '{text}'")
        pairs[left] = right
    return pairs

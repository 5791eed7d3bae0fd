"""`deepaudio runs`: what was trained, with which recipe, and how it went."""

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from deepaudio.errors import InputError, UsageError
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console, duration, finite

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, show, plot training runs."
)
SUFFIXES = (".png", ".svg", ".pdf")
CALLED = "called {at} at step {step}: {processes} x {device}, version {version}"
USUAL = ("validation", "loss", "lr")  # what is plotted when nothing is asked for


@app.command("ls")
def ls(
    places: Annotated[
        list[Path] | None, typer.Argument(help="Run folders, or folders with runs in them.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """List the runs in `runs/` or other folders: recipe, step, hours, losses."""
    console = Console("runs ls", json)
    from deepaudio.training.watch.runs import find_runs

    runs = find_runs(places or [Path("runs")])
    header = ("run", "recipe", "step", "hours", "loss", "validation", "best at", "saved")
    lines = [header, *(_cells(run) for run in runs)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    table = (
        "  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    console.result({"runs": [_facts(run) for run in runs]}, *(table if runs else ()))
    if not runs:
        console.say("no runs here")


@app.command("show")
def show(
    folder: Annotated[Path, typer.Argument(help="A run folder.")], json: opt.Json = False
) -> None:
    """One run: its recipe and what differs from the shipped one, its calls, figures, spikes, models."""
    console = Console("runs show", json)
    from deepaudio.training.watch.runs import read_run

    run = read_run(folder)
    changed, notes, kept = run.changed(), run.notes(), run.kept()
    spikes = [row for row in run.rows if {"spike", "usual"} <= row.keys()]
    lines = [f"{run.folder}: {run.name or 'a recipe'}, stage {run.recipe.stage}"]
    lines.append(f"step {run.step} of {run.recipe.steps}, {duration(run.hours * 3600)} of work")
    for figure in ("loss", "validation"):
        if (value := run.newest(figure)) is not None:
            lines.append(f"{figure} {value:.4f}")
    if best := run.best():
        lines.append(f"lowest validation {best[1]:.4f} at step {best[0]}")
    lines += [f"{key}: {new!r} instead of {old!r}" for key, (old, new) in changed.items()]
    for note in notes:
        values = "; ".join(
            f"{key} was {old!r}, then {new!r}" for key, (old, new) in note["changed"].items()
        )
        lines.append(f"changed at step {note['step']}: {values}")
    lines += [
        CALLED.format_map(defaultdict(lambda: "?", call))  # rows may lack what they should have
        for call in run.calls
    ]
    lines += [
        f"spike at step {row['step']}: loss {row['spike']:.4g} ({row['usual']:.4g} before)"
        for row in spikes
    ]
    lines += [f"--preset {run.folder / name}" for name in kept]
    facts = _facts(run) | {
        "changed": changed,
        "notes": notes,
        "calls": list(run.calls),
        "spikes": [{name: finite(value) for name, value in row.items()} for row in spikes],
        "models": kept,
    }
    console.result(facts, *lines)


@app.command("plot")
def plot(
    folders: Annotated[list[Path], typer.Argument(help="Run folders, side by side.")],
    figure: Annotated[
        list[str] | None,
        typer.Option("--figure", help="loss, validation, lr, norm ...; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A PNG, SVG or PDF, instead of the terminal."),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Curves over steps, in the terminal or as a picture."""
    console = Console("runs plot", json)
    if output and output.suffix.lower() not in SUFFIXES:
        raise UsageError("runs.suffix", f"{output} is none of {', '.join(SUFFIXES)}")
    from deepaudio.discover import suggest
    from deepaudio.reports import curves as drawn
    from deepaudio.training.watch.runs import figures_of, read_run

    runs = [read_run(folder) for folder in folders]
    known = figures_of(runs)
    for name in figure or ():
        if name not in known:
            raise InputError(
                "runs.figure", f"no figure '{name}' in these runs", suggest(name, known)
            )
    asked = figure or [name for name in USUAL if name in known]
    if not asked:
        raise InputError(
            "runs.no_figures",
            "these runs have no figures yet",
            "they come with the first line of progress",
        )
    curves = {
        name: [drawn.Curve(str(run.folder), *run.curve(name)) for run in runs if run.curve(name)[0]]
        for name in asked
    }
    if output:
        drawn.compare(curves, output)
        console.result({"output": output, "figures": asked}, output)
    else:
        text = drawn.in_terminal(curves, min(shutil.get_terminal_size().columns, 120))
        values = {name: [line._asdict() for line in lines] for name, lines in curves.items()}
        console.result({"figures": values}, text)


def _facts(run) -> dict:
    best = run.best()
    return {
        "folder": run.folder,
        "recipe": run.name,
        "stage": run.recipe.stage,
        "step": run.step,
        "steps": run.recipe.steps,
        "hours": run.hours,
        "loss": finite(run.newest("loss")),
        "validation": finite(run.newest("validation")),
        "best": {"step": best[0], "validation": best[1]} if best else None,
        "saved": run.saved.isoformat(timespec="seconds"),
    }


def _cells(run) -> tuple[str, ...]:
    numbers = [run.newest(name) for name in ("loss", "validation")]
    loss, validation = ("" if value is None else f"{value:.4f}" for value in numbers)
    best = run.best()
    return (
        str(run.folder),
        run.name or run.recipe.stage,
        f"{run.step}/{run.recipe.steps}",
        f"{run.hours:.2f}",
        loss,
        validation,
        str(best[0]) if best else "",
        run.saved.astimezone().strftime("%Y-%m-%d %H:%M"),
    )

"""`deepaudio train`: run one recipe; running it again resumes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from deepaudio_cli import options as opt
from deepaudio_cli.console import Console, duration, finite

WAITING = 0.05  # share of the time from which waiting for data is said


def train(
    context: typer.Context,
    recipe: Annotated[
        str, typer.Argument(help="A shipped name (deepaudio recipes ls) or a YAML file.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Overrides, e.g. optim.lr=1e-4 steps=100."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="Run folder, instead of the recipe's own."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda or mps, instead of the recipe's own."),
    ] = None,
    force_resume: Annotated[
        bool,
        typer.Option(
            "--force-resume",
            help="Go on with a run although its recipe was another: what changed is written down.",
        ),
    ] = False,
    change: Annotated[bool, typer.Option("--change", hidden=True)] = False,  # its name before
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Train one stage by a recipe; an interrupted run goes on from its last save."""
    console = Console("train", json, verbose, quiet)
    from deepaudio import discover
    from deepaudio.training import recipe as recipes
    from deepaudio.training.distributed.ranks import join
    from deepaudio.yaml_files import overriding

    pairs = _pairs(context, overrides or [], output=output, device=device)
    plan = recipes.load(recipes.find_recipe(recipe), pairs)
    ranks = join(plan.device, plan.parallel)
    if not ranks.first:
        console = Console("train", quiet=True)
    console.say(_opening(plan))

    from deepaudio.training.fit import fit

    with overriding(pairs), ranks.first_goes_ahead():
        stage = discover.find("deepaudio.training.stages", plan.stage).build(plan)
    with console.progress() as progress:

        def show(line) -> None:
            if progress:
                console.say(_said(line))
                if console.live:
                    progress("steps", line.step, line.steps)

        with _patience() as caught:
            trained = fit(
                stage,
                plan,
                show,
                stop=lambda: bool(caught),
                force_resume=force_resume or change,
                ranks=ranks,
                called={"recipe": recipe, "overrides": pairs},
            )
    ranks.leave()
    if caught:
        console.say("interrupted and saved; the same command goes on from here")
        signal.raise_signal(caught[0])
    if ranks.first:
        facts = trained._asdict() | {"validation": finite(trained.validation)}
        console.result(facts | {"recipe": plan.model_dump(mode="json")}, trained.model)


def _pairs(context: typer.Context, overrides: list[str], **options: str | None) -> list[str]:
    """`overrides` and options as key=value, the last of a key holds: what was typed comes behind what is set elsewhere."""
    given = {name: f"{name}={value}" for name, value in options.items() if value is not None}
    typed = [n for n in given if context.get_parameter_source(n).name == "COMMANDLINE"]
    elsewhere = [pair for name, pair in given.items() if name not in typed]
    return [*elsewhere, *overrides, *(given[name] for name in typed)]


def _opening(plan) -> str:
    """What the call is about to do."""
    from deepaudio.training.saves import written_progress

    step = written_progress(Path(plan.output)).step
    if step >= plan.steps:
        return (
            f"{plan.stage}: already finished, {step} steps in {plan.output}; steps=N asks for more"
        )
    resumed = f", resumes at step {step}" if step else ""
    return f"{plan.stage}: {plan.steps} steps into {plan.output}{resumed}"


def _said(line) -> str:
    """One line of progress."""
    parts = " ".join(f"{name} {value:.3f}" for name, value in line.parts.items())
    text = f"step {line.step}/{line.steps} loss {line.loss:.4f} lr {line.lr:.2e} {parts}".rstrip()
    if line.validation is not None:
        text += f", validation {line.validation:.4f}" + (" (the best)" if line.is_best else "")
    text += f", {line.seconds_per_step:.3g} s a step"
    if line.waiting >= WAITING:
        text += f", {line.waiting:.0%} of it waiting for data"
    return text + (f", {duration(line.left)} left" if line.step < line.steps else "")


@contextmanager
def _patience() -> Iterator[list[int]]:
    """The first signal to stop is noted, so that the update can end and be saved; the second one does not wait."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    caught: list[int] = []

    def note(number: int, _: object) -> None:
        caught.append(number)
        for known, handler in before.items():
            signal.signal(known, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

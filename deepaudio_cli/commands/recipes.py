"""`deepaudio recipes`: list, show, copy and check training recipes."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from deepaudio.errors import UsageError
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, show, copy, check recipes."
)
Name = Annotated[str, typer.Argument(help="A shipped name, e.g. tts/smoke, or a YAML file.")]


@app.command("ls")
def ls(json: opt.Json = False) -> None:
    """List the shipped recipes with their first comment line."""
    console = Console("recipes ls", json)
    from deepaudio.training import recipe

    rows = []
    for name in recipe.shipped_recipes():
        first = recipe.find_recipe(name).read_text(encoding="utf-8").partition("\n")[0]
        rows.append({"name": name, "about": first.lstrip("# ").strip() if first[:1] == "#" else ""})
    width = max((len(row["name"]) for row in rows), default=0)
    console.result(
        {"recipes": rows}, *(f"{r['name']:<{width}}  {r['about']}".rstrip() for r in rows)
    )


@app.command("show")
def show(name: Name, json: opt.Json = False) -> None:
    """Print a recipe as it is written."""
    console = Console("recipes show", json)
    from deepaudio.training import recipe

    file = recipe.find_recipe(name)
    text = file.read_text(encoding="utf-8").rstrip("\n")
    console.result({"file": file, "recipe": text}, text)


@app.command("cp")
def cp(
    name: Name,
    target: Annotated[Path, typer.Argument(help="File or folder to copy to.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite.")] = False,
    json: opt.Json = False,
) -> None:
    """Copy a recipe to edit it."""
    console = Console("recipes cp", json)
    from deepaudio.training import recipe

    source = recipe.find_recipe(name)
    place = target / source.name if target.is_dir() else target
    if place.exists() and not force:
        raise UsageError("output.exists", f"{place} is there already", "--force overwrites it")
    if place.exists() and place.samefile(source):
        raise UsageError("output.same", f"{place} is that recipe itself", "choose another name")
    if not place.parent.is_dir():
        raise UsageError("output.no_folder", f"no folder {place.parent}", "create it first")
    shutil.copyfile(source, place)
    console.result({"output": place}, place)


@app.command("validate")
def validate(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(help="Names or files; all shipped ones when none is given."),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Check recipes without running them."""
    from deepaudio.training import recipe
    from deepaudio.training.check import check

    names = recipes or recipe.shipped_recipes()
    for name in names:
        check(recipe.load(recipe.find_recipe(name)))
    console = Console("recipes validate", json)
    console.result({"valid": names}, *(f"{name}: valid" for name in names))

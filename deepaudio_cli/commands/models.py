"""`deepaudio models`: list, pull, import, verify and find the official weights of the full-size presets."""

import json as jsonlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deepaudio.errors import UsageError
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console, printable

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Official weights: list, pull, import, verify, find.",
)
Names = Annotated[list[str], typer.Argument(help="Presets or parts, see `deepaudio models ls`.")]


@app.command("ls")
def ls(
    parts: Annotated[bool, typer.Option("--parts", help="Every part with its files.")] = False,
    json: opt.Json = False,
) -> None:
    """List presets with what is here and what a pull would bring; --parts lists the official files."""
    console = Console("models ls", json)
    from deepaudio.presets import official, store
    from deepaudio.presets.trained import embedded

    listed = [_part_row(p) for p in official.PARTS.values()]
    inside = {"here": True, "bytes_missing": 0, "about": "inside the package"}
    presets: list[dict[str, Any]] = [{"preset": name} | inside for name in embedded()]
    for preset in official.PRESETS.values():
        missing = store.missing(preset)
        presets.append(
            {
                "preset": preset.name,
                "here": not missing,
                "bytes_missing": sum(p.size for p in missing),
                "missing": [p.name for p in missing],
                "parts": list(preset.part_names),
                "about": preset.about,
                "note": preset.note,
                "non_commercial": any(official.part(n).non_commercial for n in preset.part_names),
            }
        )
    fields = {"folder": store.home(), "presets": presets, "parts": listed}
    console.result(fields, *(_part_lines(listed) if parts else _preset_lines(presets)))


def _part_row(part: Any) -> dict[str, Any]:
    from deepaudio.presets import store

    return {
        "part": part.name,
        "kind": part.kind,
        "here": store.is_there(part),
        "bytes": part.size,
        "licence": part.licence,
        "non_commercial": part.non_commercial,
        "note": part.note,
        "files": [
            {
                "file": file.path,
                "from": file.place,
                "revision": file.revision,
                "bytes": file.size,
                "md5": file.md5,
            }
            for file in part.files
        ],
    }


def _preset_lines(presets: list[dict[str, Any]]) -> list[str]:
    from deepaudio.presets.store import readable

    lines = []
    for row in presets:
        state = "here" if row["here"] else f"{readable(row['bytes_missing'])} to pull"
        terms = "; weights for non-commercial use only" if row.get("non_commercial") else ""
        note = f" ({row['note']})" if row.get("note") else ""
        lines.append(f"{row['preset']:<11} {state:<16} {row['about']}{terms}{note}")
    return lines


def _part_lines(parts: list[dict[str, Any]]) -> list[str]:
    from deepaudio.presets.store import readable

    lines = []
    for row in parts:
        state = "here" if row["here"] else "-"
        size = readable(row["bytes"]) if row["files"] else "not published"
        lines.append(f"{row['part']:<22} {state:<5} {size:<14} {row['licence']}")
        lines += [f"    {f['from']}  {f['file']}  {f['md5'] or ''}".rstrip() for f in row["files"]]
    return lines


@app.command("pull")
def pull(
    names: Names,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask about licences and size.")
    ] = False,
    offline: opt.Offline = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Download and convert weights; afterwards everything works offline."""
    console = Console("models pull", json, quiet=quiet)
    wanted = [part for part in _parts(names) if _absent(part)]
    from deepaudio.presets import fetch, store

    total = sum(part.size for part in wanted)
    for part in wanted:
        console.say(f"{part.name}: {store.describe(part)}; licence: {part.licence}")
    if wanted and (offline or fetch.is_offline()):
        raise fetch.offline_error(wanted)
    asked = sys.stdin.isatty() and not (yes or json) and wanted
    if asked and not typer.confirm(f"download {store.readable(total)}?", err=True):
        raise typer.Abort()
    folders = []
    with console.progress() as progress:
        for part in sorted(_parts(names), key=lambda part: not part.published):
            folders.append(
                fetch.pull(part, progress=progress)
            )  # what cannot be pulled is told last
    console.result({"folders": folders, "bytes": total}, *folders)


def _absent(part: Any) -> bool:
    from deepaudio.presets import store

    return not store.is_there(part)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="An official file, or a folder of one.")],
    part: Annotated[
        str | None,
        typer.Option(help="What it is, when the file's name does not say so."),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(help="Sizes other than the official ones: a JSON object or a JSON/YAML file."),
    ] = None,
    allow_pickle: Annotated[
        bool,
        typer.Option(
            "--allow-pickle", help="Read the tensors of a pickle that is not the published file."
        ),
    ] = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Convert weights that you already have."""
    console = Console("models import", json, quiet=quiet)
    sizes = _sizes(config)
    from deepaudio.presets import importing, official, store

    wanted = official.part(part) if part else importing.part_for(source)
    with console.progress() as progress:
        folder = importing.import_part(
            wanted, source, config=sizes, allow_pickle=allow_pickle, progress=progress
        )
    if wanted.non_commercial:
        console.say(f"{wanted.name}: licence: {wanted.licence}")
    sha256 = {n: f["sha256"] for n, f in store.read_record(folder, wanted)["files"].items()}
    console.result({"part": wanted.name, "folder": folder, "sha256": sha256}, folder)


def _sizes(config: str | None) -> dict[str, Any] | None:
    if config is None:
        return None
    if config.lstrip().startswith(("{", "[")):
        try:
            sizes = jsonlib.loads(config)
        except (ValueError, RecursionError) as error:
            raise UsageError("models.config", f"--config is not JSON: {error}") from error
    else:
        from deepaudio.yaml_files import read_yaml  # JSON is YAML

        if not Path(config).is_file():
            raise UsageError("models.config", f"--config: no file {config}", "or a JSON object")
        sizes = read_yaml(Path(config))
    if not isinstance(sizes, dict):
        raise UsageError("models.config", "--config must be an object of sizes")
    return sizes


@app.command("verify")
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Presets or parts; without any, all that is here."),
    ] = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Compare every byte of imported weights with what was recorded; exit 5 when one differs."""
    console = Console("models verify", json, quiet=quiet)
    from deepaudio.presets import official, store

    chosen = _parts(names) if names else [p for p in official.PARTS.values() if store.is_there(p)]
    folders = []
    with console.progress() as progress:
        for part in chosen:
            folders.append(store.verify(part, progress))
    console.result({"verified": [p.name for p in chosen]}, *(f"ok  {folder}" for folder in folders))


@app.command("path")
def path(
    name: Annotated[
        str | None,
        typer.Argument(help="A part, a preset or mini; without it, the folder of all parts."),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Print where weights lie; exit 5 when they are not here."""
    console = Console("models path", json)
    from deepaudio.presets import official, store
    from deepaudio.presets.trained import embedded

    if name is None:
        folders = [store.home()]
    elif name in embedded():
        folders = [embedded()[name]]
    else:
        if name in official.PRESETS:
            store.require(official.PRESETS[name])
        folders = [store.checked(part) for part in _parts([name])]
    console.result({"folders": folders}, *folders)


def _parts(names: list[str]) -> list[Any]:
    """The parts of presets and parts by name, each once; embedded presets have none to fetch."""
    from deepaudio.presets import official
    from deepaudio.presets.trained import embedded

    found: dict[str, Any] = {}
    for name in names:
        if name in embedded():
            continue
        if name in official.PARTS:
            found[name] = official.PARTS[name]
            continue
        known = [*official.PRESETS, *official.PARTS]
        if name not in known:
            from deepaudio.discover import suggest

            raise UsageError(
                "models.unknown", f"no preset or part '{printable(name)}'", suggest(name, known)
            )
        found |= {p: official.part(p) for p in official.PRESETS[name].part_names}
    return list(found.values())

"""From an official file to a part: read strictly, converted to config.json and model.safetensors."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepaudio import checkpoint, upstream
from deepaudio.errors import UsageError, WeightsError
from deepaudio.presets import store
from deepaudio.presets.official import OfficialFile, Part, by_file_name
from deepaudio.progress import Progress
from deepaudio.text.f5_tokenizer import VOCABULARY_LINES, F5Tokenizer
from deepaudio.upstream.source import check_safetensors, file_format

VOCABULARY_FILE = "vocab.txt"


def import_part(
    wanted: Part,
    source: Path,
    *,
    config: Mapping[str, Any] | None = None,
    allow_pickle: bool = False,
    origin: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Make `wanted` out of a file (or, for pretrained folders, a folder); returns where it lies now.

    `config` are sizes over the official ones, for networks of one's own; `origin` is where a pull got it from. A pickle is read only when it is an official
    file by its sum or when `allow_pickle`; even then nothing but tensors is accepted. Raises WeightsError for anything
    that is not the part; what was there before stays.
    """
    if not source.exists():
        raise WeightsError("weights.missing", f"no such file: {source}", path=str(source))
    if wanted.kind in store.FOLDER_KINDS:
        return _import_folder(wanted, source, origin)
    if wanted.kind == store.VOCABULARY:
        return _import_vocabulary(wanted, source, config, origin)
    if source.is_dir():
        raise UsageError("models.not_a_file", f"{source} is a folder; {wanted.name} is one file")
    if file_format(source) == "pickle" and not allow_pickle and not is_official(wanted, source):
        raise WeightsError(
            "weights.pickle",
            f"{source.name} is a pickle and not the published file",
            hint="--allow-pickle reads its tensors (and nothing else), if you trust where it came from",
            path=str(source),
        )
    store.need_space(source.stat().st_size, store.home())
    sizes: Any = config if config is not None else wanted.config
    state, network = upstream.convert(wanted.kind, source, sizes)
    description = {
        "kind": wanted.kind,
        "part": wanted.name,
        "config": dataclasses.asdict(network),
    }
    with store.replacing(wanted) as folder:
        checkpoint.save(folder, state, description)
        store.write_record(folder, wanted, [_source_entry(source, progress)], origin)
    return store.folder_of(wanted)


def is_official(wanted: Part, source: Path) -> bool:
    """Whether a file has the published sum of the part."""
    return any(file.md5 == store.md5_of(source) for file in wanted.files if file.md5)


def check_published(file: OfficialFile, path: Path, progress: Progress | None = None) -> None:
    """Raise WeightsError when a downloaded file does not have the sum its publisher states."""
    if file.md5 and (found := store.md5_of(path, progress)) != file.md5:
        raise WeightsError(
            "weights.checksum",
            f"{file.name}: MD5 {found}, published {file.md5}",
            hint="the download was damaged or the file was replaced; pull again",
            path=str(path),
        )
    if file.sha256_start and not store.sha256_of(path).startswith(file.sha256_start):
        raise WeightsError("weights.checksum", f"{file.name}: not the published file")


def part_for(source: Path) -> Part:
    """The part an official file makes up by its name; a renamed file is a WeightsError that says what to add."""
    found = by_file_name(source.name)
    if not source.exists():
        raise WeightsError("weights.missing", f"no such file: {source}", path=str(source))
    if found is None:
        raise WeightsError(
            "weights.renamed",
            f"{source} is no official file's name",
            hint="say what it is: --part NAME (deepaudio models ls --parts)",
            path=str(source),
        )
    return found


def _import_vocabulary(
    wanted: Part, source: Path, config: Mapping[str, Any] | None, origin: str | None
) -> Path:
    lines = (config or {}).get("n_lines", VOCABULARY_LINES)
    F5Tokenizer.read(source, lines)
    with store.replacing(wanted) as folder:
        shutil.copyfile(source, folder / VOCABULARY_FILE)
        (folder / "config.json").write_text(json.dumps({"n_lines": lines}) + "\n", encoding="utf-8")
        store.write_record(folder, wanted, [_source_entry(source)], origin)
    return store.folder_of(wanted)


def _import_folder(wanted: Part, source: Path, origin: str | None) -> Path:
    if not source.is_dir():
        names = ", ".join(file.name for file in wanted.files)
        hint = f"give the folder that holds {names}"
        raise UsageError("models.not_a_folder", f"{source} is not a folder", hint)
    names = [file.name for file in wanted.files if (source / file.name).is_file()]
    for needed in ("config.json", "model.safetensors"):
        if needed not in names:
            raise WeightsError("weights.missing", f"no {needed} in {source}", path=str(source))
    check_safetensors(source / "model.safetensors")
    store.need_space(sum((source / n).stat().st_size for n in names), store.home())
    with store.replacing(wanted) as folder:
        for name in names:
            shutil.copyfile(source / name, folder / name)
        store.write_record(folder, wanted, [_source_entry(source / n) for n in names], origin)
    return store.folder_of(wanted)


def _source_entry(path: Path, progress: Progress | None = None) -> dict[str, Any]:
    return {
        "name": path.name,
        "size": path.stat().st_size,
        "sha256": store.sha256_of(path, progress),
    }

"""Languages by their codes of ISO 639-2, found by code of two or three letters, by tag (pt-BR) or by English name."""

import functools
from importlib import resources
from typing import NamedTuple

from deepaudio.discover import suggest
from deepaudio.errors import UsageError


class Language(NamedTuple):
    """One language. MP4 and WebVTT take `code`, Matroska and QuickTime the `bibliographic` one, which mostly is the same."""

    code: str
    bibliographic: str
    name: str


def find_language(text: str) -> Language:
    """The language that a code, tag or name means; UsageError with the nearest known name for anything else."""
    wanted = " ".join(text.casefold().split())
    found = _known().get(wanted) or _known().get(wanted.replace("_", "-").partition("-")[0])
    if found is None:
        near = suggest(wanted, list(_known()))
        hint = near if len(wanted) > 3 and near.startswith("did") else "e.g. eng, en or English"
        raise UsageError("language.unknown", f"'{text}' is no language of ISO 639-2", hint)
    return found


@functools.cache
def _known() -> dict[str, Language]:
    table = resources.files(__package__).joinpath("languages.tsv").read_text(encoding="utf-8")
    found: dict[str, Language] = {}
    for row in table.splitlines():
        code, bibliographic, short, names = row.split("\t")
        language = Language(code, bibliographic or code, names.partition(";")[0])
        for key in filter(None, (code, bibliographic, short)):
            found[key] = language
        for name in names.split(";"):
            found.setdefault(name.strip().casefold(), language)
    return found

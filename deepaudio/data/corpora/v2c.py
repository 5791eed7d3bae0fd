"""V2C-Animation as DeepAudio-V1 lists it: six columns a row, absolute names of another machine.

Columns: reference wav, reference video, reference text, target wav, target video, target text.
"""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from deepaudio.data.corpora import Corpus
from deepaudio.data.corpora.texts import read_text
from deepaudio.data.manifest import Item, mapped
from deepaudio.errors import InputError

SETTINGS = ("dub1", "dub2", "dub3")
PARTS = ("train", "validation", "test")


def lst_items(path: Path, path_map: dict[str, str] | None = None) -> list[Item]:
    """Rows of a `.lst` file; `path_map` turns prefixes of its paths into prefixes here.

    Dub 3.0 lists name no reference video ("None"). InputError with the line for a wrong row.
    """
    if not path.is_file():
        wrong = f"{path} is no regular file" if path.exists() else f"no such list: {path}"
        raise InputError("lst.missing", wrong, hint="check the path")
    items = list(mapped(_rows(path), path_map or {}))
    if not items:
        raise InputError("lst.empty", f"{path.name} holds no rows")
    return items


def _rows(path: Path) -> Iterator[Item]:
    lines = read_text(path).splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) != 6:
            raise InputError(
                "lst.columns",
                f"{path.name}:{number}: {len(columns)} columns, not 6",
                hint="ref wav, ref video, ref text, wav, video, text, separated by tabs",
                line=number,
            )
        if all(columns[k].replace(".", "", 1).isdigit() for k in (1, 4)):
            raise InputError(
                "lst.kind",
                f"{path.name}:{number}: seconds where videos belong: this is the LibriSpeech-PC list",
                hint="make a manifest of it: deepaudio prepare manifest librispeech-pc",
                line=number,
            )
        ref_wav, ref_video, ref_text, wav, video, text = columns
        yield Item(
            # The upstream scripts number their outputs in the order of the list.
            id=f"{number - 1:08d}",
            text=text,
            audio=wav,
            video=_present(video),
            reference=_present(ref_wav),
            reference_text=_present(ref_text),
            reference_video=_present(ref_video),
            speaker=Path(wav).parent.name or None,
            extra={"clip": Path(wav).stem},
        )


def _present(value: str) -> str | None:
    return None if value in ("", "None") else value


def layout_items(root: Path, part: str | None = None, test_list: Path | None = None) -> list[Item]:
    """Rows of the data set's own layout: MOVIE/MOVIE_speeches/*.wav, MOVIE_videos, MOVIE_texts.

    `part` takes one of `PARTS`, 60, 10 and 30 % as V2C-Animation is divided (Chen et al. 2022). With `test_list` (a `.lst` of
    DeepAudio-V1) the test part is its target clips, and the rest goes 60 to 10; without it a checksum of the name decides.
    Every clip takes the next clip of its speaker (MOVIE@NAME_...) in its part as its reference.
    """
    if part is not None and part not in PARTS:
        raise InputError("part.unknown", f"no part '{part}'", hint="known: " + ", ".join(PARTS))
    wavs = sorted(root.glob("*/*_speeches/*.wav"))
    if not wavs:
        raise InputError("v2c.layout", f"no MOVIE/MOVIE_speeches/*.wav under {root}")
    if part is not None:
        listed = None if test_list is None else {_clip(Path(i.audio)) for i in lst_items(test_list)}
        wavs = [wav for wav in wavs if _part(_clip(wav), listed) == part]
    if not wavs:
        raise InputError("v2c.part", f"no clip of {root} is in the part '{part}'")
    items = [_layout_item(wav) for wav in wavs]
    return list(with_setting(items, "dub2"))


def _clip(wav: Path) -> str:
    return f"{wav.parent.parent.name}-{wav.stem}"


def _part(clip: str, test: set[str] | None) -> str:
    """By the listed test clips or by tenths of a checksum: six train, one validates, three test."""
    tenths = zlib.crc32(clip.encode())
    if test is not None:
        if clip in test:
            return "test"
        return "validation" if tenths % 7 == 6 else "train"
    return "train" if tenths % 10 < 6 else "validation" if tenths % 10 == 6 else "test"


def _layout_item(wav: Path) -> Item:
    movie = wav.parent.parent
    text = movie / f"{movie.name}_texts" / f"{wav.stem}.txt"
    video = movie / f"{movie.name}_videos" / f"{wav.stem}.mp4"
    return Item(
        id=_clip(wav),
        text=read_text(text).strip() if text.is_file() else None,
        audio=str(wav),
        video=str(video) if video.is_file() else None,
        speaker=wav.stem.rsplit("_", 1)[0].rsplit("-", 1)[0],
    )


def with_setting(
    items: list[Item], setting: str, voices: list[Item] | None = None
) -> Iterator[Item]:
    """The references that a setting of section 4.2 takes.

    dub1: the clip's own sound. dub2: the reference of the manifest, else the next clip of the same
    speaker. dub3: the reference of the manifest, or, with `voices`, an unseen voice (in turn).
    """
    if setting not in SETTINGS:
        raise InputError(
            "setting.unknown", f"no setting '{setting}'", hint="known: " + ", ".join(SETTINGS)
        )
    following = _next_of_speaker(items)
    for index, item in enumerate(items):
        if setting == "dub1":
            yield replace(
                item, reference=item.audio, reference_text=item.text, reference_video=item.video
            )
        elif setting == "dub3" and voices:
            voice = voices[index % len(voices)]
            yield replace(
                item,
                reference=voice.audio,
                reference_text=voice.text,
                reference_video=None,
                extra={**item.extra, "voice": voice.id},
            )
        elif setting == "dub2" and item.reference is None and item.id in following:
            other = following[item.id]
            yield replace(
                item, reference=other.audio, reference_text=other.text, reference_video=other.video
            )
        else:
            yield item


def _next_of_speaker(items: list[Item]) -> dict[str, Item]:
    """For every item the next one of its speaker, the last taking the first."""
    by_speaker: dict[str | None, list[Item]] = {}
    for item in items:
        by_speaker.setdefault(item.speaker, []).append(item)
    return {
        item.id: group[(i + 1) % len(group)]
        for group in by_speaker.values()
        if len(group) > 1
        for i, item in enumerate(group)
    }


def _corpus(*places: Path, part: str | None = None) -> list[Item]:
    *test_list, root = places
    return layout_items(root, part, *test_list)


CORPORA = {"v2c": Corpus(_corpus, takes_list=True, parts=PARTS)}

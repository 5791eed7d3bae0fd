"""Names of outputs."""

from pathlib import Path

from deepaudio.media.output import fitting_name

LONGEST = 200  # bytes; leaves room for the names of record and temporary files beside the output


def beside(clip: Path, word: str, folder: Path | None = None) -> Path:
    """`clip.mp4` and `dub` give `clip.dub.mp4` beside the clip, or in `folder`."""
    name = fitting_name(f"{clip.stem}.{word}{clip.suffix or '.mkv'}", LONGEST)
    return (folder or clip.parent) / name

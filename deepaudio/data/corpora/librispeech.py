"""LibriSpeech: utterances of a split, and the LibriSpeech-PC cross-sentence list of F5-TTS."""

from collections.abc import Iterator
from pathlib import Path

from deepaudio.data.corpora import Corpus
from deepaudio.data.corpora.texts import read_text
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError

SUFFIXES = (".flac", ".wav", ".ogg")


def librispeech_items(split: Path) -> Iterator[Item]:
    """Utterances of SPLIT/SPEAKER/CHAPTER/*.trans.txt with their sound files, or without text the sounds of a flat folder."""
    transcripts = sorted(split.glob("*/*/*.trans.txt"))
    flat = sorted(path for path in split.glob("*-*-*") if path.suffix in SUFFIXES)
    if flat and not transcripts:
        for sound in flat:
            yield Item(id=sound.stem, audio=str(sound), speaker=sound.stem.split("-")[0])
        return
    if not transcripts:
        raise InputError("librispeech.layout", f"no SPEAKER/CHAPTER/*.trans.txt under {split}")
    for index in transcripts:
        for line in read_text(index).splitlines():
            utterance, _, text = line.partition(" ")
            sound = utterance_path(split, utterance)
            if sound is not None:
                yield Item(
                    id=utterance, text=text, audio=str(sound), speaker=utterance.split("-")[0]
                )


def cross_sentence_items(path: Path, split: Path) -> list[Item]:
    """Rows of the cross-sentence list: reference and target utterances of one speaker.

    Six columns: reference id, seconds, text, target id, seconds, text. Sounds that are not under
    `split` are kept as the path they should have, so that each is reported when it is missed.
    """
    if not path.is_file():
        raise InputError("lst.missing", f"no such list: {path}", hint="check the path")
    items = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        columns = line.rstrip("\r").split("\t")
        if len(columns) != 6:
            raise InputError(
                "lst.columns",
                f"{path.name}:{number}: {len(columns)} columns, not 6",
                hint="ref id, seconds, text, target id, seconds, text",
                line=number,
            )
        ref, ref_seconds, ref_text, target, seconds, text = columns
        try:
            lengths = {"seconds": float(seconds), "reference_seconds": float(ref_seconds)}
        except ValueError as error:
            message = f"{path.name}:{number}: {error}"
            raise InputError("lst.seconds", message, line=number) from error
        items.append(
            Item(
                id=f"{number - 1:04d}-{target}",
                text=text,
                audio=str(_wanted(split, target)),
                reference=str(_wanted(split, ref)),
                reference_text=ref_text,
                speaker=target.split("-")[0],
                extra=lengths,
            )
        )
    if not items:
        raise InputError("lst.empty", f"{path.name} holds no rows")
    return items


def utterance_path(split: Path, utterance: str) -> Path | None:
    """The sound of SPEAKER-CHAPTER-NUMBER, in the corpus layout or flat; None where there is none."""
    folder = split.joinpath(*utterance.split("-")[:2])
    places = (place / f"{utterance}{suffix}" for place in (folder, split) for suffix in SUFFIXES)
    return next((place for place in places if place.is_file()), None)


def _wanted(split: Path, utterance: str) -> Path:
    found = utterance_path(split, utterance)
    return found or split.joinpath(*utterance.split("-")[:2], f"{utterance}.flac")


CORPORA = {
    "librispeech": Corpus(librispeech_items),
    "librispeech-pc": Corpus(cross_sentence_items, needs_list=True),
}

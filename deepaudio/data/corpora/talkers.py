"""Talkers that no training may see: the validation set of runs on many voices."""

import zlib
from collections.abc import Iterable, Iterator

from deepaudio.data.manifest import Item

SHARE = (
    6  # of 50: 60 of the 494 talkers of speechocean762 and the LibriSpeech sample of docs/mini.md
)


def talker_held_out(speaker: str) -> bool:
    """Whether a talker (as the corpus numbers them) belongs to those that are kept for validation."""
    return zlib.crc32(speaker.encode()) % 50 < SHARE


def of_talkers(items: Iterable[Item], held_out: bool) -> Iterator[Item]:
    """The items of the held-out talkers, or of all others."""
    for item in items:
        if talker_held_out(item.speaker or item.id) is held_out:
            yield item

"""Keep the items of a manifest that a recogniser reads back: misread lines teach the wrong words.

Needs the extra `judges`. Figures are made with whisper-base, so another recogniser chooses what is trained on.
"""

import logging
from collections.abc import Callable, Iterable, Iterator

from torch import Tensor

from deepaudio.data.manifest import Item, audio_of, usable
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio
from deepaudio.metrics.transcripts import wer

log = logging.getLogger(__name__)
RATE = 16_000
JUDGE, MOST = "whisper-tiny.en", 0.5


def read_back(
    items: Iterable[Item], judge: Callable[[Tensor, int], str], most: float = MOST
) -> Iterator[Item]:
    """Items whose text and transcript differ in at most `most` of the words; the others are named in the log.

    InputError when no item has a recording that can be read, or none is read back.
    """
    count = 0
    for item, heard in usable(items, lambda item: judge(read_audio(audio_of(item), RATE), RATE)):
        errors = wer(item.text, heard)
        if errors <= most:
            count += 1
            yield item
        else:
            log.warning("left out %s: %r was heard as %r", item.id, item.text, heard)
    if not count:
        raise InputError("manifest.empty", "no item was read back", "--most allows more errors")

"""Keep the items of a manifest that a recogniser reads back: misread lines teach the wrong words.

    python -m deepaudio.prepare.read_back MANIFEST.jsonl OUT.jsonl [--judge whisper-tiny.en] [--most 0.5]

Needs the extra `judges`. Figures are made with whisper-base, so another recogniser chooses what is trained on.
"""

import argparse
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from torch import Tensor

from deepaudio.data.manifest import Item, read_manifest, write_manifest
from deepaudio.errors import DeepAudioError
from deepaudio.judges import open_judge
from deepaudio.media.audio import read_audio
from deepaudio.metrics.wer import compute as wer

log = logging.getLogger(__name__)
RATE = 16_000
JUDGE, MOST = "whisper-tiny.en", 0.5


def read_back(
    items: Iterable[Item], judge: Callable[[Tensor, int], str], most: float = MOST
) -> Iterator[Item]:
    """Items whose text and transcript differ in at most `most` of the words; the others are named in the log."""
    for item in items:
        heard = judge(read_audio(Path(item.audio), RATE), RATE)
        errors = wer(item.text, heard)
        if errors <= most:
            yield item
        else:
            log.warning("left out %s: %r was heard as %r", item.id, item.text, heard)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="read_back", description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path, help="manifest to write")
    parser.add_argument("--judge", default=JUDGE, help="recogniser (default: %(default)s)")
    parser.add_argument(
        "--most", type=float, default=MOST, help="errors per word allowed (default: %(default)s)"
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    log.setLevel(logging.INFO)
    try:
        items = [item for item in read_manifest(given.manifest) if item.text]
        count = write_manifest(given.out, read_back(items, open_judge(given.judge), given.most))
    except DeepAudioError as error:
        log.error("%s%s", error.message, f" ({error.hint})" if error.hint else "")
        return error.exit_code
    log.info("%d of %d items in %s", count, len(items), given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

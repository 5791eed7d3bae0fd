"""Make the speech shards of `mini` from a manifest: transcribe where needed, align, extract.

Needs the extra `align` (and `judges` for --transcribe). Items carry `audio`, `speaker` and `text`; word times in
`extra.words` (start, end, word; as GRID has them) are used as they are, everything else is aligned by sound.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from deepaudio.audio.prior.content import Anchors, Phone, Utterance
from deepaudio.checkpoint import load_network
from deepaudio.data.manifest import Item, audio_of
from deepaudio.encoders.content import ContentEncoder
from deepaudio.errors import InputError
from deepaudio.judges import open_judge
from deepaudio.media.audio import read_audio
from deepaudio.options import PRESET
from deepaudio.prepare.eigenvoice_shards import write_voices
from deepaudio.prepare.speech_shards import SAMPLE_RATE, Spoken, align_all, write_speech
from deepaudio.presets.trained import preset_folder

log = logging.getLogger(__name__)
SPELLED = {"z": "zed"}  # GRID's talkers are British


def spoken_items(items: Iterable[Item], encoder: ContentEncoder) -> Iterator[Spoken]:
    """Every item that has text and can be aligned; the others are named in the log."""
    timed, plain = [], []
    for item in items:
        if not item.text:
            log.warning("left out %s: no text", item.id)
        else:
            (timed if item.extra.get("words") else plain).append(item)
    for item, waveform in _recordings(timed):
        spoken = by_word_times(item, waveform, encoder)
        if spoken is None:
            log.warning("left out %s: its words are not those of the alignment", item.id)
        else:
            yield spoken._replace(emotion=item.emotion)
    emotions = {item.id: item.emotion for item in plain}
    aligned = align_all(
        ((i.id, i.speaker or i.id, i.text, waveform) for i, waveform in _recordings(plain)),
        encoder.encode,
    )
    yield from (spoken._replace(emotion=emotions[spoken.key]) for spoken in aligned)


def _recordings(items: Iterable[Item]) -> Iterator[tuple[Item, Tensor]]:
    """Items with their waveforms at SAMPLE_RATE; a recording that cannot be read is named in the log and left out."""
    for item in items:
        try:
            waveform = read_audio(audio_of(item), SAMPLE_RATE)
        except InputError as error:
            log.warning("left out %s: %s", item.id, error.message.removeprefix(f"{item.id}: "))
            continue
        yield item, waveform


def by_word_times(item: Item, waveform: Tensor, encoder: ContentEncoder) -> Spoken | None:
    """The phones of each word scaled into its known times; None when word counts differ."""
    rows = [(float(start), float(end), str(word)) for start, end, word in item.extra["words"]]
    text = " ".join(SPELLED.get(w, w.upper() if len(w) == 1 else w) for _, _, w in rows) + "."
    utterance = encoder.encode(text)
    words = _words(utterance)
    if len(words) != len(rows):
        return None
    real, base = [], []
    for index, ((start, end, _), phones) in enumerate(zip(rows, words, strict=True)):
        times = np.array([(p.start, p.end) for p in phones])
        if index + 1 < len(rows) and rows[index + 1][0] - end < 0.03:
            times[-1, 1] = words[index + 1][0].start  # no pause: the gap belongs to the last sound
        base.append(times)
        real.append(start + (times - times[0, 0]) * (end - start) / (times[-1, 1] - times[0, 0]))
    anchors = Anchors(np.concatenate(real), np.concatenate(base))
    return Spoken(item.id, item.speaker or item.id, text, waveform, utterance, anchors)


def _words(utterance: Utterance) -> list[list[Phone]]:
    words: dict[int, list[Phone]] = {}
    for phone in utterance.phones:
        if phone.word >= 0:
            words.setdefault(phone.word, []).append(phone)
    return list(words.values())


def transcribed(items: Iterable[Item]) -> Iterator[Item]:
    """Items without text get that of the recogniser `whisper-base`."""
    judge = None
    for item in items:
        if item.text:
            yield item
            continue
        judge = judge or open_judge("whisper-base")
        for _, waveform in _recordings([item]):
            yield replace(item, text=judge(waveform, SAMPLE_RATE) or None)


def write(
    items: Iterable[Item],
    out: Path,
    factors: tuple[float, ...] = (1.0,),
    transcribe: bool = False,
    eigenvoice: bool = False,
) -> int:
    """Align the items and write a shard for tts/mini, or with `eigenvoice` for voice/mini; the number of entries.

    Each item is resampled by each of `factors`; `transcribe` lets whisper-base fill in missing text.
    """
    spoken = spoken_items(transcribed(items) if transcribe else items, ContentEncoder())
    if eigenvoice:
        return write_voices(out, spoken, factors)
    return write_speech(
        out, spoken, load_network(preset_folder(PRESET) / "voice", "eigenvoice").timbre, factors
    )

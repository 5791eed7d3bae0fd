"""Speech for a clip: each line asked for at its slot's length and energy, laid on one track (M_tts in eq. 2)."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Protocol, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.mix import Event, timeline
from deepaudio.errors import ResourceError
from deepaudio.inference.protocols import SpeechModel
from deepaudio.inference.voices import Role, Voice
from deepaudio.models.mof.knowledge import Knowledge
from deepaudio.options import SampleOptions
from deepaudio.progress import Progress
from deepaudio.script.fit import PlannedLine
from deepaudio.text.spoken import spoken

log = logging.getLogger(__name__)

T, R = TypeVar("T"), TypeVar("R")
SILENT = 1e-4  # peak under which a spoken line counts as a failure


class Kept(Protocol):
    """Lines spoken before, by key."""

    def get(self, key: str) -> Tensor | None: ...

    def put(self, key: str, waveform: Tensor) -> None: ...


@dataclass(frozen=True)
class SpokenLine(PlannedLine):
    """A planned line that was spoken: in which take, with which seed, under which key of the cache, and whether it was found there."""

    take: int = 1
    seed: int = 0
    key: str = ""
    kept: bool = False


@dataclass(frozen=True)
class Take:
    """One way in which a line was spoken: samples [s] and the seed that made them."""

    number: int
    seed: int
    waveform: Tensor


@dataclass(frozen=True)
class Speech:
    """One track of speech [s] with its lines, and each line alone; the first of its `takes` is on the track."""

    waveform: Tensor
    sample_rate: int
    lines: tuple[SpokenLine, ...]
    takes: tuple[tuple[Take, ...], ...]

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """Each line alone, as it is on the track."""
        return tuple(takes[0].waveform for takes in self.takes)


def speak_lines(
    tts: SpeechModel,
    plan: Sequence[PlannedLine],
    voices: Mapping[Role, Voice],
    duration: float,
    knowledge: Knowledge,
    options: SampleOptions,
    kept: Kept | None = None,
    progress: Progress | None = None,
    wanted: Mapping[str, Sequence[int]] | None = None,
) -> Speech:
    """Synthesise the planned lines and lay them on a track of `duration` seconds.

    `knowledge` has the contours of the whole track. `wanted` names lines by id with the takes of each, the first for the track; other
    lines are not spoken. Lines that overlap are summed, so two speakers may talk at once.
    """
    rate = tts.sample_rate
    chosen = [line for line in plan if wanted is None or line.id in wanted]

    def takes_of(line: PlannedLine) -> list[tuple[SpokenLine, Take]]:
        voice = voices[line.speaker, line.mood]
        numbers = (1,) if wanted is None else wanted[line.id]
        return [_take(tts, line, voice, knowledge, options, number, kept) for number in numbers]

    spoken, takes = [], []
    for index, made in enumerate(_together(takes_of, chosen, tts.at_once)):
        spoken.append(made[0][0])
        takes.append(tuple(take for _, take in made))
        if progress:
            progress("speech", index + 1, len(chosen))
    events = [
        _inside(line.start - tts.margin, made[0].waveform, duration, rate)
        for line, made in zip(chosen, takes, strict=True)
    ]
    track = timeline(events, duration, rate)
    return Speech(track, rate, tuple(spoken), tuple(takes))


def _together(work: Callable[[T], R], items: Sequence[T], at_once: int) -> Iterator[R]:
    """`work` of each item in order, of so many at once in threads that share those of torch; one by one under autocast, which threads do not inherit."""
    if min(at_once, len(items)) < 2 or torch.is_autocast_enabled("cpu"):
        yield from map(work, items)
        return
    threads = torch.get_num_threads()
    share = max(1, threads // at_once)
    try:
        with ThreadPoolExecutor(at_once, "line", torch.set_num_threads, (share,)) as pool:
            yield from pool.map(torch.inference_mode()(work), items)
    finally:
        torch.set_num_threads(threads)


def _take(
    tts: SpeechModel,
    line: PlannedLine,
    voice: Voice,
    knowledge: Knowledge,
    options: SampleOptions,
    number: int,
    kept: Kept | None,
) -> tuple[SpokenLine, Take]:
    """A line in one of its takes; one found in `kept` under its key is not made again, a new one is put there."""
    asked = line.duration + 2 * tts.margin
    first, count = round((line.start - tts.margin) * FRAME_RATE), round(asked * FRAME_RATE)
    known = knowledge.part(first, max(1, count))
    own = replace(options, seed=line_seed(options.seed, line, number))
    if number > 1 and own.noise_scale is None:
        own = replace(own, noise_scale=tts.defaults.take_noise_scale)
    key = line_key(line, voice, known, own)
    part = kept.get(key) if kept else None
    fresh = part is None
    if fresh:
        part = _spoken(tts, line.text, voice, own, duration=asked, knowledge=known)
        check_finite(part, f"the speech of line {line.id}")
        if not _sounds(part):
            message = f"the model gave silence for line {line.id}"
            raise ResourceError("model.silent", message, "try another --seed or reference")
        part = part.detach().cpu().float()
        if kept:
            kept.put(key, part)
    made = SpokenLine(**vars(line), take=number, seed=own.seed, key=key, kept=not fresh)
    return made, Take(number, own.seed, part * 10 ** (voice.gain / 20))


def _inside(start: float, part: Float[Tensor, " s"], duration: float, rate: int) -> Event:
    """A line on the track, without what of its quiet margins is outside."""
    before = max(0, round(-start * rate))
    room = round(duration * rate) - round(max(0.0, start) * rate)
    return Event(max(0.0, start), part[before : before + room])


def line_seed(seed: int, line: PlannedLine, take: int = 1) -> int:
    """A seed of the line's own, so that a changed neighbour does not change it, and another one for every take."""
    first = f"{seed}" if take == 1 else f"{seed}#{take}"
    text = f"{first}|{line.speaker or ''}|{line.text}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:6], "big")


def line_key(line: PlannedLine, voice: Voice, knowledge: Knowledge, options: SampleOptions) -> str:
    """A fingerprint of everything that shapes the line's sound."""
    digest = hashlib.sha256()
    facts = (
        line.text,
        spoken(line.text).words,
        round(line.duration, 6),
        voice.sha256,
        voice.reference.text,
        asdict(options),
    )
    digest.update(repr(facts).encode("utf-8", "surrogatepass"))
    for contour in knowledge:
        if contour is not None:
            digest.update(contour.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def check_finite(waveform: Tensor, what: str) -> None:
    """NaN must not become silence: a model that yields it has failed."""
    if not torch.isfinite(waveform).all():
        hint = "try --dtype float32 or another --seed"
        raise ResourceError("model.not_finite", f"{what} has NaN or infinite samples", hint)


def _spoken(tts: SpeechModel, text: str, voice: Voice, options: SampleOptions, **given) -> Tensor:
    """The speech of a line; half precision that fails is tried again in full, once, and said so."""
    part = tts.speak(text, voice.reference, options=options, **given)
    kind = next((k for k in ("cuda", "mps", "cpu") if torch.is_autocast_enabled(k)), None)
    if kind and not _sounds(part):
        log.warning("half precision failed on %r: spoken again in float32", text[:40])
        with torch.autocast(kind, enabled=False):
            part = tts.speak(text, voice.reference, options=options, **given)
    return part


def _sounds(part: Tensor) -> bool:
    return bool(torch.isfinite(part).all()) and float(part.abs().max()) > SILENT

"""Features of one item for the metrics, computed when first asked for; a missing one carries its reason.

A feature is SIDE_KIND: side output, target or reference (sound), video (frames) or clip; a bare
name comes from the manifest. Kinds without a judge are computed here, the others by a judge.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.data.manifest import Item
from deepaudio.errors import DeepAudioError
from deepaudio.judges import Judge, open_judge
from deepaudio.media.audio import read_native
from deepaudio.media.probe import probe
from deepaudio.metrics.cepstral import SAMPLE_RATE as WORLD_RATE
from deepaudio.metrics.cepstral import mel_cepstra
from deepaudio.metrics.events import onset_times
from deepaudio.metrics.timing import SAMPLE_RATE as SPEECH_RATE
from deepaudio.metrics.timing import speech_span

log = logging.getLogger(__name__)

SILENCE = 1e-4  # a peak below -80 dBFS is no sound at all
_SOUND_SIDES = ("output", "target", "reference")


class Unavailable(Exception):
    """A feature that this item cannot give; the message is the reason shown beside `n/a`."""


@dataclass
class JudgePool:
    """Judges by name, opened when first asked; a judge that cannot be had is remembered with why."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    device: str = "cpu"
    _open: dict[str, Judge | DeepAudioError] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def judge(self, name: str) -> Judge:
        """The judge; Unavailable with the reason (missing package or folder, unreadable weights)."""
        with self._lock:
            if name not in self._open:
                try:
                    self._open[name] = open_judge(name, self.folders.get(name), self.device)
                except DeepAudioError as error:
                    log.warning("%s", error.message)
                    self._open[name] = error
        found = self._open[name]
        if isinstance(found, DeepAudioError):
            raise Unavailable(found.message)
        return found


class ItemFeatures:
    """Features of one item and one system's output, each computed once.

    `truth` (another Features of the same item) lends its target and reference features, so that
    several systems share them.
    """

    def __init__(
        self,
        item: Item,
        pool: JudgePool,
        output: Path | None = None,
        direction: str | None = None,
        seconds: float | None = None,
        truth: "ItemFeatures | None" = None,
    ):
        self.item, self.pool, self.seconds = item, pool, seconds
        self._paths = {"output": output, "target": item.audio, "reference": item.reference}
        self._direction = direction
        self._truth = truth
        self._known: dict[tuple[str, str | None], Any] = {}

    def get(self, feature: str, judge: str | None = None) -> Any:
        """The feature, by `judge` where its kind needs one. Unavailable with the reason."""
        if self._truth is not None and not feature.startswith("output"):
            return self._truth.get(feature, judge)
        if (feature, judge) not in self._known:
            try:
                value = self._compute(feature, judge)
            except DeepAudioError as error:
                value = Unavailable(f"{feature.split('_')[0]}: {error.message}")
            except (ValueError, Unavailable) as error:
                value = Unavailable(str(error))
            self._known[feature, judge] = value
        value = self._known[feature, judge]
        if isinstance(value, Unavailable):
            raise value
        return value

    def silent(self) -> bool:
        """Whether the output holds no sound at all."""
        waveform, _ = self.get("output_waveform")
        return float(waveform.abs().max()) < SILENCE

    def _compute(self, feature: str, judge: str | None) -> Any:
        side, _, kind = feature.partition("_")
        if feature == "output_direction":
            return self._manifest("direction", self._direction)
        if feature == "clip_seconds":
            if self.item.video is None:
                return self.get("target_seconds")
            return float(probe(self.item.video, allow_damaged=True).duration)
        if side in _SOUND_SIDES:
            return self._sound(side, kind, judge)
        if side == "video":
            return self._picture(kind, judge)
        return self._manifest(feature, getattr(self.item, feature, None))

    def _manifest(self, name: str, value: Any) -> Any:
        if value in (None, ""):
            raise Unavailable(f"the item has no {name}")
        return value

    def _sound(self, side: str, kind: str, judge: str | None) -> Any:
        extra = self.item.extra
        if kind == "waveform":
            return self._read(side)
        if side == "target" and kind == "span" and "start" in extra and "end" in extra:
            return float(extra["start"]), float(extra["end"])
        if side == "target" and kind == "onsets" and "onsets" in extra:
            return [float(t) for t in extra["onsets"]]
        waveform, rate = self.get(f"{side}_waveform")
        if judge is not None:
            heard = self._ask(judge, kind, waveform, rate)
            return getattr(heard, kind) if isinstance(heard, tuple) else heard
        if kind == "seconds":
            return len(waveform) / rate
        if kind == "energy":
            return energy_contour(waveform, rate)
        if kind == "cepstra":
            return mel_cepstra(_resampled(waveform, rate, WORLD_RATE))
        if kind == "onsets":
            return onset_times(_resampled(waveform, rate, WORLD_RATE))
        if kind == "span":
            return self._span(side, waveform, rate)
        raise Unavailable(f"no judge gives '{kind}'")

    def _span(self, side: str, waveform: Tensor, rate: int) -> tuple[float, float]:
        try:
            return speech_span(_resampled(waveform, rate, SPEECH_RATE))
        except ValueError:
            if side != "output":
                raise
            return 0.0, len(waveform) / rate  # an even noise begins and ends with the file

    def _ask(self, judge: str, kind: str, waveform: Tensor, rate: int) -> Any:
        opened = self.pool.judge(judge)
        if kind == "transcript" and float(waveform.abs().max()) < SILENCE:
            return ""  # recognisers invent words for digital silence
        if hasattr(opened, "watch"):
            # A judge of video and audio together (Synchformer) has looked at the clip before.
            seen = self.get(f"video_{kind}", judge)
            return _judged(judge, opened.watch, waveform, rate, seen)
        return _judged(judge, opened, waveform, rate)

    def _picture(self, kind: str, judge: str | None) -> Any:
        video = self._manifest("video", self.item.video)
        if kind == "motion":
            from deepaudio.evaluation.optical_flow import flow_magnitudes

            return flow_magnitudes(Path(video))
        if judge is None:
            raise Unavailable(f"no judge gives '{kind}' of a video")
        return _judged(judge, self.pool.judge(judge).look, video)

    def _read(self, side: str) -> tuple[Float[Tensor, " s"], int]:
        path = self._paths[side]
        if path is None:
            missing = "prediction" if side == "output" else f"{side} audio"
            raise Unavailable(f"the item has no {missing}")
        channels, rate = read_native(path, what=side)
        waveform = channels.mean(0)
        if self.seconds is not None:
            waveform = waveform[: round(self.seconds * rate)]
        return waveform, rate


def _judged(name: str, ask: Callable[..., Any], *question: Any) -> Any:
    """The verdict; whatever a third-party network raises on one item is the reason for that item."""
    try:
        return ask(*question)
    except (DeepAudioError, Unavailable):
        raise
    except Exception as error:
        log.warning("judge %s failed", name, exc_info=True)
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise Unavailable(f"judge '{name}' failed: {reason}") from error


def _resampled(waveform: Tensor, rate: int, wanted: int) -> Tensor:
    """Band-limited resampling by soxr HQ, which published MCD and AV-align numbers used."""
    if rate == wanted:
        return waveform
    import soxr

    return torch.from_numpy(soxr.resample(waveform.numpy(), rate, wanted, quality="HQ"))

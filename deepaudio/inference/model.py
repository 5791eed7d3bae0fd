"""DeepAudio-V1 as a whole, eq. 1-2: the gate reads the instruction and decides which modules make the sound.

Eq. 2 has three branches and `DeepAudio.generate` is their only copy:

    v2a   sound from the video             M_v2a alone, decoded by the vocoder
    v2s   speech from the video and text   M_tts with the energy contour that M_v2a predicts
    tts   speech from text                   M_tts with the empty feature phi in place of the contour

Eq. 8 weights the directions by the gate's probabilities. Nothing here does: the gate is trained by itself (stage mof) and
M_tts with the contours or with phi, never with a mixture, so `generate` takes the direction of the highest probability and
hands over the knowledge pool (`models/mof/knowledge.py`) whole or not at all.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from deepaudio.devices import device_of, dtype_of, retry_on_oom
from deepaudio.errors import UsageError
from deepaudio.inference.gate import Direction, Gate, Route
from deepaudio.inference.lines import (
    Kept,
    SpokenLine,
    Take,
    check_finite,
    speak_lines,
)
from deepaudio.inference.mini_tts import Reference
from deepaudio.inference.parts import load_parts
from deepaudio.inference.plan import as_script, plan_lines
from deepaudio.inference.protocols import Parts, SoundFeatures, SoundModel, SpeechModel
from deepaudio.inference.voices import Role, Voice, assign, paced, read_voice
from deepaudio.media.clip import ClipInfo
from deepaudio.media.probe import probe
from deepaudio.models.mof.knowledge import Knowledge, hand_over
from deepaudio.notices import Notices
from deepaudio.options import PRESET, FitOptions, SampleOptions
from deepaudio.presets.trained import is_full_size, preset_folder
from deepaudio.progress import Progress
from deepaudio.script import Script
from deepaudio.script.fit import Plan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What `generate` made."""

    waveform: Tensor
    """Samples [s] in -1 .. 1, float32 on the CPU."""
    sample_rate: int
    direction: Direction
    """The branch of eq. 2 that was taken: v2a, v2s or tts."""
    route: Route
    """What the gate read in the instruction, with the probability of each direction."""
    sampling: Mapping[str, SampleOptions] = field(default_factory=dict)
    """The values that were used, by what was sampled: sound, energy, speech."""
    energy: Tensor | None = None
    """The contour [n] at 93.75 Hz, 0 .. 1, that the video asked for; None without a video and for v2a."""
    plan: Plan | None = None
    """When each line is spoken and by which rule; None for v2a."""
    lines: tuple[SpokenLine, ...] = ()
    """What became of each line; `kept` ones were taken from the lines of an earlier run."""
    parts: tuple[Tensor, ...] = ()
    """Each line alone, samples [s] before they were laid on the track."""
    takes: tuple[tuple[Take, ...], ...] = ()
    """All takes of each line; the first is the one on the track."""


class DeepAudio:
    """A preset with its modules, each loaded when it is first needed: reading text aloud never loads M_v2a."""

    def __init__(
        self,
        preset: Path,
        device: str = "auto",
        dtype: str = "auto",
        low_memory: bool = False,
        compile: bool = False,
    ):
        self.preset = preset
        self.device = device_of(device)
        self._dtype = dtype
        self.low_memory = low_memory
        self.compile = compile
        self._seen: tuple[tuple, SoundFeatures] | None = None

    @cached_property
    def dtype(self) -> torch.dtype:
        """The precision in which networks compute."""
        return dtype_of(self._dtype, self.device, is_full_size(self.preset))

    @cached_property
    def flow_dtype(self) -> torch.dtype:
        """That of the flow of speech: `auto` is as for the full sizes."""
        return dtype_of(self._dtype, self.device, full_size=True)

    @property
    def precision(self) -> dict[str, str]:
        """Device and precision in words, for a record; `flow_dtype` where it is not that of the rest."""
        words = {"device": str(self.device), "dtype": str(self.dtype).removeprefix("torch.")}
        if self.flow_dtype != self.dtype:
            words["flow_dtype"] = str(self.flow_dtype).removeprefix("torch.")
        return words

    @cached_property
    def _parts(self) -> Parts:
        return load_parts(
            self.preset, self.device, self.dtype, self.flow_dtype, self.low_memory, self.compile
        )

    @cached_property
    def gate(self) -> Gate:
        """M_mof."""
        return self._parts.gate

    @cached_property
    def tts(self) -> SpeechModel:
        """M_tts with its codec."""
        return self._parts.tts

    @cached_property
    def v2a(self) -> SoundModel:
        """M_v2a with its codec and encoders."""
        return self._parts.v2a

    def route(self, instruction: str) -> Route:
        """Which direction the instruction asks for."""
        return self.gate.route(instruction)

    def free_memory(self) -> None:
        """From now on as little in memory as can be: one group of a full size's networks, and none to begin with."""
        self.low_memory = True
        for name in ("_parts", "tts", "v2a"):
            self.__dict__.pop(name, None)

    @retry_on_oom
    def generate(
        self,
        instruction: str,
        video: str | PathLike | ClipInfo | None = None,
        transcript: str | Script | None = None,
        reference: str | PathLike | Voice | Mapping[str, Voice] | None = None,
        reference_text: str | None = None,
        prompt: str = "",
        negative: str = "",
        options: SampleOptions = SampleOptions(),
        *,
        fit: FitOptions = FitOptions(),
        direction: Direction | None = None,
        original: Tensor | None = None,
        pitch: Tensor | None = None,
        kept: Kept | None = None,
        on_plan: Callable[[Plan], None] | None = None,
        wanted: Mapping[str, Sequence[int]] | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Result:
        """Sound for a video, speech for a video, or speech from text: what the instruction asks for.

        `direction` overrides the gate; `original` is the contour [n] of the clip's own sound, the fallback for
        when someone speaks; `pitch` [n] octaves at 93.75 Hz whose intonation the speech follows; `kept` are lines made before; `on_plan` sees the plan before a word is spoken and may refuse
        it by raising; `wanted` are the lines to speak by id, each with its takes, all lines once where it is None; with `dry_run` the lines are planned and not spoken.
        Raises UsageError when the direction needs a video, a transcript or a reference that is not given.
        """
        route = self.route(instruction)
        taken = direction or route.direction
        with torch.inference_mode(), self._precision():
            if taken == "v2a":
                features = self._features(_require(video, "a video", taken), progress)
                used = self.v2a.defaults.fill(options)
                sound = self.v2a.sound(features, prompt, negative, used)
                check_finite(sound, "the generated sound")
                rate = self.v2a.sample_rate
                return Result(sound.cpu().float(), rate, taken, route, {"sound": used})
            self.tts.check(options, pitch is not None)
            script = as_script(_require(transcript, "a transcript", taken))
            wrong = Notices()
            voices = as_voices(
                _require(reference, "a reference", taken), reference_text, script, wrong
            )
            script = paced(script, voices)
            sampling = {"speech": self.tts.defaults.fill(options)}
            energy = duration = None  # phi, and as long as the text needs
            references = [voice.reference for voice in voices.values()]
            if taken == "v2s":
                spoken = (x for x in script.lines if x.dub and (wanted is None or x.id in wanted))
                texts = [] if dry_run else [line.text for line in spoken]
                with ThreadPoolExecutor(1) as beside:
                    beside.submit(self._prepare, texts, references)
                    features = self._features(_require(video, "a video", taken), progress)
                duration = features.duration
                sampling["energy"] = self.v2a.energy_sampling(options)
                energy = self.v2a.energy(features, options).cpu().float()

            def pace(text: str) -> float:
                return self.tts.natural_duration(text, references)

            plan = plan_lines(script, pace, duration, energy, original, fit, self.tts.margin)
            warnings = (*wrong.warnings, *plan.warnings, *self._unspoken(plan))
            plan = replace(plan, warnings=warnings)
            if on_plan:
                on_plan(plan)
            if dry_run:
                empty = torch.zeros(0)
                rate = self.tts.sample_rate
                return Result(empty, rate, taken, route, sampling, energy, plan=plan)
            used = sampling["speech"]
            known = hand_over(taken, Knowledge(energy, pitch))
            speech = speak_lines(
                self.tts, plan.lines, voices, plan.duration, known, used, kept, progress, wanted
            )
        return Result(
            speech.waveform,
            speech.sample_rate,
            taken,
            route,
            sampling,
            energy,
            plan=plan,
            lines=speech.lines,
            parts=speech.parts,
            takes=speech.takes,
        )

    def _prepare(self, texts: Sequence[str], references: Sequence[Reference]) -> None:
        """In a thread, while the video is looked at; what fails here fails again, and is told, when it is needed."""
        with self._precision():
            self.tts.prepare(texts, references)

    def _features(
        self, video: str | PathLike | ClipInfo, progress: Progress | None
    ) -> SoundFeatures:
        """Of the clip asked for last; a dub with a generated bed needs them twice."""
        info = probe(video)
        key = (info.path, info.fingerprint)
        if self._seen is None or self._seen[0] != key:
            self._seen = (key, self.v2a.features(info, progress))
        return self._seen[1]

    def _unspoken(self, plan: Plan) -> list[str]:
        """What of each line the voice has no sound for, in words."""
        found = ((line.id, self.tts.unspoken(line.text)) for line in plan.lines)
        return [
            f"line {id}: no sound for {' '.join(characters)}"
            for id, characters in found
            if characters
        ]

    def _precision(self):
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)


def load(
    name_or_folder: str | PathLike = PRESET,
    device: str = "auto",
    *,
    dtype: str = "auto",
    low_memory: bool = False,
    compile: bool = False,
) -> DeepAudio:
    """A preset by name, a folder with its parts, or the folder of a training run; nothing is read until it is needed.

    `low_memory` keeps one group of a full-size preset's networks in memory at a time; `compile` compiles the two that
    sample, at their first use. Raises WeightsError for an
    unknown name and for official weights that are not here, ToolError for a device that is not there.
    """
    return DeepAudio(preset_folder(name_or_folder), device, dtype, low_memory, compile)


def as_voices(
    reference: str | PathLike | Voice | Mapping[str, Voice],
    text: str | None,
    script: Script,
    notices: Notices,
) -> dict[Role, Voice]:
    """The voice of every speaker and mood of the script; a mood that a voice does not have goes to `notices`."""
    if isinstance(reference, Mapping):
        named = {name: voice for name, voice in reference.items() if name}
        return assign(script, named, reference.get(""), notices)
    if not isinstance(reference, Voice):
        reference = read_voice(Path(reference), text)
    return assign(script, {}, reference, notices)


def _require(value, what: str, direction: str):
    if value is None:
        raise UsageError(
            "generate.missing", f"{direction} needs {what}", "give it, or change the instruction"
        )
    return value

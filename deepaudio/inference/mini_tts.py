"""M_tts in use: a line and a voice in, speech of a given length out, following an energy contour when there is one."""

import functools
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
import torchaudio.functional as AF
from jaxtyping import Float
from torch import Tensor

from deepaudio import checkpoint
from deepaudio.audio.energy import energy_contour
from deepaudio.audio.grid import FRAME_RATE, HOP
from deepaudio.audio.level import at_level
from deepaudio.audio.mel import log_mel, n_frames, standardize, unstandardize
from deepaudio.audio.pitch import octaves
from deepaudio.audio.prior.content import join, lay
from deepaudio.audio.prior.draft import (
    TimbreEncoder,
    VoiceTraits,
    draft_mel,
    heard_span,
    resynthesised,
)
from deepaudio.audio.prior.phone_times import EDGE, SENTENCE_PAUSE, pieces_of, place, seconds_of
from deepaudio.audio.prior.shaping import edges_heard, follow_energy, match_spectrum, subtract_noise
from deepaudio.audio.prior.world import PERIOD, World, pitch_between
from deepaudio.audio.timing import active_span
from deepaudio.data.labels import emotion_asked
from deepaudio.encoders.content import ContentEncoder
from deepaudio.errors import InputError, WeightsError
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.flow.time import linear, sway
from deepaudio.models.mof.knowledge import EMPTY, Knowledge
from deepaudio.models.tts import dit
from deepaudio.options import MINI_SPEECH, SampleOptions

log = logging.getLogger(__name__)
SAMPLE_RATE = 24_000
VOCODER = "codecs/vocos_source"
NO_PITCH = 180.0  # Hz, the middle of a voice whose own is not known
MOST_AT_ONCE = (
    4  # lines on a CPU: small products gain little from threads, lines beside each other do
)
AHEAD = 8  # texts that the base TTS has said beforehand, each some megabytes
MAX_HEARD = 15.0  # seconds of a reference that give the timbre
MAX_REFERENCE = 3.5  # seconds of it that the flow sees: the longest in its training


@dataclass(frozen=True, eq=False)
class Reference:
    """A few seconds of a voice: mono waveform (s), its rate, and what it says if that is known. Equal only to itself."""

    waveform: Tensor
    sample_rate: int
    text: str | None = None

    @functools.cached_property
    def digest(self) -> str:
        """The same for the same sound: what is heard in a recording is heard once."""
        sound = self.waveform.detach().cpu().contiguous().numpy().tobytes()
        return f"{self.sample_rate} {hashlib.sha256(sound).hexdigest()}"


@dataclass(frozen=True)
class _Recording:
    """A reference that equals another of the same sound."""

    digest: str
    reference: Reference = field(compare=False)


class TextToSpeech:
    """The speech module of `mini`: content encoder, DiT and vocoder. Make it with `load`.

    Its flow goes from noise to the whole mel; a mel prior of the line (`draft_mel`) is one of the conditions, and what is heard where
    no step is taken.
    """

    sample_rate = SAMPLE_RATE
    margin = EDGE

    def __init__(
        self,
        network: dit.Model,
        vocoder: torch.nn.Module,
        timbre_encoder: TimbreEncoder,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        self.device = torch.device(device)
        self.timbre_encoder = timbre_encoder
        self.network = network.eval().to(self.device)
        self.defaults = MINI_SPEECH
        if not network.config.prior:
            raise WeightsError(
                "weights.prior",
                "this speech network takes no mel prior",
                hint="deepaudio train tts/mini makes one that does",
            )
        self.dtype = dtype
        self.vocoder = vocoder.eval().to(self.device)
        on_cpu = self.device.type == "cpu"
        self.at_once = min(MOST_AT_ONCE, torch.get_num_threads()) if on_cpu else 1
        content = ContentEncoder()
        self.encode = functools.lru_cache(maxsize=64)(content.sentences)
        self.unspoken = content.unspoken
        self._voice = functools.lru_cache(maxsize=16)(self._heard)
        self._base = functools.lru_cache(maxsize=AHEAD)(self._resynthesised)

    @classmethod
    def load(
        cls,
        preset: Path,
        device: torch.device | str = "cpu",
        trained: Mapping[str, Path] = MappingProxyType({}),
        vocoder: torch.nn.Module | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> "TextToSpeech":
        """The module from the folders tts, vocoder and voice of `preset`, or from those in `trained` by these names.

        A `vocoder` that is in memory already is used instead of its folder; the flow computes in `dtype`. WeightsError for missing or wrong weights.
        """
        folders = {role: preset / role for role in ("tts", "vocoder", "voice")} | dict(trained)
        network = checkpoint.load_network(folders["tts"], "tts/dit")
        return cls(
            network,
            vocoder or checkpoint.load_network(folders["vocoder"], VOCODER),
            checkpoint.load_network(folders["voice"], "eigenvoice").timbre,
            device,
            dtype,
        )

    def check(self, options: SampleOptions, follows_pitch: bool = False) -> None:
        """UsageError or InputError for an emotion or a scale of guidance that the network has not learned; it follows any pitch."""
        emotion_asked(options.emotion, self.network.config.emotions)
        if self.network.config.guidance:
            self.network.check_scale(self.defaults.fill(options).guidance_scale)

    def natural_duration(self, text: str, references: Sequence[Reference] = ()) -> float:
        """Seconds that `text` takes at an unhurried pace, from its first sound to its last, whoever speaks."""
        return sum(seconds_of(s) for s in self.encode(text)) - SENTENCE_PAUSE

    @torch.inference_mode()
    def prepare(self, texts: Sequence[str], references: Sequence[Reference]) -> None:
        """Hear the references, and the base TTS say the first AHEAD texts in the pieces of their natural pace; raises what `speak` raises."""
        for reference in references:
            self._voice(_Recording(reference.digest, reference))
        for text in texts[:AHEAD]:
            first = 0
            for piece in pieces_of(self.encode(text), 1.0):
                self._base(text, first, first + len(piece))
                first += len(piece)

    @torch.inference_mode()
    def speak(
        self,
        text: str,
        reference: Reference,
        *,
        duration: float | None = None,
        knowledge: Knowledge = EMPTY,
        options: SampleOptions = SampleOptions(),
    ) -> Float[Tensor, " s"]:
        """Speech in the voice of `reference`, round(duration * 24000) samples when `duration` is given.

        It fills them but for `margin` seconds of quiet at both ends. The contours of `knowledge` cover that
        duration; the pitch is followed in the range of the reference. The level is that of speech at RMS 0.1. Raises InputError for text without a sound.
        """
        self.check(options)
        options = self.defaults.fill(options)
        sentences = self.encode(text)
        natural = self.natural_duration(text)
        seconds = natural + 2 * EDGE if duration is None else duration
        samples = max(HOP, round(seconds * SAMPLE_RATE))
        pieces = pieces_of(sentences, max(0.0, seconds - 2 * EDGE) / natural)
        shares = np.cumsum([0.0] + [sum(seconds_of(s) for s in piece) for piece in pieces])
        edges = [round(samples * share / shares[-1]) for share in shares]
        voice = self._voice(_Recording(reference.digest, reference))
        made, said = [], 0
        for number, piece in enumerate(pieces):
            first, last = edges[number], edges[number + 1]
            part = knowledge.part(round(first / HOP), round(last / HOP) - round(first / HOP))
            own = options.of_piece(number)
            base = self._base(text, said, said + len(piece))
            made.append(self._piece(piece, base, voice, last - first, part, own))
            said += len(piece)
        return torch.cat(made)

    def _resynthesised(self, text: str, first: int, last: int) -> World:
        """Of the sentences `first` to `last` of a text."""
        return resynthesised(join(self.encode(text)[first:last]).spectra)

    def _heard(self, recording: _Recording) -> tuple[Tensor, Tensor, VoiceTraits]:
        """Standardised mel (n c), energy (n) and voice of the reference without its silent ends, MAX_HEARD seconds at most."""
        reference = recording.reference
        waveform = AF.resample(
            reference.waveform.float().reshape(-1), reference.sample_rate, SAMPLE_RATE
        )
        waveform, _ = at_level(waveform)
        first, last = active_span(energy_contour(waveform, SAMPLE_RATE), 0.03)
        first = max(0, first - 4)
        waveform = waveform[first * HOP : (last + 4) * HOP]
        if len(waveform) < SAMPLE_RATE // 4:
            raise InputError("reference.too_short", "less than 0.25 s of sound in the reference")
        waveform = waveform[: round(MAX_HEARD * SAMPLE_RATE)]
        voice = VoiceTraits.of(waveform, self.timbre_encoder)
        n = n_frames(len(waveform))
        return (
            standardize(subtract_noise(log_mel(waveform[None])[0])),
            energy_contour(waveform, SAMPLE_RATE, n),
            voice,
        )

    def _piece(
        self, piece, base: World, voice, samples: int, knowledge: Knowledge, options: SampleOptions
    ) -> Tensor:
        mel, _, timbre = voice
        energy = knowledge.energy
        n = n_frames(samples)
        whole = join(piece)
        anchors = place(piece, n, heard_span(base))
        melody = None if knowledge.pitch is None else _in_hertz(knowledge.pitch, timbre.middle)
        drawn = draft_mel(base, anchors, n * HOP, timbre, melody)[:n]
        if energy is not None and float(energy.max()) > 0:
            drawn = follow_energy(drawn, F.pad(energy[:n], (0, max(0, n - len(energy)))))
        spoken_mel = drawn
        if options.steps:
            content = lay(whole, anchors, n, timbre.middle)
            spoken_mel = self._refined(drawn, content, voice, knowledge, options)
            spoken_mel = edges_heard(spoken_mel, drawn)
        spoken_mel = match_spectrum(spoken_mel, unstandardize(mel))
        waveform = self.vocoder(spoken_mel[None].to(self.device))[0]
        return F.pad(waveform, (0, max(0, samples - len(waveform))))[:samples].cpu()

    def _refined(
        self, drawn: Tensor, content: Tensor, voice, knowledge: Knowledge, options: SampleOptions
    ) -> Float[Tensor, "n c"]:
        """The mel (n c) of the flow, for which the drawn one is the prior."""
        mel, own_energy, _ = voice
        mel = mel[: round(MAX_REFERENCE * FRAME_RATE)]
        n_ref, n = len(mel), len(drawn)
        content = torch.cat([torch.zeros(n_ref, content.shape[1]), content])
        spoken = torch.arange(n_ref + n) >= n_ref
        cond = torch.cat([mel, torch.zeros(n, mel.shape[1])])
        contour = torch.zeros(n_ref + n)
        energy, pitch = knowledge
        intonation = torch.zeros(n_ref + n)
        if pitch is not None:
            intonation[:n_ref] = _at_frames(octaves(torch.from_numpy(voice[2].pitch)), n_ref)
            intonation[n_ref : n_ref + len(pitch)] = pitch[:n]
        if energy is not None:
            wanted = energy[:n]
            contour[:n_ref] = own_energy[:n_ref]
            contour[n_ref : n_ref + len(wanted)] = wanted / wanted.max().clamp(min=1e-3)
        noise = options.noise_scale * torch.randn(
            n_ref + n, mel.shape[1], generator=torch.Generator().manual_seed(options.seed)
        )
        content = torch.cat([content, torch.cat([mel, standardize(drawn)])], -1)
        contours = contour[:, None], intonation[:, None]
        generated = self._sample(noise, content, spoken, cond, contours, options)
        return unstandardize(generated[n_ref:]).cpu()

    def _sample(self, begin, content, spoken, cond, contours, options: SampleOptions) -> Tensor:
        energy, pitch = contours
        emotion = emotion_asked(options.emotion, self.network.config.emotions)
        on_device = lambda value: value[None].to(self.device)  # noqa: E731
        conditions = self.network.encode(
            content=on_device(content),
            content_mask=on_device(spoken),
            cond=on_device(cond),
            cond_mask=on_device(~spoken),
            energy=on_device(energy) if self.network.config.energy else None,
            pitch=on_device(pitch).float() if self.network.config.pitch else None,
            emotion=None if emotion is None else emotion.to(self.device),
        )
        learned = self.network.at_scale if self.network.config.guidance else None
        null = None
        if learned is None and options.guidance_scale != 1:
            null = self.network.null(conditions)
        field = guided(
            lambda x, t, c: self.network(x, torch.as_tensor(t, device=self.device), c),
            conditions,
            null,
            options.guidance_scale,
            interval=options.guidance_interval,
            learned=learned,
        )
        grid = sway(linear(options.steps), options.sway)
        begin, grid = on_device(begin), grid.to(self.device)
        half = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype if half else None, enabled=half):
            made = euler(field, begin, grid)[0].float()
        if half and not made.isfinite().all():
            log.warning("half precision failed in the flow of speech: computed again in float32")
            with torch.autocast(self.device.type, enabled=False):
                made = euler(field, begin, grid)[0].float()
        return made


def _in_hertz(pitch: Float[Tensor, " n"], middle: float | None) -> np.ndarray:
    """Octaves at 93.75 Hz, 0 unvoiced, to Hz every 5 ms about the median of a voice."""
    hertz = np.where(pitch.numpy() != 0, (middle or NO_PITCH) * 2.0 ** pitch.numpy(), 0.0)
    rows = np.arange(int(len(hertz) / FRAME_RATE / PERIOD) + 1)
    return pitch_between(hertz, rows * PERIOD * FRAME_RATE)


def _at_frames(rows: Float[Tensor, " m"], n: int) -> Float[Tensor, " n"]:
    """Values every 5 ms at `n` mel frames."""
    place = (torch.arange(n) / FRAME_RATE / PERIOD).round().long()
    return rows[place.clamp(max=len(rows) - 1)]

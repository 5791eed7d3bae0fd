"""M_tts of the full-size presets in use: F5-TTS with DeepAudio-V1's energy input on official weights."""

import logging
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import torchaudio.functional as AF
from jaxtyping import Float, Int
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.audio.grid import HOP, SAMPLE_RATE
from deepaudio.audio.mel import log_mel
from deepaudio.audio.reference import cross_faded, prepare_reference
from deepaudio.data.labels import emotion_asked
from deepaudio.errors import InputError, UsageError, WeightsError
from deepaudio.flow import time
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.inference.mini_tts import Reference
from deepaudio.inference.networks import Networks
from deepaudio.judges import open_judge
from deepaudio.models.mof.knowledge import EMPTY, Knowledge
from deepaudio.models.tts import dit
from deepaudio.options import F5_TTS, SampleOptions
from deepaudio.text import f5_duration
from deepaudio.text.f5_tokenizer import F5Tokenizer
from deepaudio.text.spoken import spoken

log = logging.getLogger(__name__)

LISTENER = "whisper-base"
BYTES_PER_SECOND = 14.5  # unhurried English, where no reference says better
EDGE_SECONDS = 0.2
FADE_SECONDS = 0.05  # between chunks of a given duration: a longer one would eat into it


@dataclass(frozen=True)
class _Voice:
    """A prepared reference: waveform, its mel [n c], energy [n], text, and the gain back to its level."""

    mel: Tensor
    energy: Tensor
    text: str
    gain_back: float

    @property
    def n_frames(self) -> int:
        return len(self.energy)


class F5TextToSpeech:
    """Speech in the voice of a reference; its energy follows a contour when the weights have that input."""

    sample_rate = SAMPLE_RATE
    defaults = F5_TTS
    margin = 0.0  # what is asked for is filled from end to end
    at_once = 1

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self._voices: dict[int, tuple[Reference, _Voice]] = {}

    def check(self, options: SampleOptions, follows_pitch: bool = False) -> None:
        """UsageError or InputError for an emotion that the network does not know, and for a pitch contour."""
        if follows_pitch:
            message = "the speech of this preset follows no pitch contour"
            raise UsageError("condition.pitch", message, "--preset mini does, or leave --pitch out")
        if options.emotion:
            emotion_asked(options.emotion, self.networks.get("tts")[0].config.emotions)

    def natural_duration(self, text: str, references: Sequence[Reference] = ()) -> float:
        """Seconds that `text` takes at the mean pace of `references`, F5-TTS's rule of duration; unhurried without them."""
        words = _words(text)
        if not references:
            return f5_duration.n_bytes(words) / BYTES_PER_SECOND + 2 * EDGE_SECONDS
        frames = [
            f5_duration.speech_frames(voice.n_frames, voice.text, words, roomy=False)
            for voice in map(self._voice, references)
        ]
        return sum(frames) / len(frames) * HOP / SAMPLE_RATE + EDGE_SECONDS

    def prepare(self, texts: Sequence[str], references: Sequence[Reference]) -> None:
        """Nothing: this network reads text and reference while it speaks."""

    def unspoken(self, text: str) -> list[str]:
        """What has no words or would be spelled, and tokens that the vocabulary lacks: a pause takes their place."""
        missed = spoken(text).missed if _is_latin(text) else ()
        unknown = self.networks.get("vocabulary")[0].unknown(_words(text))
        return list(dict.fromkeys([*missed, *unknown]))

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
        """Speech of `text`, round(duration * 24000) samples when `duration` is given, else at the reference's pace.

        The contours of `knowledge` cover that duration. A text too long for one pass is
        spoken in chunks, each with its own part of the duration and the contour, and cross-faded. Raises InputError for
        an empty text and for a reference that is silent or whose text is not known.
        """
        text = _words(text)
        if not text:
            raise InputError("text.empty", "no text to speak")
        self.check(options, knowledge.pitch is not None)
        voice = self._voice(reference)
        options = self.defaults.fill(options)
        seconds = voice.n_frames * HOP / SAMPLE_RATE
        pieces = f5_duration.chunks(text, f5_duration.chunk_bytes(voice.text, seconds))
        network, tokenizer = self.networks.get("tts", "vocabulary", "tts_vocoder")[:2]
        fade = 0 if len(pieces) == 1 else round(FADE_SECONDS * SAMPLE_RATE)
        spans = self._spans(pieces, voice, duration, fade)
        mels = []
        for number, (piece, (first, last)) in enumerate(zip(pieces, spans, strict=True)):
            contour = knowledge.part(first // HOP, math.ceil(last / HOP) - first // HOP).energy
            own = options.of_piece(number)
            mels.append(self._mel(network, tokenizer, piece, voice, last - first, contour, own))
        parts = [
            self._waveform(mel, last - first)
            for mel, (first, last) in zip(mels, spans, strict=True)
        ]
        return cross_faded(parts, SAMPLE_RATE, fade / SAMPLE_RATE) * voice.gain_back

    def _spans(
        self, pieces: list[str], voice: _Voice, duration: float | None, fade: int
    ) -> list[tuple[int, int]]:
        """First and last sample of every chunk on the track; neighbours overlap by the fade."""
        if duration is None:
            frames = [f5_duration.speech_frames(voice.n_frames, voice.text, p) for p in pieces]
            lengths = [max(1, n) * HOP for n in frames]
            total = sum(lengths) - fade * (len(pieces) - 1)
        else:
            lengths = [f5_duration.n_bytes(piece) for piece in pieces]
            total = max(HOP, round(duration * SAMPLE_RATE))
        spans, spoken = [], 0
        for number, length in enumerate(lengths):
            first = round(total * spoken / sum(lengths))
            spoken += length
            last = round(total * spoken / sum(lengths))
            spans.append((max(0, first - (fade if number else 0)), last))
        return spans

    def _voice(self, reference: Reference) -> _Voice:
        """A reference as it is used, prepared once."""
        kept = self._voices.get(id(reference))
        if kept is None:
            kept = self._voices[id(reference)] = (reference, _prepared(reference))
        return kept[1]

    def _mel(
        self,
        network: dit.Model,
        tokenizer: F5Tokenizer,
        text: str,
        voice: _Voice,
        samples: int,
        energy: Tensor | None,
        options: SampleOptions,
    ) -> Float[Tensor, "n c"]:
        """Mel of the new speech alone, enough frames for `samples`."""
        ids = tokenizer.encode(voice.text + text)
        n = voice.n_frames + math.ceil(samples / HOP) + 1
        n = max(n, len(ids) + 1, len(voice.mel) + 1)
        contour = None
        if energy is not None and not network.config.energy:
            log.warning("%s takes no energy contour", self.networks.part("tts").name)
        if network.config.energy:
            contour = torch.zeros(n)
            if energy is not None:
                contour[: voice.n_frames] = voice.energy
                spoken = energy.cpu().float()[: n - voice.n_frames]
                contour[voice.n_frames : voice.n_frames + len(spoken)] = spoken
        device, dtype = self.networks.device, self.networks.dtype
        generator = torch.Generator().manual_seed(options.seed)
        noise = torch.randn(n, voice.mel.shape[1], generator=generator)
        with self.networks.exact():
            mel = sample(
                network,
                voice.mel.to(device, dtype),
                ids.to(device),
                None if contour is None else contour.to(device, dtype),
                options.noise_scale * noise.to(device),
                options,
            )
        return mel[voice.n_frames :].float()

    def _waveform(self, mel: Float[Tensor, "n c"], samples: int) -> Float[Tensor, " s"]:
        vocoder = self.networks.get("tts", "vocabulary", "tts_vocoder")[2]
        with self.networks.exact():
            waveform = vocoder(mel[None])[0].cpu()
        return F.pad(waveform, (0, max(0, samples - len(waveform))))[:samples]


def _words(text: str) -> str:
    """The spoken words of a text; one in another script keeps its writing, whose reading the tokens know."""
    return spoken(text).words if _is_latin(text) else text.strip()


def _is_latin(text: str) -> bool:
    return all(unicodedata.name(c, "LATIN").startswith("LATIN") for c in text if c.isalpha())


def _prepared(reference: Reference) -> _Voice:
    """Trimmed and levelled; the energy is that of the reference after this, not of the recording before."""
    waveform = AF.resample(
        reference.waveform.float().reshape(-1), reference.sample_rate, SAMPLE_RATE
    )
    try:
        prepared = prepare_reference(waveform, SAMPLE_RATE)
    except ValueError as error:
        raise InputError("reference.unusable", str(error)) from error
    text = (reference.text or "").strip() or _heard(prepared.waveform)
    return _Voice(
        log_mel(prepared.waveform[None])[0],
        energy_contour(prepared.waveform, SAMPLE_RATE, len(prepared.waveform) // HOP),
        f5_duration.closed(_words(text)),
        prepared.gain_back,
    )


def _heard(waveform: Float[Tensor, " s"]) -> str:
    """What the reference says, by Whisper where it is installed. InputError where it is not, or hears nothing."""
    try:
        text = open_judge(LISTENER)(waveform, SAMPLE_RATE).strip()
    except WeightsError as error:
        raise InputError(
            "reference.text",
            "this preset needs to know what the reference says",
            hint="--ref-text TEXT or a text file; with the extra `judges` it is transcribed",
        ) from error
    if not text:
        raise InputError(
            "reference.text", "no words were heard in the reference", "--ref-text TEXT"
        )
    log.warning("the reference is taken to say: %s", text)
    return text


def sample(
    network: dit.Model,
    reference: Float[Tensor, "r c"],
    ids: Int[Tensor, " l"],
    energy: Float[Tensor, " n"] | None,
    noise: Float[Tensor, "n c"],
    options: SampleOptions,
) -> Float[Tensor, "n c"]:
    """Mel of reference and speech from noise: Euler on the swayed (and for few steps pruned) grid, the reference kept."""
    n, r = len(noise), len(reference)
    cond = F.pad(reference, (0, 0, 0, n - r))
    known = torch.arange(n, device=noise.device) < r
    emotion = emotion_asked(options.emotion, network.config.emotions)
    encoded = network.encode(
        cond=cond[None],
        cond_mask=known[None],
        text=ids[None],
        energy=None if energy is None else energy[None, :, None],
        emotion=None if emotion is None else emotion.to(noise.device),
    )
    learned = network.at_scale if network.config.guidance else None
    null = None if learned or options.guidance_scale == 1 else network.null(encoded)
    grid = time.sway(time.epss(options.steps), options.sway)
    field = guided(
        network,
        encoded,
        null,
        options.guidance_scale,
        cond.dtype,
        interval=options.guidance_interval,
        together=noise.is_cuda,
        learned=learned,
    )
    mel = euler(field, noise[None], grid)[0]
    return torch.where(known[:, None], cond, mel)

"""Sound for a clip, and the energy contour that V2S takes from it (M_v2a of eq. 1-3) with a preset of `mini`'s kind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio import checkpoint
from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.mel import n_frames
from deepaudio.codecs import mel_linear
from deepaudio.encoders.motion import CLIP_RATE, SYNC_RATE, MotionEncoder, Picture
from deepaudio.encoders.words import encode_words
from deepaudio.errors import WeightsError
from deepaudio.flow import time
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.media.clip import ClipInfo
from deepaudio.media.probe import probe
from deepaudio.media.video import View, views, with_progress
from deepaudio.options import MINI_SOUND, SampleOptions
from deepaudio.progress import Progress

WINDOW = 70  # latents; what training saw
OVERLAP = 20
AT_ONCE = 16  # windows in a batch
LARGEST_SIDE = 960  # frames are shrunk to this before they are looked at
WAITING = (
    3840 * 2160
)  # pixels of a frame, of which up to sixteen are in memory as they were decoded
SPEECH = "a person speaks"
QUIET, SOFTNESS = (
    0.8,
    0.5,
)  # chosen on held-out GRID: level of room noise in the mel, power of what is above it
FAINT = 0.4  # a clip whose loudest moment is below this is silent
LOUDEST = 0.95  # samples beyond it scale the whole sound down: guidance exaggerates loudness
UNSEEN = 0.3  # seconds without a face before whoever speaks counts as away
AHEAD = 6  # frames by which speech begins before it is loud, chosen on held-out GRID
FAINTLY = 0.3  # how loud it is then

VOCODER = "codecs/vocos_source"


@dataclass(frozen=True)
class ClipFeatures:
    """What the model sees of a clip of `duration` seconds, and where a face is seen (per sync step)."""

    sync: Float[Tensor, "f ds"]
    clip: Float[Tensor, "g dc"]
    duration: float
    face: Float[Tensor, " f"]


class _Picture(NamedTuple):
    """A frame of a clip, at most so large."""

    view: View
    size: tuple[int, int] | None

    def whole(self) -> np.ndarray:
        return self.view.pixels(self.size).numpy()

    def small(self, side: int) -> np.ndarray:
        return self.view.pixels((side, side), mean=True).numpy()


def pictures(
    info: ClipInfo, progress: Progress | None = None
) -> Iterator[tuple[float, Picture | np.ndarray]]:
    """The frames of a clip with their times as `MotionEncoder` wants them, at most LARGEST_SIDE wide and high.

    Some wait until a face is looked for in them: as they were decoded, or, if they are beyond WAITING, as pixels.
    """
    waits = info.width * info.height <= WAITING
    shrink, size = LARGEST_SIDE / max(info.width, info.height), None
    if shrink < 1:
        size = (round(info.width * shrink), round(info.height * shrink))
    for view in with_progress(views(info), info, progress):
        yield view.time, _Picture(view, size) if waits else view.pixels(size).numpy()


class VideoToAudio:
    """M_v2a with its motion encoder, its codec and its vocoder."""

    defaults = MINI_SOUND

    def __init__(
        self,
        model: nn.Module,
        codec: mel_linear.Model,
        encoder: MotionEncoder,
        vocoder: nn.Module | None,
        device: torch.device,
    ):
        self.device = device
        self.model = model.to(device).eval()
        self.codec = codec.to(device).eval()
        self.vocoder = vocoder.to(device).eval() if vocoder else None
        self.encoder = encoder
        self.fold = round(SYNC_RATE * codec.config.fold / codec.config.frame_rate)

    @classmethod
    def load(
        cls,
        preset: Path,
        device: torch.device | str = "cpu",
        trained: Mapping[str, Path] = MappingProxyType({}),
        vocoder: nn.Module | None = None,
    ) -> "VideoToAudio":
        """From the folders v2a, v2a/codec, face and vocoder of a preset, or from those in `trained` by these names.

        A `vocoder` that is in memory already is used instead of its folder. WeightsError when one is missing or damaged.
        """
        roles = ("v2a", "v2a/codec", "face", "vocoder")
        folders = {role: preset / role for role in roles} | dict(trained)
        model = checkpoint.load_network(folders["v2a"], "v2a/mmdit")
        codec = checkpoint.load_network(folders["v2a/codec"], "codecs/mel_linear")
        vocoder = vocoder or checkpoint.load_network(folders["vocoder"], VOCODER)
        return cls(model, codec, MotionEncoder(folders["face"]), vocoder, torch.device(device))

    @property
    def sample_rate(self) -> int:
        return 24_000

    def features(
        self, clip: str | PathLike | ClipInfo, progress: Progress | None = None
    ) -> ClipFeatures:
        """Encode every frame of a clip once. InputError for a clip that cannot be read."""
        info = probe(clip)
        seen = self.encoder.encode(pictures(info, progress), info.duration)
        return ClipFeatures(seen.sync, seen.clip, info.duration, seen.sync[:, 0])

    @torch.inference_mode()
    def mel(
        self, features: ClipFeatures, prompt: str, negative: str, options: SampleOptions
    ) -> Float[Tensor, "n c"]:
        """Log-mel frames of the sound: Euler from seeded noise, guided away from no video and `negative`."""
        options = self.defaults.fill(options)
        x = options.noise_scale * self._noise(features, options.seed)
        grid = time.sway(time.linear(options.steps), options.sway)
        field = _Windows(self, features, prompt, negative, options)
        return self._decode(euler(field, x, grid), features.duration)

    def sound(
        self, features: ClipFeatures, prompt: str, negative: str, options: SampleOptions
    ) -> Float[Tensor, " s"]:
        """Waveform of exactly the clip's duration; `prompt` may be empty: what is seen decides."""
        if self.vocoder is None:
            raise WeightsError("vocoder.missing", "this preset has no vocoder")
        mel = self.mel(features, prompt, negative, options)
        with torch.inference_mode():
            waveform = self.vocoder.decode(mel[None])[0]
        waveform = waveform / max(1.0, float(waveform.abs().max()) / LOUDEST)
        n_samples = round(features.duration * self.sample_rate)
        return F.pad(waveform[:n_samples], (0, max(0, n_samples - len(waveform))))

    def energy_sampling(self, options: SampleOptions) -> SampleOptions:
        """What `energy` uses whatever is asked for: one step without guidance or noise, the same for every seed."""
        return SampleOptions(1, 1.0, 0, 0.0, options.quality, noise_scale=0.0)

    @torch.inference_mode()
    def energy(self, features: ClipFeatures, options: SampleOptions) -> Float[Tensor, " n"]:
        """Energy contour at 93.75 Hz in 0 .. 1 of the speech that is seen; zeros where nothing is.

        At t = 0 the velocity is E[x1] - x0, so one step from the noise gives the expected mel: steadier than any
        single sample, and independent of the seed. Where a clip shows faces, whoever is not seen does not speak.
        """
        x = torch.zeros_like(self._noise(features, 0))
        field = _Windows(self, features, SPEECH, "", self.energy_sampling(options))
        expected = x + field(x, torch.zeros((), device=self.device))
        contour = advance_onset(mel_energy(self._decode(expected, features.duration)))
        n = int(features.duration * FRAME_RATE)
        contour = F.pad(contour[:n], (0, max(0, n - len(contour))))
        if bool(features.face.any()):
            contour = contour * dilate(features.face > 0, n).to(contour)
        peak = contour.max() if n else torch.zeros(())
        return (contour / peak if peak > 0 else contour).cpu()

    def _noise(self, features: ClipFeatures, seed: int) -> Tensor:
        count = -(-len(features.sync) // self.fold)
        shape = (1, max(count, 2), self.model.config.latent_dim)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(self.device)

    def _decode(self, x: Tensor, duration: float) -> Tensor:
        """Latents to the mel frames of `duration` seconds, not below the codec's floor."""
        mel = self.codec.decode(self.model.unnormalize(x))[0]
        n = n_frames(round(duration * self.sample_rate))
        mel = torch.cat([mel, mel[-1:].expand(max(0, n - len(mel)), -1)])[:n]
        return mel.clamp(min=self.codec.config.floor)


class _Windows:
    """The guided velocity of a clip of any length: of overlapping windows, averaged where they overlap."""

    def __init__(
        self,
        owner: VideoToAudio,
        features: ClipFeatures,
        prompt: str,
        negative: str,
        options: SampleOptions,
    ):
        config = owner.model.config
        fold, rate = owner.fold, SYNC_RATE / owner.fold
        self.count = max(2, -(-len(features.sync) // fold))
        self.size = min(WINDOW, self.count)
        last = self.count - self.size
        self.starts = [*range(0, last, WINDOW - OVERLAP), last]
        n_clip = max(1, round(self.size / rate * CLIP_RATE))
        sync = (
            pad_rows(features.sync, self.count * fold).unflatten(0, (self.count, fold)).flatten(1)
        )
        clips = [round(start / rate * CLIP_RATE) for start in self.starts]
        clip = pad_rows(features.clip, max(clips) + n_clip)
        sync = torch.stack([sync[s : s + self.size] for s in self.starts]).to(owner.device)
        clip = torch.stack([clip[s : s + n_clip] for s in clips]).to(owner.device)
        ramp = torch.arange(1, self.size + 1, dtype=torch.float32)
        self.weight = torch.minimum(ramp, ramp.flip(0)).clamp(max=OVERLAP).to(owner.device)[:, None]

        def words(text: str) -> Tensor:
            coded = encode_words(text, config.text_len, config.text_dim)
            return coded.to(owner.device).expand(AT_ONCE, -1, -1)

        self.fields = []
        for part in torch.arange(len(self.starts)).split(AT_ONCE):
            text, away = words(prompt)[: len(part)], words(negative)[: len(part)]
            cond = owner.model.encode(clip[part], sync[part], text)
            scale = options.guidance_scale
            null = owner.model.null(cond, away) if scale != 1.0 else None
            field = guided(owner.model, cond, null, scale, interval=options.guidance_interval)
            self.fields.append(field)

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        total, weight = torch.zeros_like(x), torch.zeros_like(x[:, :, :1])
        for field, starts in zip(self.fields, _parts(self.starts), strict=True):
            v = field(torch.cat([x[:, s : s + self.size] for s in starts]), t)
            for start, piece in zip(starts, v, strict=True):
                total[0, start : start + self.size] += piece * self.weight
                weight[0, start : start + self.size] += self.weight
        return total / weight


def mel_energy(mel: Float[Tensor, "n c"]) -> Float[Tensor, " m"]:
    """Loudness of each slice between neighbouring mel frames, up to a factor; silence and its noise give 0.

    The expected log-mel exaggerates peaks when it is raised to amplitudes again; SOFTNESS undoes that.
    """
    level = mel.exp().square().mean(-1).sqrt()
    slices = (level[1:] + level[:-1]) / 2
    loudest = float(slices.max()) if len(slices) else 0.0
    quiet = min(QUIET, 0.1 * loudest) if loudest > FAINT else loudest
    return (slices - quiet).clamp(min=0).pow(SOFTNESS)


def advance_onset(contour: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The contour beginning AHEAD frames sooner, faintly: first consonants are quieter than what a lip shows."""
    sooner = F.pad(contour[AHEAD:], (0, min(AHEAD, len(contour))))
    return torch.maximum(contour, FAINTLY * sooner)


def dilate(seen: Tensor, n: int) -> Tensor:
    """Which of n contour values have a face within UNSEEN seconds; `seen` is per sync step."""
    reach = round(UNSEEN * SYNC_RATE)
    wide = F.max_pool1d(seen.float()[None, None], 2 * reach + 1, stride=1, padding=reach)
    return F.interpolate(wide, size=n, mode="nearest-exact")[0, 0]


def pad_rows(values: Tensor, count: int) -> Tensor:
    """Cut, or lengthened with its last row, to `count` rows."""
    return torch.cat([values, values[-1:].expand(max(0, count - len(values)), -1)])[:count]


def _parts(starts: list[int]) -> list[list[int]]:
    return [starts[i : i + AT_ONCE] for i in range(0, len(starts), AT_ONCE)]

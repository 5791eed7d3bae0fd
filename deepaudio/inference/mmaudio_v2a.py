"""M_v2a of the mm presets in use: MMAudio's network, mel VAE and BigVGAN on official weights."""

import math
from dataclasses import dataclass
from os import PathLike

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.encoders import clip as clip_tower
from deepaudio.encoders.frame_sampling import CLIP_RATE, SYNC_RATE
from deepaudio.flow import time
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.inference.mmaudio_features import HOP, PER_SEGMENT, FullFeatures, look
from deepaudio.inference.networks import Networks
from deepaudio.media.clip import ClipInfo
from deepaudio.models.v2a import mmdit
from deepaudio.options import MMAUDIO, SampleOptions
from deepaudio.progress import Progress

WINDOW_SEGMENTS = 24  # 8 s, what training saw
STEP_SEGMENTS = 20
SEGMENT_SECONDS = HOP / SYNC_RATE
_WINDOW_SECONDS = 8.0


@dataclass(frozen=True)
class Window:
    """A stretch of a clip as the network takes it: first frame and count of each stream."""

    latent: slice
    clip: slice
    sync: slice


class MMVideoToAudio:
    """Sound for a clip, and the energy contour that V2S takes from it."""

    defaults = MMAUDIO

    def __init__(self, networks: Networks) -> None:
        self.networks = networks

    @property
    def sample_rate(self) -> int:
        return 16_000 if self.networks.part("codec").kind == "mmaudio-vae-16k" else 44_100

    @property
    def latent_rate(self) -> float:
        """Latents a second: a mel frame every 256 or 512 samples, two to a latent."""
        return self.sample_rate / (256 if self.sample_rate == 16_000 else 512) / 2

    def features(
        self, video: str | PathLike | ClipInfo, progress: Progress | None = None
    ) -> FullFeatures:
        """Look at a clip once. InputError for a clip that cannot be read."""
        tower, encoder = self.networks.get("clip", "sync")
        with self.networks.exact():
            place = self.networks.device, self.networks.dtype
            return look(video, tower, encoder, *place, progress)

    @torch.inference_mode()
    def sound(
        self, features: FullFeatures, prompt: str, negative: str, options: SampleOptions
    ) -> Float[Tensor, " s"]:
        """Waveform of exactly the clip's duration; what no feature covers at its end is silent."""
        options = self.defaults.fill(options)
        texts = self._texts(prompt, negative) if prompt or negative else None
        (network,) = self.networks.get("v2a")
        if texts is None:  # the weights carry the features of an empty prompt
            texts = network.empty_string_feat[None].expand(2, -1, -1)
        with self.networks.exact():
            latent = self._latent(network, features, texts, options)
        codec, vocoder = self.networks.get("codec", "vocoder")
        with self.networks.exact():
            waveform = vocoder(codec.decode(latent))[0].float().cpu()
        waveform = waveform[: round(features.covered * self.sample_rate)]
        n_samples = round(features.duration * self.sample_rate)
        return F.pad(waveform[:n_samples], (0, max(0, n_samples - len(waveform))))

    def energy_sampling(self, options: SampleOptions) -> SampleOptions:
        """What `energy` uses: it is that of a whole sound."""
        return self.defaults.fill(options)

    def energy(self, features: FullFeatures, options: SampleOptions) -> Float[Tensor, " n"]:
        """Energy contour at 93.75 Hz of the sound without a prompt, as the released V2S was tuned on."""
        return energy_contour(self.sound(features, "", "", options), self.sample_rate)

    def _texts(self, prompt: str, negative: str) -> Float[Tensor, "2 l d"]:
        (tower,) = self.networks.get("clip")
        ids = clip_tower.tokenize([prompt, negative], tower.config).to(self.networks.device)
        with self.networks.exact():
            return tower.texts(ids)

    def _latent(
        self, network: mmdit.Model, features: FullFeatures, texts: Tensor, options: SampleOptions
    ) -> Float[Tensor, "1 n d"]:
        """Euler from seeded noise; clips beyond 8 s by overlapping windows whose velocities are averaged."""
        device, dtype = self.networks.device, self.networks.dtype
        windows = plan_windows(features, self.latent_rate)
        n = windows[-1].latent.stop
        generator = torch.Generator().manual_seed(options.seed)
        x = torch.randn(1, n, network.config.latent_dim, generator=generator).to(device)
        x = options.noise_scale * x
        text, away = texts[:1], texts[1:]
        fields = []
        for window in windows:
            cond = network.encode(
                features.clip[None, window.clip].to(device, dtype),
                features.sync[None, window.sync].to(device, dtype),
                text,
            )
            null = network.null(cond, away) if options.guidance_scale != 1 else None
            fields.append(
                guided(
                    network,
                    cond,
                    null,
                    options.guidance_scale,
                    dtype,
                    interval=options.guidance_interval,
                    together=device.type == "cuda",
                )
            )

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            if len(windows) == 1:
                return fields[0](x, t)
            total, weight = torch.zeros_like(x), torch.zeros_like(x[:, :, :1])
            for window, field in zip(windows, fields, strict=True):
                share = _hat(window.latent.stop - window.latent.start).to(x)[None, :, None]
                total[:, window.latent] += share * field(x[:, window.latent], t)
                weight[:, window.latent] += share
            return total / weight

        grid = time.sway(time.linear(options.steps), options.sway)
        return network.unnormalize(euler(velocity, x, grid)).to(dtype)


def plan_windows(features: FullFeatures, latent_rate: float) -> list[Window]:
    """Whole for clips up to 8 s, exactly as MMAudio counts; beyond that windows of 8 s every 6.4 s."""
    n_latent = max(1, math.ceil(features.covered * latent_rate))
    n_clip, n_segments = len(features.clip), len(features.sync) // PER_SEGMENT
    if features.covered <= _WINDOW_SECONDS + 1e-6:
        whole = Window(slice(0, n_latent), slice(0, n_clip), slice(0, n_segments * PER_SEGMENT))
        return [whole]
    last = n_segments - WINDOW_SEGMENTS
    starts = [*range(0, last, STEP_SEGMENTS), last]
    size = math.ceil(_WINDOW_SECONDS * latent_rate)
    per_window = int(_WINDOW_SECONDS * CLIP_RATE)
    windows = []
    for start in starts:
        seconds = start * SEGMENT_SECONDS
        first = round(seconds * latent_rate) if start != last else n_latent - size
        clip = min(round(seconds * CLIP_RATE), n_clip - per_window)
        sync = start * PER_SEGMENT
        windows.append(
            Window(
                slice(first, first + size),
                slice(clip, clip + per_window),
                slice(sync, sync + WINDOW_SEGMENTS * PER_SEGMENT),
            )
        )
    return windows


def _hat(size: int) -> Float[Tensor, " n"]:
    """Weights that rise to the middle of a window and fall again."""
    ramp = torch.arange(1, size + 1, dtype=torch.float32)
    return torch.minimum(ramp, ramp.flip(0)).clamp(max=size / 5)

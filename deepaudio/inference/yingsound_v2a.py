"""M_v2a of the ys-24k preset in use: the cross-attention network on EnCodec latents, FLAN-T5 and CLIP bigG."""

import math
from dataclasses import dataclass
from os import PathLike

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as images

from deepaudio.audio.energy import energy_contour
from deepaudio.errors import InputError
from deepaudio.flow import time
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.inference.networks import Networks
from deepaudio.media.clip import ClipInfo
from deepaudio.media.probe import probe
from deepaudio.media.video import frames_with_progress
from deepaudio.models.v2a.crossdit import nearest_frames
from deepaudio.options import YINGSOUND, SampleOptions
from deepaudio.progress import Progress

_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_BATCH = 16
MAX_SECONDS = 60.0  # training saw 10 s; positions end at 109 s


@dataclass(frozen=True)
class FrameFeatures:
    """One vector for every frame of a clip of `duration` seconds."""

    visual: Float[Tensor, "f d"]
    duration: float


class YSVideoToAudio:
    """Sound for a clip, and the energy contour that V2S takes from it."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks

    defaults = YINGSOUND
    sample_rate = 24_000
    hop_length = 320

    @torch.inference_mode()
    def features(
        self, video: str | PathLike | ClipInfo, progress: Progress | None = None
    ) -> FrameFeatures:
        """Image embeddings of all frames. InputError for a clip that cannot be read or is longer than a minute."""
        info = probe(video)
        if info.duration > MAX_SECONDS:
            message = (
                f"{info.path} lasts {info.duration:.1f} s; this preset takes {MAX_SECONDS:.0f} s"
            )
            raise InputError("clip.too_long", message, "cut the clip, or take an mm preset")
        (tower,) = self.networks.get("clip")
        size = tower.config.image_size
        waiting: list[Tensor] = []
        found: list[Tensor] = []

        def flush() -> None:
            if waiting:
                batch = torch.stack(waiting).to(self.networks.device, self.networks.dtype)
                with self.networks.exact():
                    found.append(tower(pixel_values=batch).image_embeds.float().cpu())
                waiting.clear()

        for frame in frames_with_progress(info, progress):
            waiting.append(_prepared(frame.pixels, size))
            if len(waiting) == _BATCH:
                flush()
        flush()
        if not found:
            raise InputError("clip.no_pictures", f"no frame of {info.path} could be used")
        return FrameFeatures(torch.cat(found), info.duration)

    @torch.inference_mode()
    def sound(
        self, features: FrameFeatures, prompt: str, negative: str, options: SampleOptions
    ) -> Float[Tensor, " s"]:
        """Waveform of exactly the clip's duration. This network knows no negative prompt."""
        if negative.strip():
            raise InputError("prompt.negative", "this preset takes no negative prompt")
        options = self.defaults.fill(options)
        device, dtype = self.networks.device, self.networks.dtype
        (reader,) = self.networks.get("text")
        with self.networks.exact():
            states, mask = reader([prompt])
        (network,) = self.networks.get("v2a")
        n = math.ceil(features.duration * self.sample_rate / self.hop_length)
        index = nearest_frames(
            n, len(features.visual), features.duration, self.sample_rate, self.hop_length
        )
        generator = torch.Generator().manual_seed(options.seed)
        noise = torch.randn(1, n, network.config.latent_dim, generator=generator)
        with self.networks.exact():
            cond = network.encode(
                features.visual[index][None].to(device, dtype), states.to(dtype), text_mask=mask
            )
            null = network.null(cond) if options.guidance_scale != 1 else None
            grid = time.sway(time.linear(options.steps), options.sway)
            field = guided(
                network,
                cond,
                null,
                options.guidance_scale,
                dtype,
                interval=options.guidance_interval,
                together=device.type == "cuda",
            )
            latent = euler(field, options.noise_scale * noise.to(device), grid).to(dtype)
        (codec,) = self.networks.get("codec")
        with self.networks.exact():
            waveform = codec.decode(latent)[0].float().cpu()
        n_samples = round(features.duration * self.sample_rate)
        return F.pad(waveform[:n_samples], (0, max(0, n_samples - len(waveform))))

    def energy_sampling(self, options: SampleOptions) -> SampleOptions:
        """What `energy` uses: it is that of a whole sound."""
        return self.defaults.fill(options)

    def energy(self, features: FrameFeatures, options: SampleOptions) -> Float[Tensor, " n"]:
        """Energy contour at 93.75 Hz of the sound without a prompt."""
        return energy_contour(self.sound(features, "", "", options), self.sample_rate)


def _prepared(pixels: Tensor, size: int) -> Tensor:
    """A frame as CLIP takes it: shorter edge to `size` (bicubic), centre square, normalised."""
    resized = images.resize(
        pixels.permute(2, 0, 1), [size], InterpolationMode.BICUBIC, antialias=True
    )
    square = images.center_crop(resized, [size, size]).float() / 255
    mean, std = torch.tensor(_MEAN)[:, None, None], torch.tensor(_STD)[:, None, None]
    return (square - mean) / std

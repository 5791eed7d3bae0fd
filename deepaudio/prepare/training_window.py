"""The stretches of a clip that full-size V2A trains on: latents and features of windows of eight or ten seconds."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.mel_slaney import SlaneyMelConfig, log_mel_slaney
from deepaudio.data.manifest import Item
from deepaudio.encoders import clip as clip_tower
from deepaudio.errors import InputError
from deepaudio.inference.mmaudio_features import PER_SEGMENT
from deepaudio.inference.mmaudio_v2a import WINDOW_SEGMENTS, MMVideoToAudio
from deepaudio.inference.yingsound_v2a import YSVideoToAudio
from deepaudio.media.audio import read_audio
from deepaudio.models.v2a.crossdit import nearest_frames

Model = MMVideoToAudio | YSVideoToAudio

MM_SECONDS, YS_SECONDS = 8, 10
YS_SLACK = 0.1  # clips cut at ten seconds end some frames early; silence fills them up
MOST_WINDOWS = 5  # of one sound, so that long recordings do not outweigh the others
YS_TOKENS = 512  # what FLAN-T5 reads at most


def seconds_of(model: Model) -> int:
    """Length of the window."""
    return MM_SECONDS if isinstance(model, MMVideoToAudio) else YS_SECONDS


@torch.inference_mode()
def features(model: Model, item: Item) -> list[dict[str, Tensor]]:
    """What `deepaudio.data.stored` keeps of an item, in float16, window by window; nothing of one shorter than a window.

    MMAudio: latent and spread (n c), clip (64 d), sync (192 d), text (77 d). YingSound: latent (750 c), visual (750 d), text (l d).
    A clip has one window, at its start. Sound without a video has up to `MOST_WINDOWS`, as MMAudio partitions its clips, and no
    clip and sync (or visual); sound without a prompt has no text. Raises InputError for an item without audio.
    """
    if not item.audio:
        raise InputError("manifest.incomplete", f"{item.id}: a V2A item needs audio")
    waveform = read_audio(Path(item.audio), model.sample_rate)
    if isinstance(model, MMVideoToAudio):
        samples = _mel_window(model)
        least = MM_SECONDS * model.sample_rate
    else:
        samples = YS_SECONDS * model.sample_rate
        least = round((YS_SECONDS - YS_SLACK) * model.sample_rate)
    if len(waveform) < least:
        return []
    pieces = _windows(waveform, samples, 1 if item.video else MOST_WINDOWS)
    if isinstance(model, MMVideoToAudio):
        shared = _joint(model, item)
    else:
        shared = _cross(model, item, samples // model.hop_length)
    if shared is None:
        return []
    encode = _posterior if isinstance(model, MMVideoToAudio) else _frames
    rows = ({**encode(model, piece), **shared} for piece in pieces)
    return [{name: t.half().cpu().contiguous() for name, t in row.items()} for row in rows]


@torch.inference_mode()
def empty_prompt(model: Model) -> Tensor | None:
    """What the text encoder makes of "" (77 d), which training learns as the absent prompt and sampling guides away from.

    None for YingSound's network, whose absent prompt is zeros.
    """
    if not isinstance(model, MMVideoToAudio):
        return None
    return _states(model, "").half().cpu().contiguous()


def _windows(waveform: Float[Tensor, " s"], samples: int, most: int) -> list[Tensor]:
    """As many windows as lie side by side in the sound, `most` at most, spread evenly over it; silence fills up a last one."""
    count = max(1, min(most, len(waveform) // samples))
    step = (len(waveform) - samples) // (count - 1) if count > 1 else 0
    pieces = [waveform[i * step : i * step + samples] for i in range(count)]
    return [torch.nn.functional.pad(piece, (0, samples - len(piece))) for piece in pieces]


def _joint(model: MMVideoToAudio, item: Item) -> dict[str, Tensor] | None:
    """Sight and prompt; None for a video shorter than the window."""
    found = {}
    if item.video:
        seen = model.features(item.video)
        n_clip, n_sync = 8 * MM_SECONDS, WINDOW_SEGMENTS * PER_SEGMENT
        if len(seen.clip) < n_clip or len(seen.sync) < n_sync:
            return None
        found |= {"clip": seen.clip[:n_clip], "sync": seen.sync[:n_sync]}
    if item.prompt:
        found["text"] = _states(model, item.prompt)
    return found


def _states(model: MMVideoToAudio, prompt: str) -> Float[Tensor, "l d"]:
    (tower,) = model.networks.get("clip")
    return tower.texts(clip_tower.tokenize([prompt], tower.config).to(model.networks.device))[0]


def _mel_config(model: MMVideoToAudio) -> SlaneyMelConfig:
    is_16k = model.sample_rate == 16_000
    return SlaneyMelConfig.codec_16k() if is_16k else SlaneyMelConfig.codec_44k()


def _mel_window(model: MMVideoToAudio) -> int:
    """Samples of whole latents that cover eight seconds."""
    hop = 2 * _mel_config(model).hop_length
    return -(-MM_SECONDS * model.sample_rate // hop) * hop


def _posterior(model: MMVideoToAudio, waveform: Float[Tensor, " s"]) -> dict[str, Tensor]:
    """Mean and deviation of the latents: training draws them anew each time."""
    (codec,) = model.networks.get("codec")
    mel = log_mel_slaney(waveform[None], _mel_config(model))
    posterior = codec.encode(mel.to(model.networks.device, model.networks.dtype))
    return {"latent": posterior.mean[0], "spread": (0.5 * posterior.logvar[0].float()).exp()}


def _frames(model: YSVideoToAudio, waveform: Float[Tensor, " s"]) -> dict[str, Tensor]:
    """EnCodec's frames, which are not random."""
    (codec,) = model.networks.get("codec")
    place = model.networks.device, model.networks.dtype
    return {"latent": codec.encode(waveform[None].to(*place))[0]}


def _cross(model: YSVideoToAudio, item: Item, n_latents: int) -> dict[str, Tensor] | None:
    """Sight and prompt; None for a video shorter than the window."""
    found = {}
    if item.video:
        seen = model.features(item.video)
        if seen.duration < YS_SECONDS - YS_SLACK:
            return None
        frames = len(seen.visual)
        near = nearest_frames(n_latents, frames, seen.duration, model.sample_rate, model.hop_length)
        found["visual"] = seen.visual[near]
    if item.prompt:
        (reader,) = model.networks.get("text")
        states, mask = reader([item.prompt], max_tokens=YS_TOKENS)
        found["text"] = states[0][mask[0]]
    return found

"""The stretch of a clip that full-size V2A trains on: latents and features of its first eight or ten seconds."""

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
YS_TOKENS = 512  # what FLAN-T5 reads at most


def seconds_of(model: Model) -> int:
    """Length of the window."""
    return MM_SECONDS if isinstance(model, MMVideoToAudio) else YS_SECONDS


@torch.inference_mode()
def features(model: Model, item: Item) -> dict[str, Tensor] | None:
    """What `deepaudio.data.stored` keeps of an item, in float16; None for one shorter than the window.

    MMAudio: latent (n c), clip (64 d), sync (192 d), text (77 d). YingSound: latent (750 c), visual (750 d), text (l d).
    Sound without a picture has no clip and sync (or visual), sound without a prompt no text.
    Raises InputError for an item without audio.
    """
    if not item.audio:
        raise InputError("manifest.incomplete", f"{item.id}: a V2A item needs audio")
    waveform = read_audio(Path(item.audio), model.sample_rate)
    joint = isinstance(model, MMVideoToAudio)
    found = _joint(model, item, waveform) if joint else _cross(model, item, waveform)
    if found is None:
        return None
    return {name: tensor.half().cpu().contiguous() for name, tensor in found.items()}


def _joint(model: MMVideoToAudio, item: Item, waveform: Tensor) -> dict[str, Tensor] | None:
    latent = _mel_latent(model, waveform)
    if latent is None:
        return None
    found = {"latent": latent}
    if item.video:
        seen = model.features(item.video)
        n_clip, n_sync = 8 * MM_SECONDS, WINDOW_SEGMENTS * PER_SEGMENT
        if len(seen.clip) < n_clip or len(seen.sync) < n_sync:
            return None
        found |= {"clip": seen.clip[:n_clip], "sync": seen.sync[:n_sync]}
    if item.prompt:
        (tower,) = model.resident.get("clip")
        ids = clip_tower.tokenize([item.prompt], tower.config).to(model.resident.device)
        found["text"] = tower.texts(ids)[0]
    return found


def _mel_latent(model: MMVideoToAudio, waveform: Float[Tensor, " s"]) -> Tensor | None:
    """The posterior mean of whole latents, as many as eight seconds have."""
    config = (
        SlaneyMelConfig.codec_16k() if model.sample_rate == 16_000 else SlaneyMelConfig.codec_44k()
    )
    n = -(-MM_SECONDS * model.sample_rate // (2 * config.hop_length))
    if len(waveform) < MM_SECONDS * model.sample_rate:
        return None
    n_samples = 2 * n * config.hop_length
    waveform = torch.nn.functional.pad(waveform, (0, max(0, n_samples - len(waveform))))
    (codec,) = model.resident.get("codec")
    mel = log_mel_slaney(waveform[None, :n_samples], config)
    device, dtype = model.resident.device, model.resident.dtype
    return codec.encode(mel.to(device, dtype)).mean[0]


def _cross(model: YSVideoToAudio, item: Item, waveform: Tensor) -> dict[str, Tensor] | None:
    rate, hop = model.sample_rate, model.hop_length
    n_samples = YS_SECONDS * rate
    least = YS_SECONDS - YS_SLACK
    if len(waveform) < least * rate:
        return None
    waveform = torch.nn.functional.pad(waveform, (0, max(0, n_samples - len(waveform))))
    (codec,) = model.resident.get("codec")
    device, dtype = model.resident.device, model.resident.dtype
    found = {"latent": codec.encode(waveform[None, :n_samples].to(device, dtype))[0]}
    if item.video:
        seen = model.features(item.video)
        if seen.duration < least:
            return None
        n, frames = len(found["latent"]), len(seen.visual)
        found["visual"] = seen.visual[nearest_frames(n, frames, seen.duration, rate, hop)]
    if item.prompt:
        (reader,) = model.resident.get("text")
        states, mask = reader([item.prompt], max_tokens=YS_TOKENS)
        found["text"] = states[0][mask[0]]
    return found

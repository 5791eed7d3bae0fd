"""The full-size presets behind the same two modules that `mini` has: V2A and TTS by role, from parts on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import torch

from deepaudio.inference.f5_tts import F5TextToSpeech
from deepaudio.inference.gate import Gate
from deepaudio.inference.mmaudio_v2a import MMVideoToAudio
from deepaudio.inference.networks import Networks
from deepaudio.inference.yingsound_v2a import YSVideoToAudio
from deepaudio.options import PRESET
from deepaudio.presets import official, store
from deepaudio.presets.trained import PRESETS


@dataclass(frozen=True)
class FullSize:
    """A full-size preset on a device. Both modules share their networks' memory."""

    preset: official.Preset
    device: torch.device
    dtype: torch.dtype
    low_memory: bool = False
    trained: Mapping[str, Path] = field(default_factory=dict)
    compile: bool = False

    @cached_property
    def networks(self) -> Networks:
        """The networks, from official parts or from the folders in `trained`."""
        return Networks(
            self.preset, self.device, self.dtype, self.low_memory, self.trained, self.compile
        )

    @cached_property
    def gate(self) -> Gate:
        """M_mof; none was published, so it is that of mini."""
        return Gate.load(PRESETS / PRESET, self.device, self.trained)

    @cached_property
    def v2a(self) -> "MMVideoToAudio | YSVideoToAudio":
        """M_v2a with its encoders, codec and vocoder."""
        if "sync" in self.preset.parts:
            return MMVideoToAudio(self.networks)
        return YSVideoToAudio(self.networks)

    @cached_property
    def tts(self) -> F5TextToSpeech:
        """M_tts with its vocoder."""
        return F5TextToSpeech(self.networks)


def load(
    name: str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    low_memory: bool = False,
    roles: Sequence[str] | None = None,
    trained: Mapping[str, Path] = MappingProxyType({}),
    compile: bool = False,
) -> FullSize:
    """A full-size preset by name; networks are read when they are first used. UsageError for another name.

    Raises WeightsError at once when a part is missing, with files, sizes and the command that gets them.
    `roles`: those that will be used at all; `trained`: folders of networks in place of official parts, by role.
    """
    preset = official.preset(name)
    store.require(preset, roles)
    return FullSize(preset, torch.device(device), dtype, low_memory, trained, compile)

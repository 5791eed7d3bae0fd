"""Which modules a preset is made of: `mini` and folders laid out like it, the full sizes, and trained runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from deepaudio import checkpoint
from deepaudio.inference.gate import Gate
from deepaudio.inference.mini_tts import VOCODER, TextToSpeech
from deepaudio.inference.protocols import Parts, SoundModel
from deepaudio.presets import official, trained


@dataclass(frozen=True)
class FolderParts:
    """A preset of `mini`'s kind: one folder a part, or the folder that `trained` names for a part."""

    folder: Path
    device: torch.device
    flow_dtype: torch.dtype = torch.float32
    trained: Mapping[str, Path] = field(default_factory=dict)
    compile: bool = False

    @cached_property
    def gate(self) -> Gate:
        """M_mof."""
        return Gate.load(self.folder, self.device, self.trained)

    @cached_property
    def tts(self) -> TextToSpeech:
        """M_tts with its codec."""
        made = TextToSpeech.load(
            self.folder, self.device, self.trained, self._vocoder, self.flow_dtype
        )
        if self.compile:
            made.network.compile(dynamic=True)
        return made

    @cached_property
    def v2a(self) -> SoundModel:
        """M_v2a with its codec and encoders."""
        from deepaudio.inference.mini_v2a import VideoToAudio  # speech alone needs no video

        made = VideoToAudio.load(self.folder, self.device, self.trained, self._vocoder)
        if self.compile:
            made.model.compile(dynamic=True)
        return made

    @cached_property
    def _vocoder(self) -> nn.Module:
        """Of speech and sound alike."""
        return checkpoint.load_network(
            self.trained.get("vocoder", self.folder / "vocoder"), VOCODER
        )


def load_parts(
    preset: Path,
    device: torch.device,
    dtype: torch.dtype,
    flow_dtype: torch.dtype | None = None,
    low_memory: bool = False,
    compile: bool = False,
) -> Parts:
    """The parts of a preset as `trained.preset_folder` gives it; nothing is read before it is used.

    `flow_dtype` is that of the flow of speech in a preset of `mini`'s kind, by default `dtype`; a full size has one for all.
    A trained run has its own network in one part; the others are those of the preset that its config.json names.
    """
    run = trained.read(preset)
    base, parts = (trained.preset_folder(run.preset), run.parts) if run else (preset, {})
    if str(base) not in official.PRESETS:
        return FolderParts(base, device, flow_dtype or dtype, parts, compile)
    from deepaudio.inference import full_size  # its encoders are slow to import

    return full_size.load(base.name, device, dtype, low_memory, trained=parts, compile=compile)

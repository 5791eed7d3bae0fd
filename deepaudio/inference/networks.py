"""Which networks of a full-size preset are in memory: all that were asked for, or one group at a time when it is short."""

import gc
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from deepaudio import checkpoint
from deepaudio.presets import parts, store
from deepaudio.presets.official import Part, Preset, part

_PRETRAINED = {
    "flan-t5": parts.flan_t5,
    "encodec": parts.encodec,
    "clip-vision": parts.image_encoder,
}
_SAMPLING = ("v2a", "tts")  # what is evaluated at every step


class Networks:
    """The networks of a preset on a device, loaded when first asked for; those in `trained` come from their folders.

    Under `low_memory` asking for a group lets every other network go first, so V2A and TTS never lie in memory
    together; neither do the encoders and the V2A network.
    """

    def __init__(
        self,
        preset: Preset,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        low_memory: bool = False,
        trained: Mapping[str, Path] = MappingProxyType({}),
        compile: bool = False,
    ) -> None:
        self.preset = preset
        self.device = torch.device(device)
        self.dtype = dtype
        self.low_memory = low_memory
        self.trained = trained
        self.compile = compile
        self._held: dict[str, Any] = {}

    def part(self, role: str) -> Part:
        """The part that fills a role of the preset."""
        return part(self.preset.parts[role])

    def get(self, *roles: str) -> tuple[Any, ...]:
        """What fills the roles, loaded and on the device; under `low_memory` nothing else stays."""
        if self.low_memory and set(self._held) - set(roles):
            self._held = {role: value for role, value in self._held.items() if role in roles}
            self._collect()
        for role in roles:
            if role not in self._held:
                self._held[role] = self._load(role)
                if self.compile and role in _SAMPLING:
                    self._held[role].compile(dynamic=True)
        return tuple(self._held[role] for role in roles)

    @property
    def held(self) -> frozenset[str]:
        """Roles in memory now."""
        return frozenset(self._held)

    def _load(self, role: str) -> Any:
        wanted = self.part(role)
        # vocoders end in a Fourier transform or in fine phase: they stay in float32
        dtype = torch.float32 if role == "tts_vocoder" else self.dtype
        if role in self.trained:
            network = checkpoint.load_network(self.trained[role], "", dtype)
            return network.requires_grad_(False).to(self.device, dtype)
        if wanted.kind == store.VOCABULARY:
            return parts.tokenizer(wanted)
        load = _PRETRAINED.get(wanted.kind, parts.network)
        return load(wanted, dtype).to(self.device, dtype)

    def _collect(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def exact(self) -> AbstractContextManager[Any]:
        """No autocast inside: the networks have their precision already."""
        return torch.autocast(self.device.type, enabled=False)

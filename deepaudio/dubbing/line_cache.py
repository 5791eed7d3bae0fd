"""Lines that were spoken before, kept in the user's cache, so that dubbing again makes only what has changed."""

import contextlib
import hashlib
import logging
import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.cache import cache_folder
from deepaudio.errors import DeepAudioError
from deepaudio.media.output import sweep, write_bytes

log = logging.getLogger(__name__)

MAX_BYTES = 256 << 20
_DIGEST = 32


class LineCache:
    """Waveforms [s] by key, each with its digest in front; a damaged one is dropped, the oldest go when room is short.

    A folder that cannot be used (no home, read-only) keeps nothing and says so once, in the log.
    """

    def __init__(self, folder: Path, salt: str):
        self.folder = folder
        self.salt = salt  # weights and version: other ones make other sound

    def get(self, key: str) -> Float[Tensor, " s"] | None:
        """The waveform under the key, or None."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST] or len(content) % 4:
            log.warning("a cached line is damaged and is synthesised again: %s", path)
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return torch.from_numpy(np.frombuffer(content[_DIGEST:], "<f4").copy())

    def put(self, key: str, waveform: Float[Tensor, " s"]) -> None:
        """Keep a waveform."""
        content = waveform.detach().cpu().float().contiguous().numpy().astype("<f4").tobytes()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_bytes(self._path(key), hashlib.sha256(content).digest() + content)
        except (OSError, DeepAudioError) as error:
            log.info("lines are not kept: %s", error)

    def tidy(self) -> None:
        """Drop the oldest until what is kept has room."""
        sweep(self.folder)
        try:
            found = [(p.stat(), p) for p in self.folder.glob("*.f32")]
        except OSError:
            return
        total = sum(state.st_size for state, _ in found)
        for state, path in sorted(found, key=lambda pair: pair[0].st_mtime_ns):
            if total <= MAX_BYTES:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            total -= state.st_size

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(f"{self.salt}|{key}".encode()).hexdigest()[:40]
        return self.folder / f"{name}.f32"


def line_cache_folder() -> Path:
    """Where lines are kept."""
    return cache_folder("lines")

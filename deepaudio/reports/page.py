"""What all pages share: one self-contained file, everything escaped, light and dark, with sounds inside.

Nothing is fetched, and nothing runs but the page's own script, whose digest the content security policy names:
images and sounds are data URIs, and of a dub the finished video is read from beside the file.
"""

import base64
import hashlib
import io
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import av.error
import numpy as np
from jaxtyping import Float
from jinja2 import Environment, FunctionLoader
from markupsafe import Markup
from torch import Tensor
from torchaudio.functional import resample

from deepaudio.media.output import write_bytes

RATE, BITS = 24_000, 48_000
BUDGET = 24 << 20  # bytes of sound in one page


def write_page(path: os.PathLike, template: str, **values: Any) -> Path:
    """Fill a template and write it atomically."""
    text = _environment().get_template(template).render(**values)
    return write_bytes(path, text.encode("utf-8", "replace"))


@cache
def _environment() -> Environment:
    made = Environment(autoescape=True, loader=FunctionLoader(_read))
    script = _read("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made.globals |= {"style": Markup(_read("page.css")), "script": Markup(script), "digest": digest}
    return made


def _read(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


class Sounds:
    """Sounds as data URIs (MP3, mono), until a page has enough of them."""

    def __init__(self, budget: int = BUDGET):
        self._left = budget
        self.refused = 0

    def uri(self, waveform: Float[Tensor, "*c s"], rate: int) -> str | None:
        """The sound for a player; None when there is none, no encoder, or no room left."""
        mono = waveform.detach().cpu().float().reshape(-1, waveform.shape[-1]).mean(0)
        if not len(mono) or self._left <= 0:
            self.refused += bool(len(mono))
            return None
        content = _encoded(resample(mono, rate, RATE).clamp(-1, 1).numpy())
        if content is None:
            return None
        self._left -= len(content)
        return "data:audio/mpeg;base64," + base64.b64encode(content).decode("ascii")


def _encoded(samples: np.ndarray) -> bytes | None:
    if "libmp3lame" not in av.codecs_available:
        return None
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE)
        stream.bit_rate, stream.layout = BITS, "mono"
        whole = np.round(samples * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate = RATE
        for converted in av.AudioResampler(format=stream.format, layout="mono", rate=RATE).resample(
            frame
        ):
            container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def beside(file: Path | None, page: Path) -> str | None:
    """A link to a file in the folder of the page or below it; elsewhere it is not linked."""
    if file is None:
        return None
    try:
        inside = Path(os.path.abspath(file)).relative_to(Path(os.path.abspath(page)).parent)
    except ValueError:
        return None
    return "./" + quote(inside.as_posix())

"""The base TTS of `mini` (hibari-tts), opened in a tenth of the time that it takes by itself.

Its word tables are searched where they lie on disk instead of being parsed whole, and its graph is optimised once. Both
are made at the first use and kept in the user's cache; where that cannot be written they are made anew each time.
"""

import functools
import json
import logging
import mmap
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deepaudio.cache import cache_folder
from deepaudio.errors import DeepAudioError
from deepaudio.libraries import lean, needed
from deepaudio.media.output import write_bytes

log = logging.getLogger(__name__)

FORM = 1  # of the kept files; counted up when it changes
_LEXICA = ("lexicon_us_gold.json.gz", "lexicon_us_silver.json.gz")
_TAGGER = "tagger.json.gz"
_TAGGER_TABLES = ("tagdict", "weights")


class WordTable:
    """Read-only JSON values by name, found by bisection in sorted lines: what is not asked for is not read."""

    def __init__(self, lines: bytes | mmap.mmap, table: str = "") -> None:
        self._lines, self._table = lines, table
        self.get = functools.lru_cache(maxsize=4096)(self._get)

    @staticmethod
    def written(tables: Mapping[str, Mapping[str, Any]]) -> bytes:
        """The lines of several tables, which begin with their names."""
        lines = (
            _key(table, name) + json.dumps(value, ensure_ascii=False).encode() + b"\n"
            for table, values in tables.items()
            for name, value in values.items()
        )
        return b"".join(sorted(lines))

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def _get(self, name: str) -> Any:
        """The value of a name, None where there is none."""
        key, lines = _key(self._table, name), self._lines
        low, high = 0, len(lines)
        while low < high:
            start = lines.rfind(b"\n", low, (low + high) // 2) + 1 or low
            end = lines.find(b"\n", start)
            line = lines[start:end]
            if line.startswith(key):
                return json.loads(line[len(key) :])
            low, high = (end + 1, high) if line < key else (low, start)
        return None


def load() -> tuple[Any, Any]:
    """hibari's reader of text, without its own reading of abbreviations, and the session of its graph with durations.

    Raises ToolError when hibari-tts or onnxruntime cannot be loaded.
    """
    with needed(), lean("hibari", without="scipy.fft"):
        import onnxruntime
        from hibari import __version__, g2p
        from hibari.tts import ASSETS, Hibari

    assets = Path(ASSETS)

    class Reader(Hibari):
        """Text to phonemes to numbers; the graph is opened below, once."""

        def __init__(self) -> None:
            self.vocab = json.loads((assets / "vocab.json").read_bytes())
            phonemes = _g2p(g2p, assets, f"hibari-{__version__}")
            # its own reading of abbreviations is off: it takes the "no." of "I said no." for a number
            self._g2p = lambda sentence: phonemes(sentence, normalize_text=False)

    session = _session(onnxruntime, assets / "hibari.onnx", f"hibari-{__version__}")
    return Reader(), session


def _g2p(module: Any, assets: Path, name: str) -> Any:
    """hibari's G2P over tables in the form of `WordTable`."""
    whole = module._load_json

    def lines() -> bytes:
        tagger = whole(_TAGGER)
        tables = {n: tagger[n] for n in _TAGGER_TABLES} | {n: whole(n) for n in _LEXICA}
        rest = {"vocab": tagger["vocab"], "tags": tagger["tags"]}
        return WordTable.written(tables | {_TAGGER: rest})

    table = functools.partial(WordTable, _kept(f"{name}-words-{FORM}", lines))

    def opened(file: str) -> Any:
        if file in _LEXICA:
            return table(file)
        if file != _TAGGER:
            return whole(file)
        rest = table(_TAGGER)
        return {n: table(n) for n in _TAGGER_TABLES} | {n: rest.get(n) for n in ("vocab", "tags")}

    module._load_json = opened
    try:
        return module.G2P()
    finally:
        module._load_json = whole


def _session(onnxruntime: Any, graph: Path, name: str) -> Any:
    """The graph of the base TTS with its durations as one more output, on one thread."""
    levels = onnxruntime.GraphOptimizationLevel

    def opened(model: bytes, level: Any, written: str = "") -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.graph_optimization_level = level
        options.optimized_model_filepath = written
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def optimized() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, graph.name)
            opened(with_durations(graph.read_bytes()), levels.ORT_ENABLE_EXTENDED, file)
            return Path(file).read_bytes()

    name = f"{name}-onnxruntime-{onnxruntime.__version__}-{FORM}"
    return opened(bytes(_kept(name, optimized)), levels.ORT_DISABLE_ALL)


def with_durations(model: bytes) -> bytes:
    """The ONNX bytes with the tensor `/Clip_output_0` (durations) as one more output.

    Protobuf merges a message appended to itself, so the output is declared without an ONNX library.
    """

    def field(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    return model + field(7, field(12, field(1, b"/Clip_output_0")))


def _kept(name: str, make: Callable[[], bytes]) -> bytes | mmap.mmap:
    """The bytes from the cache; on the first use `make` computes them and they are stored."""
    place = cache_folder("base-tts") / name
    try:
        with place.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # ValueError: empty
        content = make()
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_bytes(place, content)
    except (OSError, DeepAudioError) as error:
        log.info("what the base TTS reads is not kept: %s", error)
    return content


def _key(table: str, name: str) -> bytes:
    return f"{table}\t{json.dumps(name)}\t".encode()

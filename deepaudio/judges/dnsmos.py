"""DNSMOS P.835: predicted mean opinion scores (overall, signal, background) and P.808."""

import os
from pathlib import Path

import numpy as np
from torch import Tensor

from deepaudio.judges import package_folder
from deepaudio.judges._prepare import mono

JUDGES = {"dnsmos": ("quality",)}
SAMPLE_RATE = 16_000
WINDOW = int(9.01 * SAMPLE_RATE)
# Published calibration of the three raw outputs, highest power first.
CURVES = {
    "signal": (-0.08397278, 1.22083953, 0.0052439),
    "background": (-0.13166888, 1.60915514, -0.39604546),
    "overall": (-0.06766283, 1.11546468, 0.04602535),
}


class Dnsmos:
    """A quality judge: dict of scores on a scale of 1 to 5."""

    name = "dnsmos"

    def __init__(self, session: object):
        self._session = session

    def __call__(self, waveform: Tensor, sample_rate: int) -> dict[str, float]:
        """Scores of one waveform [s]; short audio is repeated to 9.01 s as in the reference."""
        audio = mono(waveform, sample_rate, SAMPLE_RATE)
        while len(audio) < WINDOW:
            audio = np.concatenate([audio, audio])
        starts = range(0, len(audio) - WINDOW + 1, SAMPLE_RATE)
        raw = [
            self._session.run(None, {"input_1": audio[None, i : i + WINDOW]})[0][0] for i in starts
        ]
        columns = zip(CURVES, np.asarray(raw, dtype=np.float64).T, strict=True)
        return {key: float(np.polyval(CURVES[key], column).mean()) for key, column in columns}


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Dnsmos:
    """Open the judge; the package speechmos carries the weights."""
    path = package_folder("speechmos", name, "speechmos") / "dnsmos_models" / "sig_bak_ovr.onnx"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0") or 0)
    return Dnsmos(
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    )

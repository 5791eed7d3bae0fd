"""YAMNet (AudioSet, 521 classes): sound events every 0.48 s, from the int8 model inside `sead`.

The weights carry no declared licence: a judge only. The official front end: 25 ms windows every
10 ms, 64 HTK mels from 125 to 7500 Hz, log(mel + 0.001), patches of 96 frames.
"""

import csv
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.errors import WeightsError
from deepaudio.judges import package_folder
from deepaudio.judges._frames import SAMPLE_RATE, patches
from deepaudio.judges._prepare import mono

JUDGES = {"yamnet": ("soundframes", "sound", "classes")}
HOP, OFFSET = 48, 0.001
EMBEDDING, LOGITS = "/model/Reshape_output_0_qdq", "class_scores_updated"


class Sound(NamedTuple):
    """What a sound judge gives: an embedding a patch, their mean, and the mean class logits."""

    soundframes: Float[Tensor, "p d"]
    sound: Float[Tensor, " d"]
    classes: Float[Tensor, " k"]


class Yamnet:
    """A sound judge with class names."""

    name = "yamnet"

    def __init__(self, session: object, labels: list[str]):
        self._session = session
        self.labels = labels

    def __call__(self, waveform: Tensor, sample_rate: int) -> Sound:
        """Features of one waveform [s]; shorter than 0.96 s is padded with silence."""
        audio = mono(waveform, sample_rate, SAMPLE_RATE)
        frames, logits = [], []
        for patch in patches(torch.from_numpy(audio), HOP, OFFSET):
            embedding, scores = self._session(patch[None, None].numpy())
            frames.append(embedding.reshape(-1))
            logits.append(scores.reshape(-1))
        frames = torch.from_numpy(np.stack(frames)).float()
        return Sound(frames, frames.mean(0), torch.from_numpy(np.stack(logits)).float().mean(0))

    def tags(self, sound: Sound, top: int = 3) -> list[str]:
        """Names of the strongest classes."""
        return [self.labels[i] for i in sound.classes.topk(top).indices.tolist()]


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Yamnet:
    """Open the judge from the package `sead`."""
    data = package_folder("sead", name, "sead") / "data"
    try:
        import onnx
        from onnxruntime import InferenceSession
    except ImportError as error:
        raise WeightsError(
            "judge.missing",
            f"judge '{name}' needs the package onnx ({error})",
            hint="pip install onnx  (extra: judges)",
            judge=name,
        ) from error
    with (
        tempfile.TemporaryDirectory() as place,
        zipfile.ZipFile(data / "YamNet_w8a8.onnx.zip") as z,
    ):
        z.extractall(place)
        model = onnx.load(str(next(Path(place).rglob("*.onnx"))))
    # The embedding and the logits before their 8-bit rounding are made outputs of the graph.
    for extra in (EMBEDDING, LOGITS):
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(extra))
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    scale, zero = (_constant(model, f"audio_{part}") for part in ("scale", "zero_point"))

    def infer(patch: np.ndarray) -> list[np.ndarray]:
        quantised = np.clip(np.round(patch / scale + zero), 0, 255).astype(np.uint8)
        return session.run([EMBEDDING, LOGITS], {"audio": quantised})

    with (data / "yamnet_class_map.csv").open(newline="") as stream:
        labels = [row["display_name"] for row in csv.DictReader(stream)]
    return Yamnet(infer, labels)


def _constant(model: object, name: str) -> float:
    from onnx import numpy_helper

    tensor = next(entry for entry in model.graph.initializer if entry.name == name)
    return float(numpy_helper.to_array(tensor))

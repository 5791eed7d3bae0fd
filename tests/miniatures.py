"""Official files in miniature: random weights under the official names, imported into a folder of the tests."""

import json
import os
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from deepaudio.presets import importing, official, store
from deepaudio.upstream import kinds

CLIP = {
    "embed_dim": 16,
    "image_size": 28,
    "frame_size": 32,
    "vision_layers": 1,
    "vision_width": 16,
    "vision_head_width": 8,
    "text_width": 16,
    "text_heads": 2,
    "text_layers": 1,
}
NETWORK = {
    "latent_dim": 4,
    "clip_dim": 16,
    "sync_dim": 24,
    "text_dim": 16,
    "hidden_dim": 32,
    "num_heads": 2,
    "depth": 2,
    "fused_depth": 1,
}
SPEECH = {
    "dim": 32,
    "depth": 1,
    "heads": 2,
    "dim_head": 16,
    "text_dim": 16,
    "conv_layers": 1,
    "vocab_size": 40,
}
WORDS = [" ", *"abcdefghijklmnopqrstuvwxyz',.!?", "A", "I", "T", "W"]
VAE = {"embed_dim": 4, "hidden_dim": 8}
SIZES = {
    "clip-dfn5b-h14-384": CLIP,
    "synchformer": {"dim": 24, "depth": 1, "heads": 2},
    "mmaudio-vae-16k": VAE,
    "mmaudio-vae-44k": VAE,
    "bigvgan-16k": {"upsample_initial_channel": 64},
    "bigvgan-v2-44k": {"upsample_initial_channel": 64},
    "vocos-24k": {"dim": 16, "intermediate_dim": 32, "n_layers": 1},
    "mmaudio-small-16k": NETWORK,
    "mmaudio-small-44k": NETWORK,
    "deepaudio-v2s-s16": SPEECH,
    "deepaudio-v2s-s44": SPEECH,
}


def random_state(kind, sizes, seed=0):
    """Small random weights under the official names of a kind."""
    entry = kinds.find(kind)
    torch.manual_seed(seed)
    state = entry.build(entry.config(sizes)).state_dict()
    prefix = "towers." if kind == "clip" else ""
    made = {}
    for name, tensor in state.items():
        kept = any(fixed in name for fixed in ("filter", "inv_freq", "_std", "window"))
        if tensor.is_floating_point() and not kept:
            tensor = tensor + 0.05 * torch.randn(tensor.shape)
        made[name.removeprefix(prefix)] = tensor.contiguous().clone()
    return made


def published_form(kind, state):
    """As the publishers wrap it."""
    if kind == "deepaudio-v2s":
        state = {f"ema_model.transformer.{k}": v for k, v in state.items()}
        return {"ema_model_state_dict": state | {"step": torch.tensor(1)}, "update": 1}
    return {"generator": state} if kind.startswith("bigvgan") else state


@pytest.fixture(scope="session")
def official_files(tmp_path_factory):
    """A folder with one file per part of mm-s16k and mm-s44k, named as published, and the sizes of each."""
    folder = tmp_path_factory.mktemp("official")
    for name, sizes in SIZES.items():
        part = official.part(name)
        state = published_form(part.kind, random_state(part.kind, sizes))
        target = folder / name
        target.mkdir()
        path = target / part.files[0].name
        if path.suffix == ".safetensors":
            save_file(state, path)
        else:
            torch.save(state, path)
        (target / "sizes.json").write_text(json.dumps(sizes))
    (folder / "f5-vocabulary").mkdir()
    (folder / "f5-vocabulary" / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    (folder / "f5-vocabulary" / "sizes.json").write_text(json.dumps({"n_lines": len(WORDS)}))
    return folder


@pytest.fixture(scope="session")
def imported(official_files, tmp_path_factory):
    """A models folder with both small presets in miniature."""
    home = tmp_path_factory.mktemp("models")
    before = os.environ.get(store.PLACE_VARIABLE)
    os.environ[store.PLACE_VARIABLE] = str(home)
    try:
        for folder in sorted(official_files.iterdir()):
            part = official.part(folder.name)
            source = next(p for p in folder.iterdir() if p.name != "sizes.json")
            sizes = json.loads((folder / "sizes.json").read_text())
            importing.import_part(part, source, config=sizes, allow_pickle=True)
    finally:
        if before is None:
            del os.environ[store.PLACE_VARIABLE]
        else:
            os.environ[store.PLACE_VARIABLE] = before
    return home


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty models folder."""
    monkeypatch.setenv(store.PLACE_VARIABLE, str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def full_home(imported, monkeypatch):
    """The shared models folder in miniature, for reading only."""
    monkeypatch.setenv(store.PLACE_VARIABLE, str(imported))
    return imported


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Small moving frames of given length at 12 frames a second."""

    def make(seconds):
        path = tmp_path_factory.mktemp("clips") / f"{seconds}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=12)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.time_base = Fraction(1, 12)
            for index in range(round(seconds * 12)):
                picture = np.zeros((48, 64, 3), np.uint8)
                picture[:, (index * 5) % 60 :][:, :8] = 255
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make

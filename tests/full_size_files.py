"""Files as the publishers of the full sizes have them, with random weights, and a clip and a voice to run them on.

python -m tests.full_size_files PART FOLDER     makes one, prints where it lies
"""

import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import torch
from safetensors.torch import save_file

from deepaudio.presets import official, store
from deepaudio.text.f5_tokenizer import VOCABULARY_LINES
from deepaudio.upstream import kinds


def official_source(part: official.Part, folder: Path) -> Path:
    """A file (or, for pretrained folders, a folder) with fresh weights in the names, shapes and wrapping of the part."""
    if part.kind in store.FOLDER_KINDS:
        return _pretrained(part, folder / part.name)
    path = folder / (part.files[0].name if part.files else f"{part.name}.safetensors")
    if part.kind == store.VOCABULARY:
        letters = [" ", *(chr(c) for c in range(33, 127))]
        fill = [f"syllable{i}" for i in range(VOCABULARY_LINES - len(letters))]
        path.write_text("\n".join([*letters, *fill]) + "\n", encoding="utf-8")
        return path
    entry = kinds.find(part.kind)
    state = dict(entry.build(entry.config(part.config)).state_dict())
    if part.kind == "clip":
        state = {name.removeprefix("towers."): tensor for name, tensor in state.items()}
    if part.kind == "deepaudio-v2s":
        content = {f"ema_model.transformer.{name}": tensor for name, tensor in state.items()}
        torch.save({"ema_model_state_dict": content, "update": 0}, path)
    elif part.kind.startswith("bigvgan"):
        torch.save({"generator": state}, path)
    elif path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


def _pretrained(part: official.Part, folder: Path) -> Path:
    """A folder as transformers writes it, in the published sizes and precision."""
    import transformers as hf

    folder.mkdir(parents=True, exist_ok=True)
    model: Any
    if part.kind == "encodec":
        model = hf.EncodecModel(hf.EncodecConfig())
    elif part.kind == "clip-vision":
        sizes = hf.CLIPVisionConfig(
            hidden_size=1664,
            intermediate_size=8192,
            projection_dim=1280,
            num_hidden_layers=48,
            num_attention_heads=16,
            image_size=224,
            patch_size=14,
            hidden_act="gelu",
        )
        model = hf.CLIPVisionModelWithProjection(sizes).half()
    else:
        sizes = hf.T5Config(
            vocab_size=32128,
            d_model=1024,
            d_kv=64,
            d_ff=2816,
            num_layers=24,
            num_heads=16,
            feed_forward_proj="gated-gelu",
        )
        model = hf.T5EncoderModel(sizes)
        words_tokenizer(("a", "bell", "rings")).save_pretrained(folder)
    model.save_pretrained(folder, max_shard_size="100GB")
    return folder


def words_tokenizer(words: tuple[str, ...]) -> Any:
    """A tokenizer of whole words with T5's end of text."""
    import transformers as hf
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    ids = {token: i for i, token in enumerate(("<pad>", "</s>", "<unk>", *words))}
    plain = Tokenizer(models.WordLevel(ids, "<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.TemplateProcessing("$A </s>", None, [("</s>", 1)])
    return hf.PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>")


def material(folder: Path, seconds: float) -> tuple[Path, Path]:
    """A small moving image and a voice that is a tone."""
    clip, voice = folder / "clip.mp4", folder / "voice.wav"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.time_base = Fraction(1, 25)
        for index in range(max(5, round(seconds * 25))):
            picture = np.zeros((96, 128, 3), np.uint8)
            picture[:, (index * 5) % 120 :][:, :8] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    t = torch.arange(72_000) / 24_000
    tone = 0.2 * torch.sin(2 * math.pi * 200 * t) * (1 + 0.8 * torch.sin(2 * math.pi * 3 * t))
    soundfile.write(voice, tone.numpy(), 24_000)
    return clip, voice


if __name__ == "__main__":
    print(official_source(official.part(sys.argv[1]), Path(sys.argv[2])))

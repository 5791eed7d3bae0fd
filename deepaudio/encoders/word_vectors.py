"""Word vectors: what a word means, known before any training, from a sentence encoder.

They are the mean last states of single words in a sentence-transformers model (those of `mini`: all-MiniLM-L6-v2, Apache-2.0),
reduced by principal components and kept as bytes, looked up by the CRC-32 of the word.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from deepaudio.errors import InputError, WeightsError

WORD = re.compile(r"[a-z]{2,20}")
STEP = 1 / 32  # what one unit of a byte stands for; the vectors have deviation 1


class WordVectors(nn.Module):
    """A frozen table of `count` words: `known` (count) their CRC-32 in order, `values` (count dim) in units of STEP."""

    def __init__(self, count: int, dim: int):
        super().__init__()
        self.register_buffer("known", torch.zeros(count, dtype=torch.long))
        self.register_buffer("values", torch.zeros(count, dim, dtype=torch.int8))

    def forward(self, hashes: Int[Tensor, " n"]) -> tuple[Float[Tensor, "n d"], Tensor]:
        """The vector of each word, zeros where it is unknown; and (n) which are known."""
        row = torch.searchsorted(self.known, hashes).clamp(max=len(self.known) - 1)
        found = self.known[row] == hashes
        return self.values[row].float() * STEP * found[:, None], found

    def fill(self, tensors: Mapping[str, Tensor], where: str) -> None:
        """Take over the table of `read`. InputError when it is not of this size."""
        for name, own in self.state_dict().items():
            if tensors[name].shape != own.shape:
                found, wanted = list(tensors[name].shape), list(own.shape)
                message = f"{where}: {name} is {found}, the recipe's encoder wants {wanted}"
                hint = "model.encoder.vectors and vector_dim are the rows and columns"
                raise InputError("recipe.word_vectors", message, hint)
        self.load_state_dict(dict(tensors), assign=True)


def read(file: Path) -> dict[str, Tensor]:
    """`known` and `values` of a file that `write` made. WeightsError for another one."""
    try:
        found = load_file(file)
    except (SafetensorError, OSError) as error:
        raise WeightsError("weights.damaged", f"{file}: {error}") from error
    if found.keys() != {"known", "values"}:
        message = f"{file} has no word vectors"
        raise WeightsError("weights.kind", message, "deepaudio prepare word-vectors makes them")
    return found


@torch.inference_mode()
def write(
    file: Path,
    encoder: Path,
    words: Iterable[str],
    dim: int,
    most: int,
    hashed: Callable[[str], int],
) -> int:
    """The `dim` principal components of the vectors of `words` and of the whole English words that the encoder knows; how many are written.

    At most `most`: `words`, then those of its vocabulary in their order there, common ones first. `encoder` is a folder with config.json,
    model.safetensors and a tokenizer; `hashed` gives a word's CRC-32. WeightsError when it cannot be loaded.
    """
    # transformers is slow to import
    from transformers import AutoModel, AutoTokenizer

    from deepaudio.encoders.flan_t5 import quiet_loading

    if not (encoder / "config.json").is_file():
        message = f"no config.json in {encoder}"
        raise WeightsError("weights.missing", message, "give the folder of a sentence encoder")
    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
            network = AutoModel.from_pretrained(encoder, local_files_only=True).eval()
    except (OSError, ValueError, SafetensorError) as error:
        message = f"{encoder}: no sentence encoder: {str(error).splitlines()[0]}"
        raise WeightsError("weights.damaged", message) from error
    vocabulary = tokenizer.get_vocab()
    every = (*words, *sorted(vocabulary, key=vocabulary.get))
    names = list(dict.fromkeys(word for word in every if WORD.fullmatch(word)))
    rows = []
    for start in range(0, len(names), 256):
        batch = tokenizer(names[start : start + 256], padding=True, return_tensors="pt")
        states, mask = network(**batch).last_hidden_state, batch["attention_mask"][..., None]
        rows.append((states * mask).sum(1) / mask.sum(1))
    vectors = torch.cat(rows) - torch.cat(rows).mean(0)
    _, _, axes = torch.linalg.svd(vectors, full_matrices=False)
    vectors = vectors @ axes[:dim].T
    values = (vectors / vectors.std() / STEP).round().clamp(-127, 127).to(torch.int8)
    known, order = torch.tensor([hashed(name) for name in names[:most]]).sort()
    file.write_bytes(save({"known": known, "values": values[order].contiguous()}))
    return len(known)

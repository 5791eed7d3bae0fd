"""The published implementations beside ours: the same random weights and inputs, outputs compared before anything is timed."""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from deepaudio import upstream
from deepaudio.flow.guidance import guided
from deepaudio.libraries import lean

SCALE = 3.0
FRAMES, TEXT, VOCABULARY = 940, 120, 2545
NEAR = 1e-4
T = torch.tensor(0.3)


def opened(part: str, folder: Path) -> "F5 | MMAudio | Synchformer":
    """The published network of a part from the clones in a folder; SystemExit when it does not run or differs."""
    places = {"f5": folder / "F5-TTS/src", "mmaudio": folder / "MMAudio"}
    place = places.get(part, folder / "MMAudio")
    sys.path.insert(0, str(place.resolve()))
    try:
        pair = {"f5": F5, "mmaudio": MMAudio, "synchformer": Synchformer}[part]()
    except ImportError as error:
        raise SystemExit(f"{place} cannot be imported: {error}") from error
    finally:
        sys.path.pop(0)
    with torch.inference_mode():
        mine, other = pair.check(), pair.step(torch.float32)()
    apart = float((mine - other).abs().max() / other.abs().max())
    if apart > NEAR:
        raise SystemExit(f"{part}: outputs differ by {apart:.1e} of the largest")
    return pair


def shaken(network: nn.Module) -> nn.Module:
    """The network with weights that all matter, those that begin at zero too."""
    torch.manual_seed(0)
    network = network.eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter += 0.02 * torch.randn_like(parameter)
    return network


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal values."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class F5:
    """The transformer of F5-TTS (v0 base)."""

    def __init__(self) -> None:
        with lean("f5_tts.model"):  # its training, which asks for more
            from f5_tts.model.backbones.dit import DiT

        sizes = {"dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512}
        switches = {"conv_layers": 4, "pe_attn_head": 1, "text_mask_padding": False}
        self.theirs = shaken(DiT(**sizes, **switches, text_num_embeds=VOCABULARY, mel_dim=100))
        self.ours = upstream.load("f5-v0", self.theirs.state_dict()).eval().requires_grad_(False)

    @staticmethod
    def inputs() -> dict[str, Tensor]:
        """A reference of 300 frames, and ids of a sentence."""
        cond = drawn(1, FRAMES, 100) * (torch.arange(FRAMES) < 300)[None, :, None]
        ids = torch.randint(0, VOCABULARY, (1, TEXT), generator=torch.Generator().manual_seed(1))
        return {"x": drawn(1, FRAMES, 100, seed=2), "cond": cond, "text": ids}

    def check(self) -> Tensor:
        """Our velocity."""
        given = self.inputs()
        cond = self.ours.encode(cond=given["cond"], text=given["text"])
        return guided(self.ours, cond, self.ours.null(cond), SCALE)(given["x"], T)

    def step(self, dtype: torch.dtype) -> Callable[[], Tensor]:
        """Their guided step, with the text states cached as in their sampler."""
        network, given = self.theirs.to(dtype), self.inputs()
        network.clear_cache()

        def run() -> Tensor:
            x, cond = given["x"].to(dtype), given["cond"].to(dtype)
            both = network(x=x, cond=cond, text=given["text"], time=T.to(dtype), cfg_infer=True, cache=True)  # fmt: skip
            v, v_null = both.chunk(2)
            return v + (v - v_null) * (SCALE - 1)

        return run


class MMAudio:
    """The small network of MMAudio at 16 kHz."""

    def __init__(self) -> None:
        from mmaudio.model.networks import small_16k

        theirs = small_16k()
        theirs.latent_mean.data.zero_()  # not a number until weights are read
        theirs.latent_std.data.fill_(1)
        self.theirs = shaken(theirs)
        self.ours = upstream.load("mmaudio", self.theirs.state_dict()).eval().requires_grad_(False)

    @staticmethod
    def inputs() -> dict[str, Tensor]:
        """Eight seconds."""
        found = {"clip": drawn(1, 64, 1024), "sync": drawn(1, 192, 768, seed=1)}
        return found | {"words": drawn(1, 77, 1024, seed=2), "x": drawn(1, 250, 20, seed=3)}

    def check(self) -> Tensor:
        """Our velocity."""
        given = self.inputs()
        cond = self.ours.encode(given["clip"], given["sync"], given["words"])
        return guided(self.ours, cond, self.ours.null(cond), SCALE)(given["x"], T)

    def step(self, dtype: torch.dtype) -> Callable[[], Tensor]:
        """Their guided step."""
        network, given = self.theirs.to(dtype), self.inputs()
        conditions = [given[name].to(dtype) for name in ("clip", "sync", "words")]
        known = network.preprocess_conditions(*conditions)
        empty = network.get_empty_conditions(1)
        x = given["x"].to(dtype)
        return lambda: network.ode_wrapper(T.to(dtype), x, known, empty, SCALE)


class Synchformer:
    """The visual encoder as MMAudio carries it."""

    def __init__(self) -> None:
        from mmaudio.ext.synchformer import Synchformer as Theirs

        self.theirs = shaken(Theirs())
        state = self.theirs.state_dict()
        self.ours = upstream.load("synchformer", state).eval().requires_grad_(False)

    @staticmethod
    def inputs() -> dict[str, Tensor]:
        """Two segments."""
        return {"frames": drawn(1, 2, 16, 3, 224, 224).clamp(-1, 1)}

    def check(self) -> Tensor:
        """Our features."""
        return self.ours.segments(self.inputs()["frames"])

    def step(self, dtype: torch.dtype) -> Callable[[], Tensor]:
        """Their features."""
        network, frames = self.theirs.to(dtype), self.inputs()["frames"].to(dtype)
        return lambda: network(frames)

"""CLIP features of frames and prompts: one vector per image, one vector per token of the text (MMAudio, section A).

The towers are open_clip's; text features skip the pooling and the projection, so the sequence keeps its length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import open_clip
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as images

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Config:
    """Sizes of the two towers; the defaults are DFN5B-CLIP-ViT-H-14-384.

    Frames are resized to `frame_size`; the patch grid ignores the pixels left over from `image_size`.
    """

    embed_dim: int = 1024
    image_size: int = 378
    frame_size: int = 384
    patch: int = 14
    vision_layers: int = 32
    vision_width: int = 1280
    vision_head_width: int = 80
    text_len: int = 77
    vocab_size: int = 49408
    text_width: int = 1024
    text_heads: int = 16
    text_layers: int = 24
    quick_gelu: bool = True
    frame_rate: float = 8.0

    def __post_init__(self) -> None:
        if self.frame_size // self.patch != self.image_size // self.patch:
            raise ValueError(
                f"frame_size {self.frame_size} and image_size {self.image_size} give different "
                f"grids of patches of {self.patch}"
            )
        if self.vision_width % self.vision_head_width:
            raise ValueError(
                f"vision_width {self.vision_width} is not a multiple of {self.vision_head_width}"
            )
        if self.text_width % self.text_heads:
            raise ValueError(f"text_width {self.text_width} does not divide by {self.text_heads}")

    @classmethod
    def tiny(cls) -> "Config":
        return cls(16, 28, 32, 14, 1, 16, 8, 77, 49408, 16, 2, 1)


def frames_to_input(
    frames: UInt8[Tensor, "f h w 3"], config: Config
) -> Float[Tensor, "f 3 size size"]:
    """Frames as decoded to the network's input: squeezed to a square (the aspect is not kept), bicubic, in [0, 1]."""
    size = [config.frame_size, config.frame_size]
    resized = images.resize(
        frames.permute(0, 3, 1, 2), size, InterpolationMode.BICUBIC, antialias=True
    )
    return resized.float() / 255


class Clip(nn.Module):
    """Frozen image and text towers with their official parameter names under `towers`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        vision = CLIPVisionCfg(
            layers=config.vision_layers,
            width=config.vision_width,
            head_width=config.vision_head_width,
            patch_size=config.patch,
            image_size=config.image_size,
        )
        text = CLIPTextCfg(
            context_length=config.text_len,
            vocab_size=config.vocab_size,
            width=config.text_width,
            heads=config.text_heads,
            layers=config.text_layers,
        )
        self.towers = open_clip.CLIP(config.embed_dim, vision, text, quick_gelu=config.quick_gelu)

    def restore_tables(self) -> None:
        """Compute what no file carries, for a module that was made without memory: the causal mask."""
        n = self.config.text_len
        self.towers.attn_mask = torch.full((n, n), -torch.inf).triu(1)

    def images(self, frames: Float[Tensor, "f 3 h w"]) -> Float[Tensor, "f d"]:
        """Unit vectors of frames in [0, 1] as `frames_to_input` gives them."""
        mean = frames.new_tensor(_MEAN)[:, None, None]
        std = frames.new_tensor(_STD)[:, None, None]
        normal = ((frames - mean) / std).to(self.towers.visual.conv1.weight.dtype)
        return self.towers.encode_image(normal, normalize=True)

    def texts(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """A unit vector per token: the text tower up to its last norm, without projection."""
        towers = self.towers
        dtype = towers.positional_embedding.dtype
        x = towers.token_embedding(ids).to(dtype) + towers.positional_embedding
        x = towers.transformer(x, attn_mask=towers.attn_mask.to(dtype))
        return F.normalize(towers.ln_final(x), dim=-1)


def tokenize(prompts: Sequence[str], config: Config) -> Int[Tensor, "b l"]:
    """BPE ids of prompts, cut or filled to the text length; the table comes with open_clip."""
    return open_clip.SimpleTokenizer(context_length=config.text_len)(list(prompts))

"""The U-Net of Spleeter (Hennequin et al., JOSS 2020, after Jansson et al. 2017): magnitudes of a mixture to those of one source."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

CHANNELS = (16, 32, 64, 128, 256, 512)
KERNEL, STRIDE = 5, 2
BEFORE, AFTER = 1, 2  # what an even size needs around it to become half of it
EPSILON = 1e-3  # of the normalisations
SMALLEST = STRIDE ** len(CHANNELS)
"""Frames and bins are multiples of it."""


class UNet(nn.Module):
    """Six layers down, six up, each with the output of the layer of its size beside it; the last one is a mask."""

    def __init__(self, channels: int = 2):
        super().__init__()
        sizes = (channels, *CHANNELS)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, KERNEL, STRIDE) for a, b in zip(sizes, CHANNELS, strict=False)
        )
        self.down_norm = nn.ModuleList(nn.BatchNorm2d(size, eps=EPSILON) for size in CHANNELS)
        made = (*CHANNELS[-2::-1], 1)
        read = (CHANNELS[-1], *(2 * size for size in made[:-1]))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, KERNEL, STRIDE) for a, b in zip(read, made, strict=True)
        )
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(size, eps=EPSILON) for size in made)
        self.mask = nn.Conv2d(1, channels, 4, padding=3, dilation=2)

    def forward(self, mixture: Float[Tensor, "b c t f"]) -> Float[Tensor, "b c t f"]:
        """Frames `t` and bins `f` are multiples of SMALLEST."""
        x, beside = mixture, []
        for convolution, norm in zip(self.down, self.down_norm, strict=True):
            found = convolution(F.pad(x, (BEFORE, AFTER, BEFORE, AFTER)))
            beside.append(found)
            x = F.leaky_relu(norm(found), 0.2)
        x = beside.pop()
        for convolution, norm in zip(self.up, self.up_norm, strict=True):
            grown = convolution(x)[..., BEFORE:-AFTER, BEFORE:-AFTER]
            x = norm(F.relu(grown))
            x = torch.cat([beside.pop(), x], 1) if beside else x
        return torch.sigmoid(self.mask(x)) * mixture

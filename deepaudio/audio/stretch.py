"""Time-stretching without a change of pitch, by waveform-similarity overlap-add (WSOLA; Verhelst and Roelands, 1993)."""

import torch
from jaxtyping import Float
from torch import Tensor

MIN_SPEED, MAX_SPEED = 0.5, 2.0
WINDOW = 0.032
SEARCH = 0.010


def stretch(waveform: Float[Tensor, "s"], sample_rate: int, speed: float) -> Float[Tensor, "t"]:
    """The waveform `speed` times as fast: round(s / speed) samples. Used to fit lines; 0.5 to 2 is possible.

    Speed 1 and silence come back as they are (silence at its new length).
    """
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise ValueError(f"speed is {speed}; {MIN_SPEED} to {MAX_SPEED} is possible")
    return stretch_to(waveform, sample_rate, round(waveform.shape[-1] / speed))


def stretch_to(
    waveform: Float[Tensor, "s"], sample_rate: int, n_samples: int
) -> Float[Tensor, "t"]:
    """The waveform in exactly `n_samples`."""
    given = waveform.shape[-1]
    if n_samples <= 0 or given == 0:
        raise ValueError(f"cannot stretch {given} samples to {n_samples}")
    speed = given / n_samples
    # one sample of slack: lengths are rounded
    if not MIN_SPEED * n_samples - 1 <= given <= MAX_SPEED * n_samples + 1:
        raise ValueError(f"speed is {speed:.3f}; {MIN_SPEED} to {MAX_SPEED} is possible")
    if given == n_samples:
        return waveform
    half = max(16, round(WINDOW * sample_rate / 2))
    reach = max(4, round(SEARCH * sample_rate))
    if given < 2 * half:
        return _resized(waveform, n_samples)
    source = waveform.detach().to("cpu", torch.float32)
    padded = torch.nn.functional.pad(source, (half + reach, 3 * half + 2 * reach))
    made = torch.zeros(n_samples + 3 * half)
    window = torch.hann_window(2 * half, periodic=True)
    at = half + reach  # of the segment in the padded source, sample 0 of the waveform
    made[: 2 * half] += torch.cat([torch.ones(half), window[half:]]) * padded[at : at + 2 * half]
    for begin in range(half, n_samples, half):
        natural = padded[at + half : at + 3 * half]
        middle = half + reach + round(begin * speed)
        at = middle - reach + _best(padded[middle - reach : middle + reach + 2 * half], natural)
        made[begin : begin + 2 * half] += window * padded[at : at + 2 * half]
    return made[:n_samples].to(waveform)


def _best(region: Tensor, natural: Tensor) -> int:
    """Offset into `region` of the segment most like `natural` (normalised cross-correlation)."""
    n = natural.numel()
    segments = region.unfold(0, n, 1)
    likeness = segments @ natural
    power = segments.pow(2).sum(1)
    if float(power.max()) < 1e-10:
        return segments.shape[0] // 2
    return int((likeness / (power + 1e-9 * n).sqrt()).argmax())


def _resized(waveform: Tensor, n_samples: int) -> Tensor:
    """For sounds shorter than one window: interpolation, which moves the pitch but nothing else can be done."""
    fine = torch.nn.functional.interpolate(
        waveform[None, None].float(), n_samples, mode="linear", align_corners=False
    )
    return fine[0, 0].to(waveform)

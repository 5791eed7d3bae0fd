"""Sizes and switches of the text-to-speech transformer."""

from dataclasses import dataclass

from deepaudio.errors import UsageError


@dataclass(frozen=True)
class Config:
    """Sizes and switches; the defaults are F5-TTS Base v0, which DeepAudio-V1 tunes.

    v0: `pe_attn_head=1, text_mask_padding=False`; v1: `pe_attn_head=None, text_mask_padding=True,
    text_positions=8192, zero_init=True`. The fields from `content_dim` on serve the embedded `mini`.
    """

    dim: int = 1024
    depth: int = 22
    heads: int = 16
    dim_head: int = 64
    ff_mult: int = 2
    mel_dim: int = 100
    vocab_size: int = 2545
    text_dim: int = 512
    text_mult: int = 2
    conv_layers: int = 4
    text_positions: int = 4096
    pe_attn_head: int | None = 1
    text_mask_padding: bool = False
    qk_norm: bool = False
    long_skip: bool = False
    zero_init: bool = False
    dropout: float = 0.1
    energy: bool = False
    content_dim: int | None = None
    frames_per_token: int = 1
    reference_summary: bool = False
    regression: bool = False
    prior: bool = False  # the last `mel_dim` of the content are a guess of the mel, and the flow starts at noise
    prior_spread: float = 0.9  # deviation of the mel from that guess
    pitch: bool = False  # a second contour beside the energy: octaves above the median, 0 unvoiced
    emotions: tuple[str, ...] = ()  # labels that an utterance may have
    prosody: bool = False  # numbers of an utterance (`deepaudio.audio.prosody`)
    guidance: float | None = (
        None  # largest scale of guidance, from 1 on an input: one evaluation a step
    )

    def __post_init__(self) -> None:
        positive = ("dim", "depth", "heads", "dim_head", "mel_dim", "text_dim", "frames_per_token")
        for name in positive:
            if getattr(self, name) < 1:
                raise UsageError(
                    "config.size", f"{name} must be at least 1, got {getattr(self, name)}"
                )
        if self.heads * self.dim_head != self.dim:
            raise UsageError(
                "config.heads",
                f"heads x dim_head = {self.heads} x {self.dim_head} = {self.heads * self.dim_head} "
                f"is not dim = {self.dim}",
            )
        if self.guidance is not None and not self.guidance > 1:
            message = f"guidance = {self.guidance:g} must be more than 1, the scale that is off"
            raise UsageError("config.guidance", message)
        if self.dim % 16:
            raise UsageError("config.groups", f"dim = {self.dim} is not a multiple of 16 groups")
        if self.dim_head % 2:
            raise UsageError("config.rope", f"dim_head = {self.dim_head} must be even for RoPE")
        if self.pe_attn_head is not None and not 1 <= self.pe_attn_head <= self.heads:
            raise UsageError(
                "config.rope",
                f"pe_attn_head = {self.pe_attn_head} is not in 1..heads = {self.heads}",
            )

    @classmethod
    def tiny(cls) -> "Config":
        """The smallest useful network, for tests and smoke recipes."""
        return cls(
            dim=64,
            depth=2,
            heads=4,
            dim_head=16,
            vocab_size=64,
            text_dim=32,
            conv_layers=2,
            dropout=0.0,
        )

"""The identity codec: mel frames are the latents, so a vocoder is the decoder."""

from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.audio.mel import MelConfig, log_mel


class MelCodec(nn.Module):
    """Codec over the 24 kHz mel frames of the TTS models; `vocoder` maps (b n c) to (b s)."""

    def __init__(self, vocoder: nn.Module, config: MelConfig | None = None) -> None:
        super().__init__()
        self.config = config or MelConfig()
        self.vocoder = vocoder

    @property
    def sample_rate(self) -> int:
        return self.config.sample_rate

    @property
    def frame_rate(self) -> float:
        return self.config.sample_rate / self.config.hop_length

    @property
    def dim(self) -> int:
        return self.config.n_mels

    def encode(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b n c"]:
        return log_mel(waveform, self.config)

    def decode(self, latent: Float[Tensor, "b n c"]) -> Float[Tensor, "b s"]:
        return self.vocoder(latent)

"""EnCodec 24 kHz without its quantiser: the continuous latents of the YingSound-style V2A model."""

from jaxtyping import Float
from torch import Tensor, nn
from transformers import EncodecModel


class EncodecLatents(nn.Module):
    """Waveforms to encoder embeddings before quantisation (128 per frame, 75 frames a second) and back."""

    def __init__(self, model: EncodecModel) -> None:
        super().__init__()
        config = model.config
        if config.audio_channels != 1 or config.normalize:
            raise ValueError(
                f"a mono model without normalisation is needed, not one with {config.audio_channels} "
                f"channels and normalize={config.normalize}"
            )
        self.model = model.eval().requires_grad_(False)

    @property
    def sample_rate(self) -> int:
        return self.model.config.sampling_rate

    @property
    def hop_length(self) -> int:
        return self.model.config.hop_length

    @property
    def frame_rate(self) -> float:
        return self.sample_rate / self.hop_length

    @property
    def dim(self) -> int:
        return self.model.config.hidden_size

    def encode(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b n d"]:
        """n = ceil(s / hop_length)."""
        return self.model.encoder(waveform.unsqueeze(1)).transpose(1, 2)

    def decode(self, latent: Float[Tensor, "b n d"]) -> Float[Tensor, "b s"]:
        """s = n * hop_length."""
        return self.model.decoder(latent.transpose(1, 2)).squeeze(1)

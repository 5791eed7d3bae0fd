"""M_tts: the F5-TTS diffusion transformer, v0 or v1, with the energy input of V2S (section 3).

Keys of the state dict are those of the published F5-TTS and DeepAudio-V1 checkpoints without
their `transformer.` prefix. v0 and v1 have the same keys: the config tells them apart.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepaudio.errors import InputError, UsageError
from deepaudio.models.tts._config import Config
from deepaudio.models.tts._embedding import (
    GuidanceEmbedding,
    InputEmbedding,
    ReferenceSummary,
    StyleEmbedding,
    TextEmbedding,
)
from deepaudio.nn.attention import SelfAttention
from deepaudio.nn.embed import TimeEmbedding
from deepaudio.nn.feedforward import FeedForward
from deepaudio.nn.masks import zero_invalid
from deepaudio.nn.norm import AdaptiveNorm, modulate
from deepaudio.nn.rope import RotaryEmbedding

N_PROSODY = 4  # numbers of `deepaudio.audio.prosody`, the last says that the others are known


class Conditions(NamedTuple):
    """Everything that does not depend on t; computed once per utterance."""

    audio: Tensor  # (b n c) reference mel, zeros elsewhere and where dropped
    text: Tensor  # (b n text_dim)
    filler: Tensor | None  # (b n) true where no text token stands
    energy: Tensor | None  # (b n 1)
    mask: Tensor | None  # (b n) valid frames
    summary: Tensor | None  # (b dim)
    prior: Tensor | None = None  # (b n c) guess of the mel, zeros where there is none
    wanted: Tensor | None = None  # (b n) frames that are to be generated
    pitch: Tensor | None = None  # (b n 1)
    style: Tensor | None = None  # (b dim) of emotion and prosody
    guidance: Tensor | None = None  # (b dim) of its scale, see `Model.at_scale`


class Block(nn.Module):
    """Attention and feed-forward, each gated and modulated by the time embedding."""

    def __init__(self, config: Config):
        super().__init__()
        c = config
        self.attn_norm = AdaptiveNorm(c.dim, 6)
        self.attn = SelfAttention(c.dim, c.heads, c.dim_head, c.dropout, c.pe_attn_head, c.qk_norm)
        self.ff = FeedForward(c.dim, c.ff_mult, c.dropout)

    def forward(self, x: Tensor, emb: Tensor, angle: Tensor, mask: Tensor | None) -> Tensor:
        shift, scale, gate, shift_ff, scale_ff, gate_ff = self.attn_norm(emb)
        y = modulate(F.layer_norm(x, x.shape[-1:], eps=1e-6), shift, scale)
        x = x + gate * self.attn(y, angle, mask)
        y = modulate(F.layer_norm(x, x.shape[-1:], eps=1e-6), shift_ff, scale_ff)
        return x + gate_ff * self.ff(y)


class Model(nn.Module):
    """Velocity of the mel given text or content, reference, energy and time."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.time_embed = TimeEmbedding(c.dim)
        self.text_embed = TextEmbedding(
            c.vocab_size,
            c.text_dim,
            c.text_mult,
            c.conv_layers,
            c.text_positions,
            c.text_mask_padding,
            c.content_dim,
        )
        self.input_embed = InputEmbedding(
            c.mel_dim, c.text_dim, c.dim, c.energy, c.frames_per_token, c.pitch
        )
        self.rotary_embed = RotaryEmbedding(c.dim_head)
        self.transformer_blocks = nn.ModuleList(Block(c) for _ in range(c.depth))
        self.long_skip_connection = nn.Linear(2 * c.dim, c.dim, bias=False) if c.long_skip else None
        self.norm_out = AdaptiveNorm(c.dim, 2)
        self.proj_out = nn.Linear(c.dim, c.mel_dim * c.frames_per_token)
        self.summary_embed = ReferenceSummary(c.mel_dim, c.dim) if c.reference_summary else None
        self.mel_head = nn.Linear(c.text_dim, c.mel_dim) if c.regression else None
        n_prosody = N_PROSODY if c.prosody else 0
        has_style = c.emotions or c.prosody
        self.style_embed = StyleEmbedding(len(c.emotions), n_prosody, c.dim) if has_style else None
        self.guidance_embed = GuidanceEmbedding(c.dim) if c.guidance else None
        if c.zero_init:
            outputs = [block.attn_norm.linear for block in self.transformer_blocks]
            for linear in (*outputs, self.norm_out.linear, self.proj_out):
                nn.init.zeros_(linear.weight)
                nn.init.zeros_(linear.bias)

    def blocks(self) -> list[nn.Module]:
        """What `checkpoint_activations` recomputes."""
        return list(self.transformer_blocks)

    def encode(
        self,
        *,
        cond: Float[Tensor, "b n c"],
        text: Int[Tensor, "b l"] | None = None,
        content: Float[Tensor, "b n e"] | None = None,
        content_mask: Bool[Tensor, "b n"] | None = None,
        cond_mask: Bool[Tensor, "b n"] | None = None,
        energy: Float[Tensor, "b n 1"] | None = None,
        pitch: Float[Tensor, "b n 1"] | None = None,
        emotion: Int[Tensor, " b"] | None = None,
        prosody: Float[Tensor, "b p"] | None = None,
        mask: Bool[Tensor, "b n"] | None = None,
        drop_audio: Bool[Tensor, " b"] | None = None,
        drop_text: Bool[Tensor, " b"] | None = None,
    ) -> Conditions:
        """Conditions of `n` frames from the reference mel and text ids or content frames.

        `text` holds vocabulary ids, -1 where an item has ended. `cond` is zero outside the
        reference; `cond_mask` states where it is (default: its non-zero frames). `mask` marks
        valid frames. `emotion` counts the config's labels from 1, 0 is none; a `prosody` of zeros is none.
        The drops act per item and are how training meets `null`.
        """
        c = self.config
        if (text is None) == (content is None) or (content is None) != (c.content_dim is None):
            wanted = "text" if c.content_dim is None else "content"
            raise InputError("condition.text", f"this network is conditioned by {wanted} alone")
        if energy is not None and not c.energy:
            raise InputError(
                "condition.energy", "this network has no energy input", hint="set energy: true"
            )
        if pitch is not None and not c.pitch:
            message = "this network has no pitch input"
            raise InputError("condition.pitch", message, hint="set pitch: true")
        nothing = cond.new_zeros(*cond.shape[:2], 1)
        energy = nothing if c.energy and energy is None else energy
        pitch = nothing if c.pitch and pitch is None else pitch
        if cond_mask is None:
            cond_mask = (cond != 0).any(dim=-1)
        if mask is not None:
            cond_mask = cond_mask & mask
            energy, pitch = (x if x is None else zero_invalid(x, mask) for x in (energy, pitch))
        if drop_audio is not None:
            cond_mask = cond_mask & ~drop_audio[:, None]
        audio = zero_invalid(cond, cond_mask)
        summary = None if self.summary_embed is None else self.summary_embed(audio, cond_mask)
        prior = None
        if c.prior:
            known = content_mask
            if drop_text is not None and known is not None:
                known = known & ~drop_text[:, None]
            prior = zero_invalid(content[..., -c.mel_dim :], known)
        if content is None:
            filler = self.text_embed.filler(text, cond.shape[1])
            embedding = self.text_embed(text, filler, mask, drop_text)
        else:
            filler = None
            embedding = self.text_embed.from_content(content, content_mask, mask, drop_text)
        wanted = content_mask if c.prior else None
        style = self._style(emotion, prosody)
        return Conditions(
            audio, embedding, filler, energy, mask, summary, prior, wanted, pitch, style
        )

    def _style(self, emotion: Tensor | None, prosody: Tensor | None) -> Tensor | None:
        """The vector of emotion and prosody; InputError for one that this network has not."""
        given = (
            ("emotion", emotion, self.config.emotions),
            ("prosody", prosody, self.config.prosody),
        )
        for name, value, known in given:
            if value is not None and not known:
                raise InputError(f"condition.{name}", f"this network has no {name} input")
        if emotion is None and prosody is None:
            return None
        return self.style_embed(emotion, prosody)

    def null(self, cond: Conditions) -> Conditions:
        """Audio, text, emotion and prosody dropped; the contours stay, as the energy does in DeepAudio-V1."""
        b, n, _ = cond.audio.shape
        dropped = torch.ones(b, dtype=torch.bool, device=cond.audio.device)
        if self.config.content_dim is None:
            nothing = torch.full((b, n), -1, device=cond.audio.device)
            text = self.text_embed(nothing, cond.filler, cond.mask, dropped)
        else:
            nothing = cond.audio.new_zeros(b, n, self.config.content_dim)
            text = self.text_embed.from_content(nothing, None, cond.mask, dropped)
        summary = None if cond.summary is None else torch.zeros_like(cond.summary)
        prior = None if cond.prior is None else torch.zeros_like(cond.prior)
        return cond._replace(
            audio=torch.zeros_like(cond.audio),
            text=text,
            summary=summary,
            prior=prior,
            style=None,
            guidance=None,
        )

    def at_scale(self, cond: Conditions, scale: float | Float[Tensor, " b"]) -> Conditions:
        """The conditions for a velocity that is guided at `scale`, one value or one per item, by one evaluation.

        UsageError for a network whose config has no `guidance`, and for one value outside 1..guidance.
        """
        if self.config.guidance is None:
            raise UsageError("config.guidance", "this network takes no scale of guidance")
        if not isinstance(scale, Tensor):
            self.check_scale(scale)
            scale = cond.audio.new_full((len(cond.audio),), scale)
        return cond._replace(guidance=self.guidance_embed(scale))

    def check_scale(self, scale: float) -> None:
        """UsageError for a scale of guidance that the network has not learned."""
        most = self.config.guidance
        if not 1 <= scale <= most:
            message = f"this network has learned guidance from 1 to {most:g}, not {scale:g}"
            raise UsageError("options.guidance", message)

    def forward(
        self, x_t: Float[Tensor, "b n c"], t: Float[Tensor, "..."], cond: Conditions
    ) -> Float[Tensor, "b n c"]:
        """Velocity at time `t`, one value or one per item; zero on frames that are not valid."""
        if cond.prior is not None:
            return self._from_prior(x_t, t.expand(x_t.shape[0]), cond)
        return self._velocity(x_t, t, cond)

    def _velocity(self, x_t: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        k, n = self.config.frames_per_token, x_t.shape[1]
        emb = self.time_embed(t.expand(x_t.shape[0]))
        if cond.summary is not None:
            emb = emb + cond.summary
        for vector in (cond.style, cond.guidance):
            if vector is not None:
                emb = emb + vector
        x, mask = self.input_embed(x_t, cond.audio, cond.text, cond.energy, cond.mask, cond.pitch)
        skip = x
        angle = self.rotary_embed(x.shape[1])
        for block in self.transformer_blocks:
            x = block(x, emb, angle, mask)
        if self.long_skip_connection is not None:
            x = self.long_skip_connection(torch.cat((x, skip), dim=-1))
        scale, shift = self.norm_out(emb)
        x = self.proj_out(modulate(F.layer_norm(x, x.shape[-1:], eps=1e-6), shift, scale))
        v = rearrange(x, "b m (k c) -> b (m k) c", k=k)[:, :n]
        return zero_invalid(v, cond.mask)

    def _from_prior(self, x_t: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        """Velocity towards the guess, corrected by the network, which reads and says values of deviation 1.

        If the mel were the guess and independent noise of deviation s, then rest = (x_t - t guess) / scale would have
        deviation 1 and the best velocity would be guess + (t s^2 - (1 - t)) rest / scale (preconditioning of Karras et
        al. 2022, about a guess instead of zero). A network that says nothing gives the guess back.
        """
        s, t_ = self.config.prior_spread, t[:, None, None].float()
        scale = ((t_ * s) ** 2 + (1 - t_) ** 2).sqrt()
        rest = zero_invalid((x_t - t_ * cond.prior) / scale, cond.wanted)
        said = self._velocity(rest, t, cond).float()
        v = cond.prior + ((t_ * s * s - (1 - t_)) * rest + s * said) / scale
        return zero_invalid(zero_invalid(v, cond.wanted), cond.mask)

    def regress(self, cond: Conditions) -> Float[Tensor, "b n c"]:
        """Mel predicted from the text embedding alone, for an auxiliary loss."""
        if self.mel_head is None:
            raise UsageError("config.regression", "this network has no regression head")
        return self.mel_head(cond.text)

"""Vocoder training: energy distance of spectra, then small discriminators (hinge, feature matching), pitch beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from deepaudio.audio.excitation import pulse_train
from deepaudio.audio.mel import log_mel
from deepaudio.codecs.vocos_source import Config, Model
from deepaudio.config import build as build_config
from deepaudio.data.vocoder import Bank, Segments, segments
from deepaudio.devices import autocast
from deepaudio.discover import name_of_network
from deepaudio.training.discriminators import (
    Discriminators,
    fooling_loss,
    judge_loss,
    matching_loss,
)
from deepaudio.training.recipe import Recipe
from deepaudio.training.spectral_loss import Spectra, energy_distance
from deepaudio.training.start import initialise

CHECKED_ON = "cpu"  # the meta device has no STFT


@dataclass(frozen=True)
class Objective:
    """When the parts of the loss begin, in steps, and what they weigh."""

    adversarial_from: int = 4000  # step at which the discriminators join
    adversarial_items: int = 4  # segments of a batch that they hear
    own_pitch_from: int = 2000  # before it the pulses follow the labelled pitch
    adversarial: float = 1.0  # size of its gradient in the waveform, relative to the spectral one
    matching: float = 2.0  # weight of feature matching inside the adversarial loss
    spread: float = 1.0  # 1 is the proper score; less makes the sound steadier and the noise softer
    refinements: int = 0  # rounds of refinement before the losses
    pitch: float = 0.2
    mel_noise: float = 0.1  # deviation of the noise on half of the input mels


@dataclass(frozen=True)
class VocoderData:
    """Banks by folder with their weights, mel frames of a segment, segments of a batch."""

    banks: dict[str, PositiveFloat]
    frames: PositiveInt = 64
    batch_items: PositiveInt = 8

    def __post_init__(self) -> None:
        if not self.banks:
            raise ValueError("banks: name at least one")


class VocoderStage:
    """One update is a generator step and, later, a discriminator step."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.objective = build_config(Objective, recipe.objective, "objective")
        self.data = build_config(VocoderData, recipe.data, "data")
        sizes = {key: value for key, value in recipe.model.items() if key != "name"}
        self.config = build_config(Config, sizes, "model")
        torch.manual_seed(recipe.seed)
        self.model = Model(self.config)
        self.network = name_of_network(self.model)
        initialise(self.model, recipe)
        self.discriminators = Discriminators()
        self.spectra = Spectra()
        betas = recipe.optim.betas
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(),
            lr=recipe.optim.lr,
            betas=betas,
            weight_decay=recipe.optim.weight_decay,
        )
        self.judge_optimiser = torch.optim.AdamW(
            self.discriminators.parameters(), lr=recipe.optim.lr, betas=betas
        )
        self.updates = 0
        self.sizes: Tensor | None = None  # running gradient norms: adversarial, spectral

    def batches(self, rng: torch.Generator) -> Iterator[Segments]:
        """Random segments of the recipe's banks."""
        d = self.data
        return segments(
            [Bank.open(folder) for folder in d.banks],
            list(d.banks.values()),
            d.frames,
            d.batch_items,
            rng,
        )

    def step(self, batch: Segments, rng: torch.Generator, lr: float) -> dict[str, float]:
        """One update of everything; returns the parts of the loss."""
        o = self.objective
        with autocast(batch.waveform.device, self.recipe.dtype)():
            mel = _disturbed(log_mel(batch.waveform), o.mel_noise, rng)
            pitch = self.model.pitch(mel)
            pitch_loss = self._pitch_loss(pitch.scores, batch.pitch)
            hertz = pitch.hertz.detach()
            voiced = pitch.voiced.detach()
            if self.updates < o.own_pitch_from:
                hertz = torch.where(batch.pitch > 0, batch.pitch, hertz)
                voiced = torch.where(
                    torch.rand(len(mel), 1, generator=rng) < 0.5, (batch.pitch > 0).float(), voiced
                )
            filters = self.model.filters(mel, hertz, voiced)
        draws = [self._draw(filters, hertz, mel, rng) for _ in range(2)]
        leaves = [draw.detach().requires_grad_() for draw in draws]
        views = self.spectra.pick(rng)
        spectral = energy_distance(
            *(self.spectra(sound, views) for sound in (batch.waveform, *leaves)), o.spread
        )
        gradients = list(torch.autograd.grad(spectral, leaves))
        parts = {"loss": spectral.item(), "spectral": spectral.item(), "pitch": pitch_loss.item()}
        if self.updates >= o.adversarial_from:
            added, heard = self._judged(batch.waveform, leaves[0], rng, lr)
            gradients[0] = gradients[0] + self._balanced(added, gradients[0])
            parts |= heard
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward([*draws, o.pitch * pitch_loss], [*gradients, None])
        self._update(self.optimiser, self.model, lr)
        self.updates += 1
        return parts

    def state(self) -> dict[str, Any]:
        return {
            "updates": self.updates,
            "discriminators": self.discriminators.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "judge_optimiser": self.judge_optimiser.state_dict(),
            "sizes": self.sizes,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.updates, self.sizes = state["updates"], state["sizes"]
        self.discriminators.load_state_dict(state["discriminators"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.judge_optimiser.load_state_dict(state["judge_optimiser"])

    def _draw(
        self, filters: Tensor, hertz: Tensor, mel: Tensor, rng: torch.Generator
    ) -> Float[Tensor, "b s"]:
        c = self.config
        start = torch.rand(len(hertz), generator=rng).to(hertz.device)
        pulses = pulse_train(hertz, c.hop_length, c.sample_rate, start)
        noise = torch.randn(pulses.shape, generator=rng).to(hertz.device)
        return self.model.refined(
            self.model.synthesise(filters, pulses, noise), mel, self.objective.refinements
        )

    def _pitch_loss(self, scores: Tensor, pitch: Tensor) -> Tensor:
        """Cross-entropy with a Gaussian of one bin around the label, and voicing."""
        heard = pitch > 0
        voicing = F.binary_cross_entropy_with_logits(scores[..., -1], heard.float())
        place = (pitch.clamp(min=1.0).log() - self.model.pitch.log_centres[0]) / (
            self.model.pitch.log_centres[1] - self.model.pitch.log_centres[0]
        )
        bins = torch.arange(self.config.pitch_bins, device=pitch.device)
        target = torch.softmax(-0.5 * (bins - place[..., None]) ** 2, -1)
        each = -(target * scores[..., :-1].log_softmax(-1)).sum(-1)
        return voicing + (each * heard).sum() / heard.sum().clamp(min=1)

    def _judged(
        self, real: Tensor, fake: Tensor, rng: torch.Generator, lr: float
    ) -> tuple[Float[Tensor, "b s"], dict[str, float]]:
        """Teach some of the discriminators, then the gradient of what they say of `fake`."""
        items = self.objective.adversarial_items
        real = real[:items]
        some = self.discriminators.pick(rng)
        half = autocast(real.device, self.recipe.dtype)
        with half():
            judged = judge_loss(
                self.discriminators(real, some), self.discriminators(fake[:items].detach(), some)
            )
        self.judge_optimiser.zero_grad(set_to_none=True)
        judged.backward()
        self._update(self.judge_optimiser, self.discriminators, lr)
        with half():
            with torch.no_grad():
                wanted = self.discriminators(real, some)
            heard = self.discriminators(fake[:items], some)
        fooling, matching = fooling_loss(heard), matching_loss(wanted, heard)
        (gradient,) = torch.autograd.grad(fooling + self.objective.matching * matching, fake)
        return gradient, {
            "judge": judged.item(),
            "fooling": fooling.item(),
            "matching": matching.item(),
        }

    def _balanced(self, gradient: Tensor, beside: Tensor) -> Tensor:
        """Scale to the running size of the spectral gradient (as the balancer of EnCodec, arXiv 2210.13438)."""
        sizes = torch.stack([gradient.norm(), beside.norm()]).cpu()
        self.sizes = sizes if self.sizes is None else 0.99 * self.sizes + 0.01 * sizes
        ours, theirs = self.sizes.tolist()
        return gradient * (self.objective.adversarial * theirs / max(ours, 1e-12))

    def _update(self, optimiser: torch.optim.Optimizer, model: torch.nn.Module, lr: float) -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), self.recipe.optim.clip_norm)
        for group in optimiser.param_groups:
            group["lr"] = lr
        optimiser.step()


def build(recipe: Recipe) -> VocoderStage:
    """The stage of a recipe."""
    return VocoderStage(recipe)


def _disturbed(
    mel: Float[Tensor, "b n c"], deviation: float, rng: torch.Generator
) -> Float[Tensor, "b n c"]:
    """Half of the items get noise and half a blur over neighbours, as mels of an acoustic model have."""
    b = len(mel)
    noisy = (
        (torch.rand(b, 1, 1, generator=rng) < 0.5)
        * torch.rand(b, 1, 1, generator=rng)
        * 2
        * deviation
    )
    blur = (
        (torch.rand(b, 1, 1, generator=rng) < 0.5)
        * torch.rand(b, 1, 1, generator=rng)
        * min(1.0, 10 * deviation)
    )
    near = F.avg_pool2d(mel[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
    drawn = torch.randn(mel.shape, generator=rng)
    return (
        mel + blur.to(mel.device) * (near - mel) * 0.5 + noisy.to(mel.device) * drawn.to(mel.device)
    )

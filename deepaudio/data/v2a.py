"""Windows of video features and audio latents for training V2A: random pieces of shards, spliced, dimmed and disturbed."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Generator, Tensor

from deepaudio.data.shards import listed_in, tensors_in
from deepaudio.errors import InputError

SPEECH = ("grid", "talk")  # kinds of clips in which someone speaks


@dataclass(frozen=True)
class V2AData:
    """Which shards, how often each is drawn, the window in seconds, and what is done to it.

    `splice`: share of windows made of two clips after one another. `hide_sight`: share of windows with a face that
    show the network the face alone, no other motion and no thumbnails; `hide_face`: the other way round. What another
    face and another tracker change: `jitter`, spread of the gains of the mouth's measures; `shift`, of their level and
    of the head's pose; `sway`, size of slow waves in all of them; `lost`, share of measures that are missing;
    each window gets from none to twice of all that.
    `noise`: added to every feature. `say_nothing`: share without a prompt. `deny`: share whose prompt asks
    for speech where a scene is seen, or the other way round: what was not asked for is silent. `foreign`: share of
    windows with speech whose thumbnails are another clip's, so that a speaker may look like anything.
    """

    shards: tuple[str, ...]
    weights: tuple[NonNegativeFloat, ...] = ()
    batch_items: PositiveInt = 16
    seconds: PositiveFloat = 3.0
    splice: float = 0.15
    hide_sight: float = 0.25
    hide_face: float = 0.1
    jitter: float = 0.2
    shift: float = 0.0
    sway: float = 0.0
    lost: float = 0.0
    noise: float = 0.03
    say_nothing: float = 0.3
    deny: float = 0.0
    foreign: float = 0.0

    def __post_init__(self) -> None:
        if not self.shards:
            raise ValueError("shards: name at least one")
        if self.weights and not any(self.weights):
            raise ValueError("weights: all are 0")
        if self.weights and len(self.weights) != len(self.shards):
            raise ValueError(f"weights: {len(self.weights)} for {len(self.shards)} shards")


@dataclass(frozen=True)
class Layout:
    """What lies where: rates in steps a second, and the names of the first columns of `sync`, those of a face."""

    sync_rate: float
    clip_rate: float
    latent_rate: float
    face: tuple[str, ...]

    @property
    def fold(self) -> int:
        """Sync steps in one latent."""
        return round(self.sync_rate / self.latent_rate)

    @property
    def shapes(self) -> slice:
        """Mouth measures, which depend on the face and the tracker."""
        return slice(1, self.face.index("yaw"))

    @property
    def speeds(self) -> slice:
        return slice(self.face.index("patch_motion"), self.face.index("ranged_aperture"))


class V2ABatch(NamedTuple):
    """Features and latents of a batch: (b f ds), (b g dc), (b l dt), (b n c)."""

    sync: Tensor
    clip: Tensor
    text: Tensor
    latent: Tensor


class Clip(NamedTuple):
    """One item of a shard, in memory."""

    key: str
    kind: str
    prompts: tuple[str, ...]
    onsets: tuple[float, ...]
    sync: Float[Tensor, "f ds"]
    clip: Float[Tensor, "g dc"]
    latent: Float[Tensor, "n c"]

    @property
    def speaks(self) -> bool:
        return self.kind in SPEECH


def read_v2a_shard(path: str | Path) -> tuple[list[dict], dict[str, Tensor]]:
    """Rows and tensors of a shard written by `deepaudio.prepare.mini_v2a`. InputError when it is not there."""
    place = Path(path)
    for suffix in (".json", ".safetensors"):
        if not place.with_suffix(suffix).is_file():
            raise InputError(
                "shard.missing", f"no {place.with_suffix(suffix)}", hint="deepaudio prepare mini-v2a --help"
            )  # fmt: skip
    hint = "deepaudio prepare mini-v2a --help"
    tensors = tensors_in(place.with_suffix(".safetensors"), "shard", hint)
    return listed_in(place.with_suffix(".json")), tensors


def fold_sync(sync: Float[Tensor, "f d"], fold: int = 2) -> Float[Tensor, "m e"]:
    """`fold` neighbouring steps side by side, so that sight has the rate of the latents."""
    missing = -sync.shape[0] % fold
    if missing:
        sync = torch.cat([sync, sync[-1:].expand(missing, -1)])
    return rearrange(sync, "(m k) d -> m (k d)", k=fold)


class V2AShards:
    """All shards in memory as latents; draws batches of windows."""

    def __init__(
        self,
        data: V2AData,
        layout: Layout,
        encode: Callable[[Tensor], Tensor],
        words: Callable[[str], Tensor],
        silence: Float[Tensor, " c"],
    ):
        """`encode`: mel (1 n c) to latents; `words`: prompt to (l d); `silence`: the latent of no sound."""
        self.data, self.layout, self.words, self.fold = data, layout, words, layout.fold
        self.shards: list[list[Clip]] = []
        self.window = round(data.seconds * layout.latent_rate)
        self.silence = silence
        for path in data.shards:
            rows, tensors = read_v2a_shard(path)
            clips = [_clip(row, tensors, encode) for row in rows]
            self.shards.append([c for c in clips if len(c.latent) >= self.window])
            if not self.shards[-1]:
                raise InputError("shard.short", f"no clip of {path} lasts {data.seconds} s")

    def batches(self, rng: Generator) -> Iterator[V2ABatch]:
        """Random batches for ever."""
        weights = torch.tensor(self.data.weights or [float(len(shard)) for shard in self.shards])
        while True:
            picks = torch.multinomial(weights, self.data.batch_items, True, generator=rng).tolist()
            yield V2ABatch(
                *(
                    torch.stack(column)
                    for column in zip(*(self._draw(p, rng) for p in picks), strict=True)
                )
            )

    def _draw(self, shard: int, rng: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        first = self._any(self.shards[shard], rng)
        sync, clip, latent, prompt = self._window(first, rng)
        if first.speaks and _chance(self.data.foreign, rng):
            clip = self._window(self._any(self.shards[_pick(len(self.shards), rng)], rng), rng)[1]
        if _chance(self.data.splice, rng):
            second = self._any(self.shards[_pick(len(self.shards), rng)], rng)
            sync2, clip2, latent2, prompt2 = self._window(second, rng)
            cut = int(self.window * (0.25 + 0.5 * _uniform(rng)))
            sync = torch.cat([sync[: cut * self.fold], sync2[cut * self.fold :]])
            clip_cut = round(cut / self.window * len(clip))
            clip = torch.cat([clip[:clip_cut], clip2[clip_cut:]])
            if first.speaks != second.speaks and _chance(0.5, rng):  # only one of them is asked for
                if _chance(0.5, rng):
                    latent2 = self.silence.expand_as(latent2)
                else:
                    latent, prompt = self.silence.expand_as(latent), prompt2
            else:
                prompt = f"{prompt}, then {prompt2}" if _chance(0.5, rng) else ""
            latent = torch.cat([latent[:cut], latent2[cut:]])
        elif _chance(self.data.deny, rng):
            other = [clips for clips in self.shards if clips[0].speaks != first.speaks]
            if other:
                from_kind = self._any(other[_pick(len(other), rng)], rng)
                prompt = from_kind.prompts[_pick(len(from_kind.prompts), rng)]
                latent = self.silence.expand_as(latent)
        elif _chance(self.data.say_nothing, rng):
            prompt = ""
        sync, clip = self._disturbed(sync, clip, rng)
        return fold_sync(sync, self.fold), clip, self.words(prompt), latent

    def _any(self, clips: list[Clip], rng: Generator) -> Clip:
        return clips[_pick(len(clips), rng)]

    def _window(self, clip: Clip, rng: Generator) -> tuple[Tensor, Tensor, Tensor, str]:
        start = _pick(len(clip.latent) - self.window + 1, rng)
        stop = start + self.window
        sync = clip.sync[start * self.fold : stop * self.fold]
        sync = torch.cat([sync, sync[-1:].expand(self.window * self.fold - len(sync), -1)])
        count = round(self.data.seconds * self.layout.clip_rate)
        first = min(
            round(start / self.layout.latent_rate * self.layout.clip_rate),
            max(0, len(clip.clip) - count),
        )
        seen = clip.clip[first : first + count]
        seen = torch.cat([seen, seen[-1:].expand(count - len(seen), -1)])
        return sync, seen, clip.latent[start:stop], clip.prompts[_pick(len(clip.prompts), rng)]

    def _disturbed(self, sync: Tensor, clip: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
        """Another tracker, another face, another camera."""
        seen = sync[:, :1] > 0
        if bool(seen.any()):
            face = len(self.layout.face)
            if _chance(self.data.hide_face, rng):
                sync = torch.cat([torch.zeros_like(sync[:, :face]), sync[:, face:]], 1)
            else:
                measures = self._another_face(sync[:, 1:face], rng)
                sync = torch.cat([sync[:, :1], measures * seen, sync[:, face:]], 1)
                if _chance(self.data.hide_sight, rng):
                    sync, clip = face_alone(sync, clip, face)
        return sync + self.data.noise * torch.randn(sync.shape, generator=rng), clip

    def _another_face(self, measures: Tensor, rng: Generator) -> Tensor:
        """The measures [f d] behind the face's presence as another talker and another tracker would give them."""
        data, (count, width) = self.data, measures.shape
        far = 2 * _uniform(rng)
        shapes, speeds = self.layout.shapes, self.layout.speeds
        moves = torch.zeros(width)
        moves[shapes.start - 1 : shapes.stop - 1] = 1
        moves[speeds.start - 1 : speeds.stop - 1] = 1
        common = torch.randn(1, generator=rng) * moves
        gains = data.jitter * (common + 0.5 * torch.randn(width, generator=rng))
        levels = data.shift * torch.randn(width, generator=rng)
        levels[speeds.start - 1 :] = 0  # speeds and shares of the own range have none
        time = torch.arange(count)[:, None] / self.layout.sync_rate
        rates, phases = torch.rand(2, width, generator=rng)
        waves = torch.sin(math.tau * (2 * rates * time + phases))
        sway = data.sway * torch.randn(width, generator=rng) * waves
        kept = torch.rand(width, generator=rng) >= far * data.lost
        return (measures * (far * gains).exp() + far * (levels + sway)) * kept


def face_alone(
    sync: Float[Tensor, "f ds"], clip: Float[Tensor, "g dc"], columns: int
) -> tuple[Tensor, Tensor]:
    """Where a face is seen, only its first `columns` are kept; the thumbnails go: a voice is read from the face."""
    seen = sync[:, :1] > 0
    return torch.cat([sync[:, :columns], sync[:, columns:] * ~seen], 1), torch.zeros_like(clip)


def _clip(row: dict, tensors: dict[str, Tensor], encode: Callable[[Tensor], Tensor]) -> Clip:
    key = row["key"]
    seen = row.get("seen", key)
    latent = tensors.get(f"{key}.latent")
    if latent is None:
        latent = encode(tensors[f"{key}.mel"].float()[None])[0]
    return Clip(
        key, row["kind"], tuple(row["prompts"]), tuple(row["onsets"]),
        tensors[f"{seen}.sync"].float(), tensors[f"{seen}.clip"].float(), latent.float(),
    )  # fmt: skip


def _uniform(rng: Generator) -> float:
    return float(torch.rand((), generator=rng))


def _chance(share: float, rng: Generator) -> bool:
    return _uniform(rng) < share


def _pick(count: int, rng: Generator) -> int:
    return int(torch.randint(count, (), generator=rng))

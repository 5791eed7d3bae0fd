"""What the model asks of its parts: the gate, a speech module and a sound module, whatever networks are behind them."""

from collections.abc import Sequence
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from deepaudio.inference.gate import Gate
from deepaudio.inference.mini_tts import Reference
from deepaudio.media.clip import ClipInfo
from deepaudio.models.mof.knowledge import EMPTY, Knowledge
from deepaudio.options import EngineDefaults, SampleOptions
from deepaudio.progress import Progress


class SpeechModel(Protocol):
    """M_tts with its codec: a line in the voice of a reference."""

    sample_rate: int
    defaults: EngineDefaults
    margin: float
    """Seconds of quiet that `speak` keeps before the first sound of a line and after its last."""
    at_once: int
    """Lines that are spoken faster at once, each in a thread, than one after the other."""

    def check(self, options: SampleOptions, follows_pitch: bool = False) -> None:
        """Refuse before the work what the network has not learned: UsageError or InputError."""
        ...

    def natural_duration(self, text: str, references: Sequence[Reference] = ()) -> float:
        """Seconds that `text` takes at an unhurried pace, or at the mean pace of `references` where the model knows it."""
        ...

    def prepare(self, texts: Sequence[str], references: Sequence[Reference]) -> None:
        """Do, beside other work, what `speak` will need of these and does not depend on when they are spoken; it may be nothing."""
        ...

    def speak(
        self,
        text: str,
        reference: Reference,
        *,
        duration: float | None = None,
        knowledge: Knowledge = EMPTY,
        options: SampleOptions = ...,
    ) -> Float[Tensor, " s"]:
        """Speech of `text`, of `duration` seconds and after the contours of `knowledge` where they are given."""
        ...

    def unspoken(self, text: str) -> list[str]:
        """The characters of `text` for which the model has no sound."""
        ...


class SoundFeatures(Protocol):
    """What a sound module has seen of a clip."""

    @property
    def duration(self) -> float: ...


class SoundModel(Protocol):
    """M_v2a with its encoders and codec: the sound of a clip, and the energy contour of the speech that is seen."""

    sample_rate: int
    defaults: EngineDefaults

    def features(self, clip: ClipInfo, progress: Progress | None = None) -> SoundFeatures:
        """Encode the frames of a clip once."""
        ...

    def sound(
        self, features: SoundFeatures, prompt: str, negative: str, options: SampleOptions
    ) -> Float[Tensor, " s"]:
        """Samples of exactly the clip's duration."""
        ...

    def energy(self, features: SoundFeatures, options: SampleOptions) -> Float[Tensor, " n"]:
        """Energy contour at 93.75 Hz in 0 .. 1."""
        ...

    def energy_sampling(self, options: SampleOptions) -> SampleOptions:
        """The options that `energy` uses when it is given `options`."""
        ...


class Parts(Protocol):
    """The three modules of a preset, each loaded when it is first asked for."""

    @property
    def gate(self) -> Gate: ...

    @property
    def tts(self) -> SpeechModel: ...

    @property
    def v2a(self) -> SoundModel: ...

"""The official files of the full-size presets: where they are published, how large they are, under which licence.

Sizes are rounded; MD5 sums are those the publishers state. Where none is stated, the hub's own SHA-256 is checked on
download. Licences are summaries: the publisher's page is what counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepaudio.discover import suggest
from deepaudio.errors import UsageError

MB = 1_000_000

NON_COMMERCIAL = "CC-BY-NC-4.0: non-commercial use only"
DERIVED = "none stated; tuned from CC-BY-NC-4.0 weights: non-commercial use only"
APPLE = "Apple ML research licence: non-commercial research only"
MIT, APACHE = "MIT", "Apache-2.0"
_RESTRICTED = (NON_COMMERCIAL, DERIVED, APPLE)


@dataclass(frozen=True)
class OfficialFile:
    """One published file: a hub repository and the path in it, or a plain address."""

    path: str
    repository: str | None = None
    url: str | None = None
    revision: str = "main"
    size: int | None = None
    md5: str | None = None
    sha256_start: str | None = None

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def place(self) -> str:
        """Where it comes from, for people."""
        return f"hf.co/{self.repository}" if self.repository else str(self.url)


@dataclass(frozen=True)
class Part:
    """One network, vocabulary or pretrained folder; `kind` is what reads it, `config` its sizes over the kind's."""

    name: str
    kind: str
    files: tuple[OfficialFile, ...]
    licence: str
    config: str | Mapping[str, Any] | None = None
    note: str = ""

    @property
    def size(self) -> int:
        """Bytes to download, as far as they are published."""
        return sum(file.size or 0 for file in self.files)

    @property
    def non_commercial(self) -> bool:
        return self.licence in _RESTRICTED

    @property
    def published(self) -> bool:
        return bool(self.files)


@dataclass(frozen=True)
class Preset:
    """Roles and the parts that fill them."""

    name: str
    about: str
    parts: Mapping[str, str]
    note: str = ""

    @property
    def part_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.parts.values()))


def _hub(repository: str, path: str, size: int | None = None, **sums: str) -> OfficialFile:
    return OfficialFile(path, repository, size=size, **sums)


def _release(name: str, size: int, md5: str) -> OfficialFile:
    base = "https://github.com/hkchengrex/MMAudio/releases/download/v0.1/"
    return OfficialFile(name, url=base + name, size=size, md5=md5)


def _mmaudio(variant: str, size: int, md5: str) -> Part:
    file = _hub("hkchengrex/MMAudio", f"weights/mmaudio_{variant}.pth", size, md5=md5)
    name = f"mmaudio-{variant.replace('_', '-')}"
    return Part(name, "mmaudio", (file,), NON_COMMERCIAL, config=variant)


def _v2s(size: str) -> Part:
    file = _hub("lshzhm/DeepAudio-V1", f"v2c_{size}.pt", 1350 * MB)
    return Part(f"deepaudio-v2s-{size}", "deepaudio-v2s", (file,), DERIVED)


def _folder(name: str, kind: str, repository: str, licence: str, sizes: Mapping[str, int]) -> Part:
    files = tuple(_hub(repository, path, size) for path, size in sizes.items())
    return Part(name, kind, files, licence)


PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        _mmaudio("small_16k", 630 * MB, "af93cde404179f58e3919ac085b8033b"),
        _mmaudio("small_44k", 630 * MB, "babd74c884783d13701ea2820a5f5b6d"),
        _mmaudio("medium_44k", 2490 * MB, "5a56b6665e45a1e65ada534defa903d0"),
        _mmaudio("large_44k", 4120 * MB, "fed96c325a6785b85ce75ae1aafd2673"),
        _mmaudio("large_44k_v2", 4120 * MB, "01ad4464f049b2d7efdaa4c1a59b8dfe"),
        Part(
            "mmaudio-vae-16k",
            "mmaudio-vae-16k",
            (_release("v1-16.pth", 687 * MB, "69f56803f59a549a1a507c93859fd4d7"),),
            NON_COMMERCIAL,
        ),
        Part(
            "mmaudio-vae-44k",
            "mmaudio-vae-44k",
            (_release("v1-44.pth", 1222 * MB, "fab020275fa44c6589820ce025191600"),),
            NON_COMMERCIAL,
        ),
        Part(
            "bigvgan-16k",
            "bigvgan-16k",
            (_release("best_netG.pt", 450 * MB, "eeaf372a38a9c31c362120aba2dde292"),),
            MIT,
        ),
        Part(
            "bigvgan-v2-44k",
            "bigvgan-v2",
            (_hub("nvidia/bigvgan_v2_44khz_128band_512x", "bigvgan_generator.pt", 489 * MB),),
            MIT,
        ),
        Part(
            "synchformer",
            "synchformer",
            (_release("synchformer_state_dict.pth", 951 * MB, "5b2f5594b0730f70e41e549b7c94390c"),),
            MIT,
        ),
        Part(
            "clip-dfn5b-h14-384",
            "clip",
            (_hub("apple/DFN5B-CLIP-ViT-H-14-384", "open_clip_pytorch_model.bin", 3950 * MB),),
            APPLE,
        ),
        *(_v2s(size) for size in ("s16", "s44", "m44", "l44")),
        Part(
            "f5-v1-base",
            "f5-v1",
            (_hub("SWivid/F5-TTS", "F5TTS_v1_Base/model_1250000.safetensors", 1350 * MB),),
            NON_COMMERCIAL,
        ),
        Part(
            "f5-v0-base",
            "f5-v0",
            (_hub("SWivid/F5-TTS", "F5TTS_Base/model_1200000.safetensors", 1350 * MB),),
            NON_COMMERCIAL,
        ),
        Part(
            "f5-vocabulary",
            "vocabulary",
            (_hub("SWivid/F5-TTS", "F5TTS_v1_Base/vocab.txt", 14_000, sha256_start="4e173934"),),
            NON_COMMERCIAL,
        ),
        Part(
            "vocos-24k",
            "vocos",
            (_hub("charactr/vocos-mel-24khz", "pytorch_model.bin", 54 * MB),),
            MIT,
        ),
        _folder(
            "flan-t5-large",
            "flan-t5",
            "google/flan-t5-large",
            APACHE,
            {
                "model.safetensors": 3133 * MB,
                "config.json": 662,
                "tokenizer.json": 2_424_064,
                "tokenizer_config.json": 2539,
                "special_tokens_map.json": 2201,
            },
        ),
        _folder(
            "encodec-24k",
            "encodec",
            "facebook/encodec_24khz",
            MIT,
            {"model.safetensors": 93 * MB, "config.json": 809},
        ),
        _folder(
            "clip-bigg-image",
            "clip-vision",
            "h94/IP-Adapter",
            APACHE,
            {
                "sdxl_models/image_encoder/model.safetensors": 3690 * MB,
                "sdxl_models/image_encoder/config.json": 560,
            },
        ),
        Part(
            "yingsound-24k",
            "ys-24k",
            (),
            "not published",
            note="no weights of this network are public; import your own",
        ),
    )
}

_SPEECH = {"vocabulary": "f5-vocabulary", "tts_vocoder": "vocos-24k"}
_SIGHT = {"clip": "clip-dfn5b-h14-384", "sync": "synchformer"}
_44K = {"codec": "mmaudio-vae-44k", "vocoder": "bigvgan-v2-44k"} | _SIGHT
_16K = {"codec": "mmaudio-vae-16k", "vocoder": "bigvgan-16k"} | _SIGHT

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "mm-s16k",
            "MMAudio small, 16 kHz; speech 24 kHz (157 M + 337 M)",
            {"v2a": "mmaudio-small-16k", "tts": "deepaudio-v2s-s16"} | _16K | _SPEECH,
        ),
        Preset(
            "mm-s44k",
            "MMAudio small, 44.1 kHz; speech 24 kHz (157 M + 337 M)",
            {"v2a": "mmaudio-small-44k", "tts": "deepaudio-v2s-s44"} | _44K | _SPEECH,
        ),
        Preset(
            "mm-m44k",
            "MMAudio medium, 44.1 kHz; speech 24 kHz (622 M + 337 M)",
            {"v2a": "mmaudio-medium-44k", "tts": "deepaudio-v2s-m44"} | _44K | _SPEECH,
        ),
        Preset(
            "mm-l44k",
            "MMAudio large, 44.1 kHz; speech 24 kHz (1030 M + 337 M)",
            {"v2a": "mmaudio-large-44k", "tts": "deepaudio-v2s-l44"} | _44K | _SPEECH,
        ),
        Preset(
            "mm-l44k-v2",
            "MMAudio large v2, 44.1 kHz; speech 24 kHz (1031 M + 337 M)",
            {"v2a": "mmaudio-large-44k-v2", "tts": "deepaudio-v2s-l44"} | _44K | _SPEECH,
            note="its speech part was tuned on the energy of mm-l44k; none was released for v2",
        ),
        Preset(
            "ys-24k",
            "YingSound style, 24 kHz; speech 24 kHz (711 M + 337 M)",
            {
                "v2a": "yingsound-24k",
                "codec": "encodec-24k",
                "text": "flan-t5-large",
                "clip": "clip-bigg-image",
                "tts": "f5-v1-base",
            }
            | _SPEECH,
            note="no V2A or V2S weights of this size are public: import your own as yingsound-24k; "
            "speech is plain F5-TTS v1 until then",
        ),
    )
}


def preset(name: str) -> Preset:
    """A full-size preset; any other name is a UsageError with those there are."""
    if name not in PRESETS:
        message = f"{name} is no full size; full sizes: {', '.join(PRESETS)}"
        raise UsageError("preset.unknown", message)
    return PRESETS[name]


def part(name: str) -> Part:
    """A part; an unknown name is a UsageError that names the nearest."""
    if name not in PARTS:
        raise UsageError("part.unknown", f"no part '{name}'", suggest(name, list(PARTS)))
    return PARTS[name]


def by_file_name(name: str) -> Part | None:
    """The part that one official file alone makes up, by the file's published name."""
    matches = [p for p in PARTS.values() if len(p.files) == 1 and p.files[0].name == name]
    return matches[0] if len(matches) == 1 else None

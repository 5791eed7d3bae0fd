"""Options that several commands share, each written once; defaults come from the library's frozen options."""

from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from deepaudio.pipelines.options import STEPS_OF_QUALITY, Quality, SampleOptions

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Verbose = Annotated[
    int, typer.Option("-v", "--verbose", count=True, help="Say more; -vv adds tracebacks.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only errors.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="auto is the GPU when there is one.")
]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help="Precision of the networks.")
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Never use the network; weights must be there already.")
]
Preset = Annotated[str, typer.Option(help="A preset's name, or a folder with its parts.")]
Instruction = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="What to do, in words; the gate reads it and decides which modules run."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Go on where the gate reads the instruction differently.")
]
Steps = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(help="Steps of the flow solver; overrides --quality.", min=1, max=1000),
]
QualityName = Annotated[
    Quality, typer.Option(help=", ".join(f"{k} {v} steps" for k, v in STEPS_OF_QUALITY.items()) + ".")
]
Guidance = Annotated[float, typer.Option(help="Guidance scale; 1 is off.", min=0, max=50)]
Seed = Annotated[int, typer.Option(help="Seed of the noise: same seed, same sound.", min=0)]
Output = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", help="Where to write; by default beside the input."),
]
RefText = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="What the reference says, or a text file with it. Optional."),
]
Consent = Annotated[
    bool,
    typer.Option("--consent", help="You have the speakers' consent; needed where a policy asks."),
]

DEFAULTS = SampleOptions()


def sampling(
    steps: int | None, quality: Quality, guidance: float, seed: int
) -> SampleOptions:
    """The frozen options from the flags."""
    return SampleOptions(
        steps=steps or STEPS_OF_QUALITY[quality], guidance_scale=guidance, seed=seed
    )

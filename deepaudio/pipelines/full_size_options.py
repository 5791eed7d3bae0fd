"""The published sampling of the full-size models, for options that a user left as they are."""

from dataclasses import replace

from deepaudio.pipelines.options import SampleOptions

# MMAudio's guidance; F5-TTS counts its strength of 2 from the conditional side; YingSound likewise
V2A_SCALE, TTS_SCALE, YING_SCALE = 4.5, 3.0, 3.0
_COMMON = SampleOptions()


def with_published_scale(options: SampleOptions, scale: float) -> SampleOptions:
    """The model's own guidance where the option has its common default; any other value is the user's."""
    if options.guidance_scale == _COMMON.guidance_scale:
        return replace(options, guidance_scale=scale)
    return options

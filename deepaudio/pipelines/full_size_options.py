"""The published guidance of the full-size models, for options that a user left as they are."""

# MMAudio's guidance; F5-TTS counts its strength of 2 from the conditional side; YingSound likewise
V2A_SCALE, TTS_SCALE, YING_SCALE = 4.5, 3.0, 3.0

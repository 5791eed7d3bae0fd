"""The frame grid of speech mels and energy contours: 24 kHz, hop 256, 93.75 frames per second, as in F5-TTS and Vocos."""

SAMPLE_RATE, HOP = 24_000, 256
FRAME_RATE = SAMPLE_RATE / HOP

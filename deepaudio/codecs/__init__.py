"""Codecs: waveforms to latents and back, and vocoders."""

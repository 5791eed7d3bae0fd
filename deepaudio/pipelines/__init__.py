"""What users call: clips, scripts and voices in; waveforms and files out."""

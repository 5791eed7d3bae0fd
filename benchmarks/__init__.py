"""Figures of the embedded preset and of the full sizes; see `make bench`."""

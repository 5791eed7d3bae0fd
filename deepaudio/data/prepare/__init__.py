"""Readers of public corpora; each yields rows of the one manifest format."""

"""Readers of published corpora: their layout to items of the manifest."""

"""Frozen feature extractors of video and text."""

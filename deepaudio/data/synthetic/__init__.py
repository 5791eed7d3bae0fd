"""Drawn clips with known sounds: talking faces and scenes."""

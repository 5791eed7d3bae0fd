"""Presets: `mini` is inside the package; the paper's sizes are made of official files that are pulled or imported."""

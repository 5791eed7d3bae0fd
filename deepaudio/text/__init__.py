"""From written text to what the speech models read."""

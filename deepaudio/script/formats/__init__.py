"""One file a script format; encodings and recognition of formats."""

"""Signal processing on tensors; no files."""

"""Building blocks of the networks: ints in, tensors out."""

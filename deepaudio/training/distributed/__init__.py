"""One run over several processes: who they are, how they train together, and the batches that each gets."""

"""What can be seen of a run: losses as they go and in files, a held-out set, samples to listen to, the best models."""

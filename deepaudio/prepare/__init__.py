"""Corpora to manifests, features and shards for training."""

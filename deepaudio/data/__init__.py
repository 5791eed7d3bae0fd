"""Datasets: manifests, features, batching and the preparation of public corpora."""

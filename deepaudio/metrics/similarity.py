"""Cosine of two embeddings, the base of every similarity metric."""

import torch
from torch import Tensor


def cosine(a: Tensor, b: Tensor) -> float:
    """Cosine of two vectors [d]; ValueError for zero, non-finite or unequal vectors."""
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"expected two [d], got {list(a.shape)} and {list(b.shape)}")
    a, b = a.double(), b.double()
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise ValueError("an embedding is not finite")
    scale = float(a.norm() * b.norm())
    if scale == 0.0:
        raise ValueError("an embedding is zero")
    return float(a @ b) / scale

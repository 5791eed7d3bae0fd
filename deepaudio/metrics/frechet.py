"""Frechet distance of two sets of features seen as Gaussians, the base of FAD and FD."""

import numpy as np
import scipy.linalg
from jaxtyping import Float
from torch import Tensor

EPSILON = 1e-6


def frechet_distance(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> float:
    """|mean a - mean b|^2 + tr(Ca + Cb - 2 (Ca Cb)^1/2), unbiased covariances.

    A singular product gets EPSILON on both diagonals. ValueError for fewer than two rows.
    """
    if len(a) < 2 or len(b) < 2:
        raise ValueError(f"a Frechet distance needs two rows a side, got {len(a)} and {len(b)}")
    a, b = a.double().numpy(), b.double().numpy()
    offset = a.mean(0) - b.mean(0)
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    return float(
        offset @ offset + np.trace(cov_a) + np.trace(cov_b) - 2 * _root_trace(cov_a, cov_b)
    )


def _root_trace(cov_a: np.ndarray, cov_b: np.ndarray) -> float:
    """Trace of the square root of Ca Cb, by way of the symmetric Ca^1/2 Cb Ca^1/2."""
    values, vectors = scipy.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    inner = scipy.linalg.eigvalsh(root @ cov_b @ root)
    return float(np.sqrt(np.clip(inner, 0, None)).sum())

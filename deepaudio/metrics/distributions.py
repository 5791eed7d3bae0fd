"""Distances of sets of features and of class distributions: FAD, FD, KL, inception score, tag recall."""

import logging

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.metrics import Metric

log = logging.getLogger(__name__)
EPSILON = 1e-6
SPLITS = 10
SEED = 2020  # of the permutation before the split, as published numbers used it
TOP = 10


def frechet_distance(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> float:
    """|mean a - mean b|^2 + tr(Ca + Cb - 2 (Ca Cb)^1/2), unbiased covariances.

    A singular product gets EPSILON on both diagonals. ValueError for fewer than two rows. A side with no more rows than
    dimensions has a singular covariance and makes the distance depend on the number of rows: that is a warning.
    """
    if len(a) < 2 or len(b) < 2:
        raise ValueError(f"a Frechet distance needs two rows a side, got {len(a)} and {len(b)}")
    fewest, dim = min(len(a), len(b)), a.shape[1]
    if fewest <= dim:
        log.warning(
            "Frechet distance of %d embeddings in %d dimensions: too few for its covariance, not comparable with other counts",
            fewest, dim,
        )  # fmt: skip
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


def fad(output_soundframes: list[Tensor], target_soundframes: list[Tensor]) -> float:
    """FAD: Frechet distance of frame embeddings of output and target sound (VGGish in the paper).

    Frechet distance between lists of [p d].

    Every item may bring several frames; all frames of a side form one Gaussian.
    """
    return frechet_distance(torch.cat(output_soundframes), torch.cat(target_soundframes))


def fd(output_sound: list[Tensor], target_sound: list[Tensor]) -> float:
    """FD: Frechet distance of clip embeddings of output and target sound (PANNs in the paper).

    Frechet distance between lists of [d].

    One embedding an item.
    """
    return frechet_distance(torch.stack(output_sound), torch.stack(target_sound))


def kl(output_classes: Float[Tensor, " k"], target_classes: Float[Tensor, " k"]) -> float:
    """KL: divergence of the class distribution of the output from that of the target, softmax.

    Divergence in nats of two vectors of logits [k].

    Sum over classes of p_target (log p_target - log p_output), averaged over items (KL-softmax). The published fixture's note
    names its two sets of logits the other way round; its number is that of the second set as the target.
    """
    target = target_classes.double().log_softmax(-1)
    output = output_classes.double().log_softmax(-1)
    return float((target.exp() * (target - output)).sum())


def inception(output_classes: list[Tensor]) -> float:
    """IS: inception score, exp of the mean divergence of each output's classes from their mean.

    Mean over ten splits (one, when there are fewer than ten items) of logits [k].
    """
    return mean_and_deviation(torch.stack(output_classes))[0]


def mean_and_deviation(logits: Tensor, splits: int = SPLITS) -> tuple[float, float]:
    """Inception score of logits [n k]: mean and deviation over the splits."""
    n = len(logits)
    splits = splits if n >= splits else 1
    order = np.random.RandomState(SEED).permutation(n)
    logs = logits.double()[torch.from_numpy(order)].log_softmax(-1)
    scores = []
    for i in range(splits):
        part = logs[i * n // splits : (i + 1) * n // splits]
        mean = part.exp().mean(0, keepdim=True).log()
        scores.append(float((part.exp() * (part - mean)).sum(-1).mean().exp()))
    return float(np.mean(scores)), float(np.std(scores))


def tag_recall(output_classes: Float[Tensor, " k"], target_classes: Float[Tensor, " k"]) -> float:
    """Tag recall: share of the target's ten strongest sound classes among the output's ten strongest.

    Share in 0..1 for two vectors of logits [k].
    """
    top = min(TOP, len(target_classes))
    wanted = set(target_classes.topk(top).indices.tolist())
    return len(wanted & set(output_classes.topk(top).indices.tolist())) / top


METRICS = {
    "fad": Metric(
        "FAD", ("output_soundframes", "target_soundframes"), "lower", fad, tasks=("v2a",), per="set"
    ),
    "fd": Metric("FD", ("output_sound", "target_sound"), "lower", fd, tasks=("v2a",), per="set"),
    "kl": Metric("KL", ("output_classes", "target_classes"), "lower", kl, tasks=("v2a",)),
    "inception": Metric("IS", ("output_classes",), "higher", inception, tasks=("v2a",), per="set"),
    "tag_recall": Metric(
        "tag recall",
        ("output_classes", "target_classes"),
        "higher",
        tag_recall,
        tasks=("v2a",),
        scale=100.0,
        silent=0.0,
    ),
}

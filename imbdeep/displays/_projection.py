"""Points in two dimensions: how they come about, and how their axes are named."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils.parallel import _get_threadpool_controller

from ._canvas import share
from ._rows import as_rows

Points = NDArray[np.float64]


def check_points(points: Any, labels: NDArray[Any], what: str, *, of: str) -> Points:
    """Return finite points as an array (n, d), as many as there are labels."""
    found = np.asarray(as_rows(points), dtype=np.float64)
    if found.ndim != 2 or not found.size or labels.shape != found.shape[:1]:
        raise ValueError(
            f"{what} has shape {found.shape} and {of} {labels.shape}: give (n, d) and (n,), n and "
            "d at least 1."
        )
    if not np.isfinite(found).all():
        raise ValueError(f"{what} holds NaN or infinity: look for a network that diverged.")
    return found


def two_components(points: Points) -> tuple[Points, tuple[float, float]]:
    """Return the first two principal components, and their share of the variance."""
    if len(points) == 1 or not np.ptp(points, axis=0).any():  # a point has no directions
        return np.zeros((len(points), 2)), (0.0, 0.0)
    if points.shape[1] == 1:
        points = np.column_stack([points, np.zeros(len(points))])
    pca = PCA(n_components=2, svd_solver="full")
    found = pca.fit_transform(points)
    first, second = pca.explained_variance_ratio_
    return found, (float(first), float(second))


def neighbour_map(points: Points, perplexity: float, seed: int) -> Points:
    """Return the points of t-SNE; few rows lower the perplexity."""
    n, d = points.shape
    if n == 1 or not np.ptp(points, axis=0).any():  # a point has no neighbours
        return np.zeros((n, 2))
    tsne = TSNE(
        perplexity=min(perplexity, max(1.0, (n - 1) / 3)),
        init="pca" if d > 1 else "random",
        random_state=seed,
    )
    # Threads add up in the order in which they finish, and t-SNE makes much of the last digit.
    with _get_threadpool_controller().limit(limits=1):
        found: Points = tsne.fit_transform(points).astype(np.float64)
    return found


def component_names(shares: Any) -> list[str]:
    """Return the names of the two axes of principal components; shares may be empty."""
    parts = [f" ({share(part)} of the variance)" for part in shares] or ["", ""]
    return [f"principal component {i}{part}" for i, part in enumerate(parts, start=1)]

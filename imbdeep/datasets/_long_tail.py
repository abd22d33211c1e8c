"""Class counts of the papers, and data sets cut down to such counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing

from imbdeep.datasets._files import lines_of


@dataclass(frozen=True)
class Profile:
    """How many rows of each class a paper keeps.

    Parameters
    ----------
    counts : tuple of int
        Rows of each class, in the order of the classes.
    paper : str
        The paper, and where it says so.
    note : str, default=""
        What the counts alone do not tell.

    Examples
    --------
    >>> from imbdeep.datasets import PROFILES
    >>> PROFILES["cifar10-4500-80"].counts
    (4500, 2000, 1000, 800, 600, 500, 400, 250, 150, 80)
    """

    counts: tuple[int, ...]
    paper: str
    note: str = ""


def exponential_counts(n_max: int, n_classes: int, ratio: float) -> tuple[int, ...]:
    """Class counts that fall exponentially, as those of CIFAR-LT.

    Class k of K has floor(n_max * ratio^(-k / (K - 1))) rows, k = 0, ..., K - 1.

    Parameters
    ----------
    n_max : int
        Rows of the first class, at least 1.
    n_classes : int
        Number of classes K, at least 1.
    ratio : float
        Rows of the first class for each row of the last, at least 1 and at most ``n_max``.

    Returns
    -------
    tuple of int
        Rows of each class, from the most to the fewest.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    J. Kim, J. Jeong, J. Shin, "M2m: Imbalanced Classification via Major-to-minor Translation",
    CVPR 2020, section 3.2.

    Examples
    --------
    >>> from imbdeep.datasets import exponential_counts
    >>> exponential_counts(5000, 10, 100)
    (5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50)
    """
    _check_schedule(n_max, n_classes)
    if not 1 <= ratio <= n_max:
        raise ValueError(
            f"ratio={ratio!r} must lie between 1 and n_max={n_max}, so that the last class has a "
            "row."
        )
    steps = max(n_classes - 1, 1)
    return tuple(int(n_max * ratio ** (-k / steps)) for k in range(n_classes))


def pareto_counts(n_max: int, n_classes: int, n_min: int, power: float) -> tuple[int, ...]:
    """Class counts at even quantiles of a Pareto distribution, as the rule of ImageNet-LT.

    The excesses x_k = (1 - k / K)^(-1 / power) - 1, k = 0, ..., K - 1, are scaled so that the
    largest is ``n_max``, rounded, and raised to ``n_min``.

    Parameters
    ----------
    n_max : int
        Rows of the first class, at least 1.
    n_classes : int
        Number of classes K, at least 2.
    n_min : int
        Rows of the smallest classes, from 1 to ``n_max``.
    power : float
        Power of the distribution, above 0: the larger, the sooner the counts fall.

    Returns
    -------
    tuple of int
        Rows of each class, from the most to the fewest.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> from imbdeep.datasets import pareto_counts
    >>> pareto_counts(1280, 5, 5, power=6)
    (1280, 686, 370, 158, 5)
    """
    _check_schedule(n_max, n_classes)
    if n_classes < 2:
        raise ValueError(f"n_classes={n_classes!r} must be at least 2: one class has no tail.")
    if not 1 <= n_min <= n_max:
        raise ValueError(f"n_min={n_min!r} must lie between 1 and n_max={n_max}.")
    if not power > 0:
        raise ValueError(f"power={power!r} must be above 0.")
    excess = (1 - np.arange(n_classes) / n_classes) ** (-1 / power) - 1
    counts = np.maximum(np.rint(n_max * excess / excess[-1]), n_min)
    return tuple(int(count) for count in counts[::-1])


def _check_schedule(n_max: int, n_classes: int) -> None:
    for name, value in (("n_max", n_max), ("n_classes", n_classes)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name}={value!r} must be a whole number, at least 1.")


def _profile(counts: str, paper: str, note: str = "") -> Profile:
    """Return a line of profiles.txt: counts such as ``6000*5 60``, or a rule and its numbers."""
    rules: dict[str, Callable[..., tuple[int, ...]]] = {
        "exponential": exponential_counts,
        "pareto": pareto_counts,
    }
    rule, *numbers = counts.split()
    if rule in rules:
        return Profile(rules[rule](*map(int, numbers)), paper, note)
    groups = [(*map(int, group.split("*")), 1)[:2] for group in counts.split()]
    return Profile(tuple(size for size, n in groups for _ in range(n)), paper, note)


#: Class counts of the papers, by the name of the data set and what tells its profiles apart.
PROFILES: dict[str, Profile] = {
    name: _profile(*columns) for name, *columns in lines_of("profiles.txt", " | ")
}


def draw_rows(
    y: NDArray[Any], sizes: Sequence[int], random: np.random.Generator
) -> NDArray[np.intp]:
    """Positions of rows of each class, drawn without replacement.

    Parameters
    ----------
    y : array of shape (n_samples,)
        Classes as integers from 0.
    sizes : sequence of int
        Rows to draw of class 0, 1, ...; of a class that has fewer, all are taken.
    random : Generator
        What they are drawn from: one permutation a class, in the order of the classes.

    Returns
    -------
    ndarray of int
        The positions, class by class.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.datasets import draw_rows
    >>> y = np.array([0, 0, 0, 1, 1])
    >>> y[draw_rows(y, [2, 9], np.random.default_rng(0))]
    array([0, 0, 1, 1])
    """
    return np.concatenate(
        [random.permutation(np.flatnonzero(y == k))[:size] for k, size in enumerate(sizes)]
    )


def make_imbalanced(
    X: Any,
    y: Any,
    counts: Mapping[Any, int] | Sequence[int] | str,
    *,
    too_few: str = "raise",
    random_state: Any = None,
    shuffle: bool = True,
    return_indices: bool = False,
) -> tuple[Any, ...]:
    """Keep a number of rows of each class, drawn without replacement.

    Parameters
    ----------
    X : array-like, sparse matrix, DataFrame, list or torch.Tensor of shape (n_samples, ...)
        Rows or images, one a sample.
    y : array-like of shape (n_samples,)
        Their labels.
    counts : dict, sequence of int or str
        Rows to keep: a dict from label to number, where labels that it lacks keep all their rows; a
        sequence in the order of the sorted labels; or a name of ``PROFILES``.
    too_few : {"raise", "all"}, default="raise"
        What to do where a class has fewer rows than are asked for: raise, or take all it has.
    random_state : int, RandomState, Generator or None, default=None
        What the rows are drawn from; an integer gives the same rows each time.
    shuffle : bool, default=True
        Whether the rows come in random order. Otherwise they keep the order of ``X``.
    return_indices : bool, default=False
        Whether to return the positions of the kept rows too.

    Returns
    -------
    X_kept, y_kept : same types as X and y
        The rows and their labels; sparse matrices that cannot be indexed come back as CSR.
    indices : ndarray of int
        Their positions in ``X``, only if ``return_indices``.

    Raises
    ------
    ValueError
        If the counts do not fit the labels, are negative or no whole numbers, or if a class has too
        few rows.

    See Also
    --------
    imblearn.datasets.make_imbalance : By a dict or a function, without shuffling or positions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from imbdeep.datasets import exponential_counts, make_imbalanced
    >>> X, y = load_digits(return_X_y=True)
    >>> X, y = make_imbalanced(X, y, exponential_counts(150, 10, ratio=15), random_state=0)
    >>> np.bincount(y).tolist()
    [150, 111, 82, 60, 45, 33, 24, 18, 13, 10]
    """
    labels = _labels(y)
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if n_rows != len(labels):
        raise ValueError(f"X has {n_rows} rows and y {len(labels)} labels: give one for each row.")
    if too_few not in ("raise", "all"):
        raise ValueError(f"too_few={too_few!r} must be 'raise' or 'all'.")
    classes, numbers, present = np.unique(labels, return_inverse=True, return_counts=True)
    sizes = _sizes(counts, classes, present)
    for label, size, there in zip(classes, sizes, present, strict=True):
        if size > there and too_few == "raise":
            raise ValueError(
                f"class {label!s} has {there} rows, fewer than the {size} asked for: lower its "
                "count, or pass too_few='all' to take what there is."
            )
    if issparse(X) and X.format not in ("csr", "csc"):
        X = X.tocsr()  # other formats cannot be asked for rows
    random = _generator(random_state)
    indices = draw_rows(numbers, sizes, random)
    indices = random.permutation(indices) if shuffle else np.sort(indices)
    kept = _safe_indexing(X, indices), _safe_indexing(y, indices)
    return (*kept, indices) if return_indices else kept


def _labels(y: Any) -> NDArray[Any]:
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(f"y has shape {labels.shape}: give one label for each row.")
    return labels


def _sizes(
    counts: Mapping[Any, int] | Sequence[int] | str,
    classes: NDArray[Any],
    present: NDArray[np.intp],
) -> list[int]:
    """Rows to keep of each class, in the order of ``classes``."""
    if isinstance(counts, str):
        if counts not in PROFILES:
            raise ValueError(f"counts={counts!r} is none of {', '.join(PROFILES)}.")
        counts = PROFILES[counts].counts
    if isinstance(counts, Mapping):
        known = classes.tolist()
        strange = [label for label in counts if label not in known]
        if strange:
            raise ValueError(f"counts names {strange!r}, which y does not have: it has {known!r}.")
        wanted = [counts.get(label, n) for label, n in zip(known, present.tolist(), strict=True)]
    else:
        wanted = list(counts)
        if len(wanted) != len(classes):
            raise ValueError(
                f"counts has {len(wanted)} numbers and y {len(classes)} classes: give one for each "
                "class, in the order of the sorted labels, or a dict."
            )
    for size in wanted:
        if not isinstance(size, Integral) or size < 0:
            raise ValueError(f"counts holds {size!r}: numbers of rows are whole, at least 0.")
    return [int(size) for size in wanted]


def _generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    return np.random.default_rng(random_state)

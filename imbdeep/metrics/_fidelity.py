"""How near generated rows are to real ones: too far is unlike them, too near is copied."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.sparse import issparse
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_array

from imbdeep import _docs

Features = Callable[[Any], Any]
Doubles = NDArray[np.float64]

#: Numbers that one step holds beside the rows themselves: 1 MiB of doubles stay in the cache.
_CHUNK = 2**17
#: Up to here a tree finds neighbours faster than all distances do (20 000 normal rows); with 15
#: columns, where scikit-learn still grows one, it takes seven times as long.
_TREE_COLUMNS = 7
#: A row within this share of a ball's border is on it, not inside.
_BORDER = 1e-9

documented = _docs.documented(
    {
        "generated": "generated : array-like of shape (n_generated, ...)\n    Generated rows.",
        "features": """\
features : callable, default=None
    From rows to an array of shape (n, n_features) in which Euclidean distances mean something:
    ``TabularEncoder().fit(real).transform`` for tables with categories, missing values or columns
    of several units, a network's features for images. The default takes the rows as they are,
    which must be numbers.""",
    }
)

_ENCODE = (
    "Give features=TabularEncoder().fit(train).transform, with the TabularEncoder of "
    "imbdeep.encoding"
)


@documented
def density_coverage(
    real: Any,
    generated: Any,
    *,
    k: int = 5,
    features: Features | None = None,
    n_jobs: int | None = None,
) -> tuple[float, float]:
    """Density and coverage: do generated rows lie where real ones do, and do they lie everywhere?

    Around each of the N real rows x_i stands the ball B_i that reaches to its k-th nearest real
    neighbour. Of the M generated rows y_j,

        density = 1/(k M) sum_j sum_i [y_j in B_i],
        coverage = 1/N sum_i [some y_j in B_i].

    Density is low where generated rows are unlike real ones; coverage is low where kinds of real
    rows are missing among the generated ones. Rows of the true distribution have the mean density 1
    and the mean coverage 1 - prod_{l=1..k} (N - l) / (N + M - l), about 1 - 2^-k for N = M. So the
    coverage depends on the numbers of rows: compare equal numbers.

    Parameters
    ----------
    real : array-like of shape (n_real, ...)
        Real rows, better ones that the generator was not trained on. Images are flattened.
    $generated
    k : int, default=5
        Neighbours that give a ball its radius. The default is that of the reference.
    $features
    n_jobs : int, default=None
        Threads; -1 takes all cores.

    Returns
    -------
    density : float
        From 0, without an upper bound: in many columns, rows that all lie in the middle of the real
        ones, as decoder means do, give far more than 1.
    coverage : float
        From 0 to 1.

    Raises
    ------
    ValueError
        If there are not more than `k` real rows, the rows are no numbers, or real and generated
        ones differ in their columns.

    Notes
    -----
    A row on the border of a ball is outside, as in the authors' code, so that rows which repeat
    more than `k` times have an empty ball. Memory grows with N + M, time with N M.

    References
    ----------
    .. [1] M. F. Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models",
       ICML 2020, section 3.

    Examples
    --------
    >>> from imbdeep.metrics import density_coverage
    >>> density_coverage([[0.0], [1.0], [3.0]], [[0.5], [0.6]], k=1)  # radii 1, 1 and 2
    (2.0, 0.6666666666666666)
    """
    if not isinstance(k, Integral) or k < 1:
        raise ValueError(f"k={k!r}, but it must be a whole number of neighbours, 1 or more.")
    points, others = numbers(features, real=real, generated=generated)
    if len(points) <= k:
        raise ValueError(
            f"k={k} needs more than {k} real rows for neighbours, but there are {len(points)}: "
            "give more real rows, or a smaller k."
        )
    # Near the origin the squares below lose no digits.
    center = points.mean(axis=0)
    points, others = points - center, others - center
    radii = _neighbours(points, n_neighbors=int(k), n_jobs=n_jobs).max(axis=1)
    squares = (points**2).sum(axis=1)
    rounding = 32 * np.finfo(float).eps * (np.sqrt(squares) + radii) ** 2
    # Rows on the border of a ball are outside, also where rounding puts them inside.
    # |x - y|² < r² as x'y - |y|²/2 > (|x|² - r²)/2, one matrix product for a chunk of balls.
    bounds = (squares - (radii**2 * (1 - _BORDER) - rounding)) / 2
    points = np.column_stack([points, np.full(len(points), -0.5)])
    others = np.column_stack([others, (others**2).sum(axis=1)])

    def inside(balls: slice) -> NDArray[np.int64]:
        return np.count_nonzero(points[balls] @ others.T > bounds[balls, None], axis=1)

    chunks = gen_batches(len(points), max(1, _CHUNK // len(others)))
    counts = np.concatenate(
        Parallel(n_jobs=n_jobs, prefer="threads")(delayed(inside)(chunk) for chunk in chunks)
    )
    return float(counts.sum() / (k * len(others))), float(np.mean(counts > 0))


@documented
def frechet_distance(real: Any, generated: Any, *, features: Features | None = None) -> float:
    """Fréchet distance of the two normal distributions that have the rows' means and covariances.

    The formula of the FID,

        |m_1 - m_2|² + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)),

    which is the *squared* distance, of whatever features you give: the FID itself is that of a
    certain Inception network, and its numbers compare with no others. It uses means and covariances
    alone: unlike `density_coverage` it is of use for thousands of rows only, and rows that are
    copied from the real ones have the best value there is.

    Parameters
    ----------
    real : array-like of shape (n_real, ...)
        Real rows, two or more. Images are flattened.
    generated : array-like of shape (n_generated, ...)
        Generated rows, two or more.
    $features

    Returns
    -------
    float
        0 where means and covariances agree; its unit is that of the features, squared.

    Raises
    ------
    ValueError
        If there are fewer than two rows of a kind, the rows are no numbers, or real and generated
        ones differ in their columns.

    Notes
    -----
    With fewer rows than features the covariances are singular, and a general matrix root loses half
    of the digits or turns complex. Here rows are centred and divided by (n - 1)^(1/2) to matrices
    A_1 and A_2, S = A'A, and the trace of the root is the sum of the singular values of A_1 A_2',
    which is exact for any rank. The value is biased upwards for few rows: compare equal numbers.

    References
    ----------
    .. [1] M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
       Equilibrium", NeurIPS 2017, section 2.

    Examples
    --------
    >>> from imbdeep.metrics import frechet_distance
    >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]])  # the same spread, 3 apart
    9.0
    """
    points, others = numbers(features, real=real, generated=generated)
    for name, rows in (("real", points), ("generated", others)):
        if len(rows) < 2:
            raise ValueError(f"{name} has 1 row, but a covariance takes 2 or more: give more rows.")
    between = points.mean(axis=0) - others.mean(axis=0)
    roots = [
        # S = A'A = R'R, and R has no more rows than features.
        linalg.qr((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1), mode="economic")[1]
        for rows in (points, others)
    ]
    common = linalg.svdvals(roots[0] @ roots[1].T).sum()
    distance = between @ between + sum((root**2).sum() for root in roots) - 2 * common
    return max(0.0, float(distance))  # rounding may take it below


@documented
def nearest_distances(train: Any, generated: Any, *, features: Features | None = None) -> Doubles:
    """The distance of each generated row to the nearest training row.

    Parameters
    ----------
    train : array-like of shape (n_train, ...)
        The rows that the generator was trained on. Images are flattened.
    $generated
    $features

    Returns
    -------
    ndarray of shape (n_generated,)
        Euclidean distances, 0 for copies.

    Raises
    ------
    ValueError
        If the rows are no numbers, or training and generated ones differ in their columns.

    Examples
    --------
    >>> from imbdeep.metrics import nearest_distances
    >>> nearest_distances([[0.0, 0.0], [3.0, 4.0]], [[0.0, 1.0], [3.0, 4.0]])
    array([1., 0.])
    """
    points, others = numbers(features, train=train, generated=generated)
    return _neighbours(points, others)[:, 0]


@documented
def memorisation(
    train: Any, generated: Any, *, holdout: Any = None, features: Features | None = None
) -> dict[str, float]:
    """How much of the training rows the generated ones reveal.

    A generator that repeats its training rows is close to real rows in every comparison, adds no
    more than copies of rows do, and publishes private rows.

    Parameters
    ----------
    train : array-like of shape (n_train, ...)
        The rows that the generator was trained on, two or more; of the same class as the generated
        ones. Images are flattened.
    $generated
    holdout : array-like of shape (n_holdout, ...), default=None
        Rows of the same source that no training has seen, best as many as of `train`.
    $features

    Returns
    -------
    dict of str to float
        - "duplicates": share of generated rows that equal a training row in every value, whatever
          the features. Tables of few levels have some by chance.
        - "median_distance": median over generated rows of the distance to the nearest training row.
        - "distance_ratio": that over the median distance of a training row to the nearest other
          one. Near 1, generated rows keep the distance that real ones keep; far below, they are
          copies with little noise. Infinite or NaN where half of the training rows repeat.
        - with `holdout`, "nearer_to_train": share of generated rows that are nearer to `train` than
          to `holdout`, equal distances counting half.
        - and "expected_nearer": what that share is for a generator that has not seen `train`,
          n_train / (n_train + n_holdout); 0.5 for equal numbers.

    Raises
    ------
    ValueError
        If there are fewer than two training rows, the rows are no numbers, or they differ in their
        columns.

    Examples
    --------
    >>> from imbdeep.metrics import memorisation
    >>> found = memorisation([[0.0], [2.0], [4.0]], [[0.0], [2.5]], holdout=[[1.0], [3.0], [5.0]])
    >>> found["duplicates"], found["median_distance"], found["distance_ratio"]
    (0.5, 0.25, 0.125)
    >>> found["nearer_to_train"], found["expected_nearer"]  # 2.5 is as near to 2 as to 3
    (0.75, 0.5)
    """
    tables = {"train": train, "generated": generated}
    points, others, *kept = numbers(
        features, **tables, **({} if holdout is None else {"holdout": holdout})
    )
    if len(points) < 2:
        raise ValueError(
            "train has 1 row, but how near generated rows may be is measured by the distances "
            "between training rows: give 2 or more."
        )
    distances = _neighbours(points, others)[:, 0]
    median, own = float(np.median(distances)), float(np.median(_neighbours(points)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.divide(median, own))
    found = {
        "duplicates": _duplicates(train, generated),
        "median_distance": median,
        "distance_ratio": ratio,
    }
    if kept:
        others_from = _neighbours(kept[0], others)[:, 0]
        nearer = np.mean(distances < others_from) + np.mean(distances == others_from) / 2
        found["nearer_to_train"] = float(nearer)
        found["expected_nearer"] = len(points) / (len(points) + len(kept[0]))
    return found


def _neighbours(
    points: Doubles,
    queries: Doubles | None = None,
    *,
    n_neighbors: int = 1,
    n_jobs: int | None = None,
) -> Doubles:
    """Distances of queries to their nearest points, or of points to their nearest other points."""
    # Squares of columns far from 0, such as dates, leave no digits for the distances.
    center = points.mean(axis=0)
    index = NearestNeighbors(
        n_neighbors=n_neighbors,
        algorithm="auto" if points.shape[1] <= _TREE_COLUMNS else "brute",
        n_jobs=n_jobs,
    ).fit(points - center)
    centered = None if queries is None else queries - center
    nearest = index.kneighbors(centered, return_distance=False)
    rows = points if queries is None else queries
    distances = np.empty(nearest.shape)
    # By differences: the index takes them from squares, which gives copies a distance above 0.
    for chunk in gen_batches(len(rows), max(1, _CHUNK // points.shape[1])):
        for column in range(n_neighbors):
            apart = rows[chunk] - points[nearest[chunk, column]]
            distances[chunk, column] = np.sqrt((apart**2).sum(axis=1))
    return distances


def numbers(features: Features | None, *, missing: bool = False, **tables: Any) -> list[Doubles]:
    """Each table as finite doubles of shape (n, n_features); the first says how many features.

    NaN is let through where ``missing`` says so.
    """
    _check_columns(tables)
    found: list[Doubles] = []
    for name, rows in tables.items():
        array = _array(rows if features is None else features(rows))
        if array.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} is no table of numbers{'' if features is None else ' after features'} "
                f"(its dtype is {array.dtype}), and {'trees' if missing else 'distances'} need "
                f"numbers. {_ENCODE}."
            )
        if array.ndim < 2 or len(array) == 0:
            raise ValueError(
                f"{name} has the shape {array.shape}, but it must be (n_rows, n_features) with one "
                "row or more: reshape it."
            )
        if features is not None and len(array) != _n_rows(rows):
            raise ValueError(
                f"features made {len(array)} rows of the {_n_rows(rows)} of {name}, but it must "
                "return one for each."
            )
        if not missing and array.dtype.kind == "f" and np.isnan(array).any():
            raise ValueError(
                f"{name} holds missing values, which have no distances. Fill them, or encode them: "
                f"{_ENCODE}."
            )
        flat = check_array(
            array.reshape(len(array), -1),
            dtype=np.float64,
            ensure_all_finite="allow-nan" if missing else True,
            input_name=name,
        )
        if found and flat.shape[1] != found[0].shape[1]:
            raise ValueError(
                f"{name} has {flat.shape[1]} columns, but {next(iter(tables))} has "
                f"{found[0].shape[1]}: give both the same columns in the same order."
            )
        found.append(flat)
    return found


def _array(rows: Any) -> NDArray[Any]:
    return rows.toarray() if issparse(rows) else np.asarray(rows)


def _n_rows(rows: Any) -> int:
    return int(rows.shape[0]) if hasattr(rows, "shape") else len(rows)


def _check_columns(tables: dict[str, Any]) -> None:
    """Check that frames have the same columns in the same order, which arrays do not show."""
    names = {name: list(rows.columns) for name, rows in tables.items() if hasattr(rows, "columns")}
    (first, columns), *rest = names.items() or [("", [])]
    for name, others in rest:
        if others != columns:
            raise ValueError(
                f"{name} has the columns {others}, but {first} has {columns}: give both the same "
                "columns in the same order."
            )


def _duplicates(train: Any, generated: Any) -> float:
    """The share of generated rows that equal a training row; missing values are equal."""
    tables = [array.reshape(len(array), -1) for array in map(_array, (train, generated))]
    numbers = all(table.dtype.kind in "biuf" for table in tables)
    known, others = (_number_keys(table) if numbers else _value_keys(table) for table in tables)
    found = set(known)
    return float(np.mean([key in found for key in others]))


def _number_keys(table: NDArray[Any]) -> Iterator[bytes]:
    for chunk in gen_batches(len(table), max(1, _CHUNK // table.shape[1])):
        values = table[chunk].astype(np.float64) + 0.0  # no -0
        values[np.isnan(values)] = np.nan  # of all the bit patterns for it, one
        yield from (_digest(row.tobytes()) for row in values)


def _value_keys(table: NDArray[Any]) -> Iterator[bytes]:
    for row in table:
        yield _digest(repr([_plain(value) for value in row.tolist()]).encode())


def _plain(value: Any) -> Any:
    """Equal values to values that are written alike: 1, 1.0 and True; None, NaN, NaT and NA."""
    if isinstance(value, str):
        return str(value)
    if value is None or str(value) in ("nan", "NaT", "<NA>"):
        return None
    if isinstance(value, int | float | np.number | np.bool_):
        return int(value) if float(value).is_integer() else float(value)
    return str(value)


def _digest(key: bytes) -> bytes:
    """Return 16 bytes in place of a row: only some 2^64 rows hold two that agree by chance."""
    return hashlib.blake2b(key, digest_size=16).digest()

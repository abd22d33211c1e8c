"""Which of the generated rows are kept: in proportion to the probability of their class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone


def checked_copy(row_filter: Any, classes: NDArray[Any]) -> Any:
    """Copy the user's acceptor, None for None and a word; refuse one that cannot be trained.

    Parameters
    ----------
    row_filter : "auto", classifier or None
        The parameter of a sampler.
    classes : ndarray of shape (n_classes,)
        Those of the data.

    Returns
    -------
    classifier or None
        The copy, its parameters checked.
    """
    if row_filter is None or isinstance(row_filter, str):
        return None
    acceptor = clone(row_filter)
    for part in (acceptor, *acceptor.get_params().values()):
        # scikit-learn leaves it out in another estimator's fit.
        if hasattr(part, "_parameter_constraints") and not isinstance(part, type):
            part._validate_params()
    check_classes(acceptor, classes)
    return acceptor


def check_classes(acceptor: Any, classes: NDArray[Any]) -> None:
    """Refuse an acceptor that was fitted, and frozen, on other classes.

    Parameters
    ----------
    acceptor : classifier
        One that is not fitted passes.
    classes : ndarray of shape (n_classes,)
        Those of the data.

    Raises
    ------
    ValueError
        If the classes differ.
    """
    known = np.asarray(getattr(acceptor, "classes_", classes)).tolist()
    if known != classes.tolist():
        raise ValueError(
            f"row_filter was fitted on the classes {known}, and y holds {classes.tolist()}: give a "
            "classifier that is not frozen."
        )


def accepted(believed: NDArray[np.float64], n: int, seed: int) -> NDArray[np.intp]:
    r"""Draw ``n`` rows without replacement, each in proportion to its probability.

    Rows :math:`x` from a density :math:`q(x)` that are kept in proportion to :math:`p(y \mid x)`
    have a density proportional to :math:`q(x) p(y \mid x)`: the more candidates there are for each
    of the ``n``, the better this holds.

    Parameters
    ----------
    believed : ndarray of shape (n_candidates,)
        Probability of the class, for each candidate.
    n : int
        Number of rows to keep, at most as many as there are.
    seed : int
        Seed of the draw.

    Returns
    -------
    ndarray of shape (n,)
        Numbers of the rows, in the order of the candidates. Rows of probability 0 come last.
    """
    # The largest of log p + Gumbel noise are such a draw.
    noise = np.random.default_rng(seed).gumbel(size=len(believed))
    with np.errstate(divide="ignore"):
        keys = np.log(believed) + noise
    # Of equals (log 0) the first ones.
    return np.sort(np.argsort(-keys, kind="stable")[:n])

"""The row filter: generated rows are kept in proportion to the probability of their class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from imbdeep.classifiers._voting import VotingEnsembleClassifier
from imbdeep.over_sampling._memory import VERSIONS, fitted, remembered
from imbdeep.seeding import draw_seed

#: With row_filter="auto", a class that needs more candidates than this is not filtered: scoring so
#: many rows takes minutes, and no gain was measured there.
_CANDIDATES = 500_000
#: Candidates that are in memory at a time.
_AT_ONCE = 65_536


class RowFilter:
    """Keeps generated rows in proportion to the probability that a classifier gives to their class.

    Parameters
    ----------
    row_filter : "auto", classifier or None
        The parameter of the sampler. A classifier is copied, and refused where its parameters are
        wrong or it was frozen after a fit on other classes.
    n_candidates : int
        Rows generated for each that is kept.
    classes : ndarray of shape (n_classes,)
        Labels in sorted order.

    Attributes
    ----------
    classifier : classifier or None
        The one that scores rows; None where rows are not filtered.
    """

    def __init__(self, row_filter: Any, n_candidates: int, classes: NDArray[Any]) -> None:
        self.n_candidates, self.classes = int(n_candidates), classes
        self.automatic = isinstance(row_filter, str)
        self.classifier = None
        self._codes: set[int] = set()
        if row_filter is None or self.automatic:
            return
        self.classifier = clone(row_filter)
        for part in (self.classifier, *self.classifier.get_params().values()):
            # scikit-learn leaves this check out inside the fit of another estimator.
            if hasattr(part, "_parameter_constraints") and not isinstance(part, type):
                part._validate_params()
        self._check_classes()

    def prepare(self, n_new: dict[int, int], images: bool, stream: np.random.RandomState) -> None:
        """Choose the classifier and the classes, and draw seeds that the classifier lacks.

        The seeds come before those of the training, so that samplers of one ``random_state`` share
        a filter in their ``memory``.
        """
        self._codes = set(n_new)
        if self.classifier is None:
            self._codes = {
                code
                for code, n in n_new.items()
                if self.n_candidates > 1 and n * self.n_candidates <= _CANDIDATES
            }
            if not self.automatic or images or not self._codes:
                self._codes = set()
                return
            self.classifier = VotingEnsembleClassifier()
        for name, value in self.classifier.get_params().items():
            if name.split("__")[-1] == "random_state" and value is None:
                self.classifier.set_params(**{name: draw_seed(stream)})

    def fit(self, x: NDArray[np.float32], labels: NDArray[Any], memory: Any) -> None:
        """Train the classifier on encoded rows x (n, width), if there is one."""
        if self.classifier is not None:
            fit = remembered(memory, fitted)
            self.classifier = fit(self.classifier, x, labels, VERSIONS)
            self._check_classes()

    def applies_to(self, code: int) -> bool:
        """Tell whether rows of the class are filtered."""
        return code in self._codes

    def draw(
        self,
        generate: Callable[[int], NDArray[np.float32]],
        code: int,
        n: int,
        stream: np.random.RandomState,
    ) -> tuple[NDArray[np.float32], dict[str, float]]:
        """Return n rows of the class, and the mean probability of candidates and of kept rows.

        ``generate(m)`` gives m candidates, (m, ...).
        """
        assert self.classifier is not None
        kept, sums = [], np.zeros(2)
        most = max(1, _AT_ONCE // self.n_candidates)
        for start in range(0, n, most):
            wanted = min(most, n - start)
            x = generate(self.n_candidates * wanted)
            p = np.asarray(self.classifier.predict_proba(x.reshape(len(x), -1)))[:, code]
            if not (np.isfinite(p).all() and (p >= 0).all()):
                raise ValueError(
                    f"row_filter: {type(self.classifier).__name__} gives probabilities that are "
                    "negative or not finite: take another classifier, or row_filter=None."
                )
            rows = drawn_rows(p, wanted, draw_seed(stream))
            kept.append(x[rows])
            sums += p.sum() / self.n_candidates, p[rows].sum()
        means = dict(zip(("candidates", "kept"), (sums / n).tolist(), strict=True))
        return np.concatenate(kept), means

    def _check_classes(self) -> None:
        known = np.asarray(getattr(self.classifier, "classes_", self.classes)).tolist()
        if known != self.classes.tolist():
            raise ValueError(
                f"row_filter was fitted on the classes {known}, and y holds "
                f"{self.classes.tolist()}: give a classifier that is not frozen."
            )


def drawn_rows(p: NDArray[np.float64], n: int, seed: int) -> NDArray[np.intp]:
    r"""Draw ``n`` rows without replacement, each in proportion to its probability.

    Rows :math:`x` from a density :math:`q(x)` that are kept in proportion to :math:`p(y \mid x)`
    have a density proportional to :math:`q(x) p(y \mid x)`: the more candidates there are for each
    of the ``n``, the better this holds.

    Parameters
    ----------
    p : ndarray of shape (n_candidates,)
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
    # The n largest of log p + Gumbel noise are such a draw.
    noise = np.random.default_rng(seed).gumbel(size=len(p))
    with np.errstate(divide="ignore"):
        keys = np.log(p) + noise
    # Of equal keys (log 0) the first rows are taken.
    return np.sort(np.argsort(-keys, kind="stable")[:n])

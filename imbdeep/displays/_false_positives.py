"""Into which classes the mistakes of a classifier go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._by_class import (
    MAX_NAMED,
    PredictionsDisplay,
    by_frequency,
    check_counts,
    check_values,
    named,
)
from ._canvas import colors_of, count, documented, shorten, turn_long


@documented
class FalsePositivesDisplay(PredictionsDisplay):
    r"""Cumulative number of false positives from the most to the least frequent class.

    This is Figure 5 of [1]_. A false positive of class k is a row of another class that is
    predicted as k. Their sum over the first classes,

    .. math:: F_j = \sum_{k=1}^{j} \mathrm{FP}_k, \qquad N_1 \ge N_2 \ge \dots \ge N_K,

    ends at the total number of mistakes, since each mistake is a false positive of exactly one
    class. The dotted line has the same end and spreads the mistakes evenly over the classes. On a
    balanced test set, a line far above its dotted one belongs to a classifier that predicts
    frequent classes too often; one below it, to a classifier that was corrected too far. The lower
    the line ends, the better. Where the test set is itself imbalanced, even a perfect correction
    leaves no straight line.

    Parameters
    ----------
    false_positives : dict of str to array-like of shape (n_classes,), or array-like
        False positives of each class by the name of the method, whole numbers.
    class_counts : array-like of shape (n_classes,)
        Training rows of each class; classes of one size stay in the order given.
    classes : array-like of shape (n_classes,)
        The classes.

    Attributes
    ----------
    order : ndarray of shape (n_classes,)
        Positions of the classes from the most to the least frequent.
    cumulative : dict of str to ndarray of shape (n_classes,)
        What is drawn: F_1, ..., F_K of each method.
    $axes
    lines_ : dict of str to matplotlib Line2D
        The line of each method, from 0 classes on.

    Raises
    ------
    ValueError
        If the numbers of values do not match, one is negative or no whole number, a class has no
        valid number of rows, or a class or a method is named twice.

    See Also
    --------
    RecallDisplay : How many rows of each class are found.

    $m2m

    Examples
    --------
    >>> from imbdeep.displays import FalsePositivesDisplay
    >>> display = FalsePositivesDisplay.from_predictions(
    ...     [0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 0], class_counts=[5, 50, 20]
    ... )
    >>> display.order.tolist()
    [1, 2, 0]
    >>> display.cumulative["predictions"].tolist()
    [1, 1, 4]
    """

    def __init__(self, false_positives: Any, class_counts: Any, classes: Any) -> None:
        self.class_counts, self.classes = check_counts(class_counts, classes)
        self.order = by_frequency(self.class_counts)
        self.false_positives: dict[str, NDArray[np.int64]] = {}
        methods = named(false_positives, None, "false positives", "false_positives")
        for name, values in methods.items():
            array = check_values(values, len(self.classes), "false_positives", name, 0, np.inf)
            if not np.isfinite(array).all() or (array % 1).any():
                raise ValueError(
                    f"false_positives of {name!r} are {array.tolist()[:10]}, but must be whole "
                    "numbers of rows: give counts, not shares."
                )
            self.false_positives[name] = array.astype(np.int64)
        self.cumulative = {
            name: np.cumsum(values[self.order]) for name, values in self.false_positives.items()
        }

    @classmethod
    def _of(
        cls, matrices: dict[str, NDArray[np.int64]], counts: Any, classes: Any
    ) -> FalsePositivesDisplay:
        mistakes = {name: part.sum(axis=0) - part.diagonal() for name, part in matrices.items()}
        return cls(mistakes, counts, classes)

    def _draw(self, ax: Any) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        ax = self._begin(ax, 7.2, 4.4)
        n = len(self.classes)
        is_few = n <= MAX_NAMED
        self.lines_ = {}
        colors = colors_of(len(self.cumulative))
        for (name, sums), color in zip(self.cumulative.items(), colors, strict=True):
            total = int(sums[-1])
            (self.lines_[name],) = ax.plot(
                np.arange(n + 1), [0, *sums], color=color, lw=1.6, marker="o" if is_few else None,
                ms=4, label=f"{shorten(name, 28)}\n{count(total, 'mistake')}",
            )  # fmt: skip
            ax.plot([0, n], [0, total], color=color, lw=1.1, ls=":")
        if is_few:
            names = [shorten(label, 14) for label in self.classes[self.order].tolist()]
            ax.set_xticks(np.arange(1, n + 1), names, **turn_long(names, 45))
            ax.set_xlabel("up to this class, from the most to the least frequent")
        else:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.set_xlabel("number of classes, from the most to the least frequent")
        ax.set_xlim(0, n * 1.02)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylim(bottom=0)
        even = Line2D([], [], color="0.3", lw=1.1, ls=":", label="spread evenly")
        self._finish("false positives, summed", [*self.lines_.values(), even])

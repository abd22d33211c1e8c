"""Recall of each class against its size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from ._by_class import MAX_NAMED, PredictionsDisplay, check_counts, check_values, named
from ._canvas import colors_of, documented, shorten

#: Shapes of the points, so that methods differ in more than the colour.
_MARKERS = "osD^vPX"
#: Distance of the names of classes above the axes, as a share of the width: a line of text.
_GAP = 0.042
#: Groups of neighbours in size that the line goes through where classes are many.
_N_GROUPS = 10


@documented
class RecallDisplay(PredictionsDisplay):
    """Recall of each class against the number of its training rows, for one method or several.

    The recall of a class is the share of its rows that are predicted as such; the mean over the
    classes is the balanced accuracy, which the legend gives. The recall of a classifier that was
    trained on imbalanced rows as they are falls from right to left. A method for such rows should
    raise the left end, and the right end shows the cost. Classes of few test rows have recalls of
    few possible values: do not read much into a single point.

    There is a point for each class and method, and lines join the means of classes of like size. Up
    to 12 classes are named above the axes, and only those of one size share a mean. More are
    divided into about ten groups of neighbours in size, because the recalls of single classes jump.

    Parameters
    ----------
    recalls : dict of str to array-like of shape (n_classes,), or array-like of shape (n_classes,)
        Recall of each class by the name of the method, from 0 to 1. NaN stands for a class without
        a test row: it is not drawn and does not enter the mean.
    class_counts : array-like of shape (n_classes,)
        Training rows of each class. Classes of 0 rows, which ``partial_fit`` may have, stand at the
        left.
    classes : array-like of shape (n_classes,)
        The classes.

    Attributes
    ----------
    balanced_accuracy : dict of str to float
        Mean recall of each method.
    $axes
    lines_ : dict of str to matplotlib Line2D
        The points of each method.

    Raises
    ------
    ValueError
        If the numbers of values do not match, a recall is outside 0 to 1, a class has no
        valid number of rows, or a class or a method is named twice.

    See Also
    --------
    FalsePositivesDisplay : Into which classes the mistakes go.

    Examples
    --------
    >>> from imbdeep.displays import RecallDisplay
    >>> y_train = [0] * 90 + [1] * 10
    >>> y_true = [0, 0, 1, 1]
    >>> display = RecallDisplay.from_predictions(
    ...     y_true, {"plain": [0, 0, 0, 1], "balanced": [0, 1, 1, 1]}, y_train=y_train
    ... )
    >>> display.recalls["plain"].tolist(), display.recalls["balanced"].tolist()
    ([1.0, 0.5], [0.5, 1.0])
    >>> display.balanced_accuracy["plain"]
    0.75
    """

    def __init__(self, recalls: Any, class_counts: Any, classes: Any) -> None:
        self.class_counts, self.classes = check_counts(class_counts, classes)
        self.recalls: dict[str, NDArray[np.float64]] = {
            name: check_values(values, len(self.classes), "recalls", name, 0, 1)
            for name, values in named(recalls, None, "recall", "recalls").items()
        }
        empty = [name for name, values in self.recalls.items() if np.isnan(values).all()]
        if empty:
            raise ValueError(f"recalls of {empty[0]!r} are all NaN: give test rows of a class.")
        self.balanced_accuracy = {
            name: float(np.nanmean(values)) for name, values in self.recalls.items()
        }

    @classmethod
    def _of(
        cls, matrices: dict[str, NDArray[np.int64]], counts: Any, classes: Any
    ) -> RecallDisplay:
        return cls({name: _recalls(matrix) for name, matrix in matrices.items()}, counts, classes)

    def _draw(self, ax: Any) -> None:
        self._begin(ax, 7.2, 4.4)
        is_few = len(self.classes) <= MAX_NAMED
        point = {"ms": 6, "mew": 0.6} if is_few else {"ms": 3.5, "mew": 0.0, "alpha": 0.55}
        self.lines_ = {}
        for i, (name, color) in enumerate(
            zip(self.recalls, colors_of(len(self.recalls)), strict=True)
        ):
            values = self.recalls[name]
            there = ~np.isnan(values)
            places = _places(self.class_counts)[there]
            self.ax_.plot(*_course(places, values[there]), color=color, lw=1.4, alpha=0.8)
            (self.lines_[name],) = self.ax_.plot(
                places,
                values[there],
                linestyle="none",
                marker=_MARKERS[i % len(_MARKERS)],
                color=color,
                mec="white",
                label=f"{shorten(name, 28)}\nbalanced accuracy {self.balanced_accuracy[name]:.3f}",
                **point,
            )
        _count_axis(self.ax_, self.class_counts)
        if is_few:
            _name_classes(self.ax_, self.class_counts, self.classes)
        self.ax_.set_ylim(-0.03, 1.03)
        self._finish("recall")


def _recalls(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each row of a confusion matrix on the diagonal; NaN for an empty row."""
    total = matrix.sum(axis=1)
    return np.divide(matrix.diagonal(), total, out=np.full(len(total), np.nan), where=total > 0)


def _places(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where classes stand on the logarithmic axis; 0 has no place there and takes that of 1/2."""
    return np.where(counts == 0, 0.5, counts)


def _course(
    places: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the line through the values of classes, each of its points the mean of a group."""
    # Classes of one size have one place: a line through each of them would stand upright.
    _, group = np.unique(places, return_inverse=True)
    if len(places) > MAX_NAMED:
        below = np.cumsum(np.bincount(group)) - np.bincount(group)
        _, tenth = np.unique(below * _N_GROUPS // len(places), return_inverse=True)
        group = tenth[group]
    n = np.bincount(group)
    return np.exp(np.bincount(group, np.log(places)) / n), np.bincount(group, values) / n


def _count_axis(ax: Any, counts: NDArray[np.float64]) -> None:
    """Make x a logarithmic axis of numbers of rows, written as plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = _places(counts).min(), _places(counts).max()
    margin = max((high / low) ** 0.05, 1.05)
    low, high = low / margin, high * margin
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        ticks = [s * 10.0**e for e in range(-1, 13) for s in steps]
        ticks = [tick for tick in ticks if low <= tick <= high and tick == int(tick)]
        if len(ticks) >= 4:
            break
    if len(ticks) < 2:  # classes of nearly one size
        ticks = sorted({float(size) for size in (counts.min(), counts.max()) if size})
    if not counts.all():
        ticks.insert(0, 0.5)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "0")
    )
    ax.set_xlabel("training rows of the class")


def _name_classes(ax: Any, counts: NDArray[np.float64], classes: NDArray[Any]) -> None:
    """Write the names of the classes above the axes, over their sizes, and lead lines to these."""
    from matplotlib.ticker import NullLocator

    at = _places(counts)
    sizes = np.unique(at)
    names = [
        shorten(", ".join(shorten(label, 14) for label in classes[at == size].tolist()), 40)
        for size in sizes
    ]
    low, high = np.log(ax.get_xlim())
    places = (np.log(sizes) - low) / (high - low)
    # The nearest places that leave a line of text between any two.
    steps = _GAP * np.arange(len(places))
    shifted = isotonic_regression(places - steps, y_min=0.0, y_max=1 - steps[-1]) + steps
    is_upright = max(map(len, names)) > 2
    # An axis, of which the title of the picture keeps clear.
    above = ax.secondary_xaxis(1.04)
    above.xaxis.set_minor_locator(NullLocator())
    above.set_xticks(
        np.exp(low + shifted * (high - low)), names, rotation=90 if is_upright else 0, color="0.25"
    )
    above.xaxis.set_ticks_position("top")
    above.tick_params(length=0, pad=1, labelsize=8)
    above.spines[:].set_visible(False)
    ax.text(-0.01, 1.045, "class", transform=ax.transAxes, fontsize=8, color="0.25", ha="right")
    for size, place, text_place in zip(sizes, places, shifted, strict=True):
        ax.axvline(size, color="0.9", lw=0.8, zorder=0)
        ax.plot(
            [place, text_place], [1.0, 1.04], color="0.7", lw=0.8, transform=ax.transAxes,
            clip_on=False, scalex=False, scaley=False,
        )  # fmt: skip

"""Scores of methods against the size of the smallest class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._by_class import named
from ._canvas import canvas, colors_of, shorten
from ._line_names import marker_size, name_lines

#: Shapes of the points, so that methods differ in more than the colour.
_MARKERS = "osD^vPX<>*phd"
#: Methods that have a colour of their own (Okabe and Ito); more of them need shades.
_N_COLORS = 7
#: Name of the axis that all panels share.
_X_LABEL = "training rows of the smallest class"
#: Colour of the line at zero and of what leads to its name.
_ZERO = "0.4"
#: Characters of a name that still leave room for the lines: in a single panel, and in several.
_ALONE, _BESIDE = 30, 22
_Scores = dict[str, dict[str, NDArray[np.float64]]]


class ClassSizeDisplay:
    """Scores of several methods against the number of training rows of the smallest class.

    It is the learning curve of tiny classes: from how many rows on a method is worth its training,
    and from how many on the simple ones do as well. A panel a metric, a line a method; its points
    are means over the repeats, which are all trials on all data sets.

    Data sets differ by far more than methods do. So without a ``baseline`` the level of the lines
    tells of the data, and no error is drawn, which would tell of the data too. With a ``baseline``
    every score is compared with that of the baseline in the same repeat: what data set and split do
    to both cancels. The band is one standard error of the mean of these differences on either side,
    :math:`s / \\sqrt{n}` of n differences of standard deviation s (of the sample). It takes repeats
    as independent. Trials on one data set are not quite: for another data set it is too narrow.

    Parameters
    ----------
    sizes : array-like of shape (n_sizes,)
        Training rows of the smallest class, increasing; two sizes at least. Where they stand too
        close, some ticks do not say theirs.
    scores : dict of str to dict of str to array-like of shape (n_sizes, n_repeats)
        Scores by metric and method, as shares (0.81, not 81): from 0 to 1, or down to -1 for a
        coefficient such as Cohen's kappa. A column is the same repeat, one trial on one data set,
        for all methods of a metric. NaN stands for a repeat that a method has no score of: it does
        not enter the mean, nor, with a baseline, the comparison. A metric may lack methods.
    baseline : str, default=None
        A method that every metric has. The panels then show by how many points the others are above
        it, and it is the line at zero; by default they show the scores in percent.

    Attributes
    ----------
    means : dict of str to dict of str to ndarray of shape (n_sizes,)
        Mean over the repeats by metric and method, as a share; with a baseline that of the
        differences, of all methods but the baseline. NaN where there is none.
    standard_errors : dict of str to dict of str to ndarray of shape (n_sizes,)
        Standard errors of these differences, NaN of fewer than two. Without a baseline it is empty.
    axes_ : ndarray of shape (n_metrics,) of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        The figure that holds them.
    lines_ : dict of str to dict of str to matplotlib Line2D
        The line of each metric and method, in percent or points; a method without a value in a
        panel has none there, and the baseline is the line at zero.

    Raises
    ------
    ValueError
        If sizes are fewer than two, do not increase or are no numbers of rows, shapes do not match,
        a score is not from -1 to 1, the baseline is unknown, or nothing is left to draw of a metric
        or a method.

    See Also
    --------
    ComparisonDisplay : Scores of methods at one size.
    RecallDisplay : Recall of each class against its size, of one training.

    Examples
    --------
    >>> from imbdeep.displays import ClassSizeDisplay
    >>> scores = {
    ...     "nothing": [[0.50, 0.70], [0.62, 0.80]],  # a line a size, a column a repeat
    ...     "SMOTE": [[0.58, 0.76], [0.64, 0.82]],
    ... }
    >>> display = ClassSizeDisplay([5, 50], {"AP": scores}, baseline="nothing").plot()
    >>> display.means["AP"]["SMOTE"].round(3).tolist()
    [0.07, 0.02]
    >>> display.standard_errors["AP"]["SMOTE"].round(3).tolist()
    [0.01, 0.0]
    """

    def __init__(
        self,
        sizes: ArrayLike,
        scores: Mapping[str, Mapping[str, ArrayLike]],
        *,
        baseline: str | None = None,
    ) -> None:
        self.sizes = _checked_sizes(sizes)
        self.scores = _checked_scores(scores, len(self.sizes))
        self.baseline = baseline
        compared = self.scores if baseline is None else _above(self.scores, baseline)
        self.means: _Scores = {}
        self.standard_errors: _Scores = {}
        for metric, methods in compared.items():
            moments = {name: _moments(values) for name, values in methods.items()}
            self.means[metric] = {name: mean for name, (mean, _) in moments.items()}
            if baseline is not None:
                self.standard_errors[metric] = {name: error for name, (_, error) in moments.items()}
        self._methods = list(dict.fromkeys(name for each in self.means.values() for name in each))
        self._check_drawable()

    def _check_drawable(self) -> None:
        """Refuse a panel without a line, and a method without one in any panel."""
        drawn = {
            metric: [name for name, mean in means.items() if not np.isnan(mean).all()]
            for metric, means in self.means.items()
        }
        lacks = "score" if self.baseline is None else f"repeat in common with {self.baseline!r}"
        for metric, names in drawn.items():
            if not names:
                raise ValueError(f"No method has a {lacks} of {metric!r}: leave out this metric.")
        for name in self._methods:
            if not any(name in names for names in drawn.values()):
                raise ValueError(f"{name!r} has no {lacks} at any size: leave out this method.")

    @classmethod
    def from_scores(
        cls,
        frame: Any,
        *,
        metrics: str | Iterable[str],
        baseline: str | None = None,
        size: str = "size",
        method: str = "method",
        repeat: str | Iterable[str] = ("dataset", "trial"),
    ) -> ClassSizeDisplay:
        """Take the scores from a table; :meth:`plot` draws them.

        Parameters
        ----------
        frame : pandas DataFrame
            A row for each size, method and repeat.
        metrics : str or iterable of str
            Columns with scores as shares, a panel each. NaN where there is none.
        baseline : str, default=None
            A method to show the differences to.
        size : str, default="size"
            Column with the number of training rows of the smallest class.
        method : str, default="method"
            Column with the name of the method; they keep the order in which they appear.
        repeat : str or iterable of str, default=("dataset", "trial")
            Columns that together name a repeat: rows that agree in them, at the same size, were
            trained and tested on the same rows. A repeat that lacks a method is NaN for it.

        Returns
        -------
        ClassSizeDisplay
            The display, not drawn yet.

        Raises
        ------
        TypeError
            If ``frame`` is no data frame.
        ValueError
            If a column is missing or holds what it should not, a method has two rows of one size
            and repeat, or the baseline is no method of the table.
        """
        if not hasattr(frame, "columns"):
            raise TypeError(
                f"frame is a {type(frame).__name__}: give a pandas DataFrame, a row for each size, "
                "method and repeat, or scores by metric and method to the constructor."
            )
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        repeat = [repeat] if isinstance(repeat, str) else list(repeat)
        _check_columns(frame, {"size": [size], "method": [method], "repeat": repeat,
                               "metrics": metrics})  # fmt: skip
        rows = _numbers(frame, size)
        if np.isnan(rows).any():
            raise ValueError(f"The column {size!r} lacks a number of rows: drop such rows.")
        sizes, at_size = np.unique(rows, return_inverse=True)
        methods = [str(name) for name in _keys(frame, method)]
        keys = list(zip(*(_keys(frame, column) for column in repeat), strict=True))
        position = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        _check_distinct(list(zip(methods, rows.tolist(), keys, strict=True)), repeat)
        at_repeat = np.array([position[key] for key in keys], dtype=np.intp)
        scores: _Scores = {}
        for metric in metrics:
            values = _numbers(frame, metric)
            scores[metric] = {}
            for name in dict.fromkeys(methods):
                mine = np.array([each == name for each in methods])
                table = np.full((len(sizes), len(position)), np.nan)
                table[at_size[mine], at_repeat[mine]] = values[mine]
                scores[metric][name] = table
        return cls(sizes, scores, baseline=baseline)

    def plot(self, ax: Any = None) -> Any:
        """Draw a panel for each metric, and in it a line for each method with its name at its end.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of matplotlib Axes, default=None
            Axes to draw in, one for each metric; by default those of a new figure. The names stand
            at their right: a figure without a layout gets one that leaves room for them.

        Returns
        -------
        ClassSizeDisplay
            This object.

        Raises
        ------
        ValueError
            If ``ax`` holds more or fewer axes than there are metrics.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        self.axes_ = self._panels(ax)
        self.figure_ = self.axes_[0].figure.figure
        styles = self._styles()
        self.lines_ = {}
        for panel, metric in zip(self.axes_, self.means, strict=True):
            self.lines_[metric] = self._draw(panel, metric, styles)
        # Only now, as axes that share their y change with each panel.
        for panel, metric in zip(self.axes_, self.means, strict=True):
            _size_axis(panel, self.sizes)
            ends = {name: (styles[name], _end(line)) for name, line in self.lines_[metric].items()}
            if self.baseline is not None:
                ends[self.baseline] = ((_ZERO, ""), (panel.get_xlim()[1], 0.0))
            name_lines(panel, ends, self._length())
        self.figure_.draw_without_rendering()  # how much room there is, is known from here on
        for panel in self.axes_:
            _thin_out(panel, self.sizes)
        return self

    def _length(self) -> int:
        """Return how many characters of a name are written."""
        return _ALONE if len(self.means) == 1 else _BESIDE

    def _longest(self) -> int:
        """Return the number of characters of the longest name, as written."""
        return min(self._length(), max(map(len, [*self._methods, self.baseline or ""])))

    def _styles(self) -> dict[str, tuple[Any, str]]:
        """Return colour and marker of each method, those of few the same with a baseline."""
        every = list(dict.fromkeys(name for each in self.scores.values() for name in each))
        names = every if len(every) <= _N_COLORS else self._methods
        colors = _colors(len(names))
        return {
            name: (color, _MARKERS[i % len(_MARKERS)])
            for i, (name, color) in enumerate(zip(names, colors, strict=True))
        }

    def _panels(self, ax: Any) -> NDArray[Any]:
        """Return one axes a metric: those given, or new ones."""
        n = len(self.means)
        if ax is None:
            width = {1: 5.0, 2: 3.3}.get(n, 2.9) + 0.4 + 0.075 * self._longest()
            figure, _ = canvas(None, n * width, max(3.9, 1.3 + 0.2 * len(self._methods)))
            panels = figure.subplots(1, n, squeeze=False)[0]
        else:
            panels = np.empty(np.size(ax), dtype=object)
            panels[:] = np.ravel(np.asarray(ax, dtype=object))
            if len(panels) != n:
                raise ValueError(
                    f"ax holds {len(panels)} axes for the {n} metrics {list(self.means)}: give one "
                    "for each, or leave ax out for a new figure."
                )
            figure = panels[0].figure.figure
            if figure.get_layout_engine() is None and panels[0].get_subplotspec() is not None:
                figure.set_layout_engine("constrained")
        return panels

    def _draw(self, panel: Any, metric: str, styles: dict[str, tuple[Any, str]]) -> dict[str, Any]:
        """Draw the lines of a metric, and with a baseline their bands and the line at zero."""
        lines = {}
        if self.baseline is not None:
            panel.axhline(0, color=_ZERO, lw=1.2, ls=":", zorder=1.5)
        for name, mean in self.means[metric].items():
            if np.isnan(mean).all():
                continue
            color, marker = styles[name]
            if self.baseline is not None:
                error = self.standard_errors[metric][name]
                panel.fill_between(
                    self.sizes, 100 * (mean - error), 100 * (mean + error), color=color, alpha=0.12,
                    lw=0, zorder=1,
                )  # fmt: skip
            (lines[name],) = panel.plot(
                self.sizes, 100 * mean, marker=marker, color=color, lw=1.5, ms=marker_size(marker),
                mec="white", mew=0.6, label=name,
            )  # fmt: skip
        panel.set_title(shorten(metric, 40), fontsize=10, loc="left")
        label = "percent"
        if self.baseline is not None:
            label = f"points above {shorten(self.baseline, 28)}\n(± standard error)"
        panel.set_ylabel(label, fontsize=9)
        panel.set_xlabel(_X_LABEL, fontsize=9)
        panel.tick_params(labelsize=9)
        panel.grid(axis="y", alpha=0.3, lw=0.6)
        panel.spines[["top", "right"]].set_visible(False)
        return lines


def _checked_sizes(sizes: ArrayLike) -> NDArray[np.float64]:
    """Return increasing numbers of rows as an array."""
    array = np.asarray(sizes, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(
            f"sizes has shape {array.shape}: give two sizes at least. For one there is "
            "ComparisonDisplay."
        )
    wrong = array[~(np.isfinite(array) & (array >= 1) & (array == np.round(array)))]
    if len(wrong):
        raise ValueError(
            f"sizes holds {wrong[0]:g}, but must hold numbers of training rows, 1 or more."
        )
    if (np.diff(array) <= 0).any():
        raise ValueError(
            f"sizes={array.astype(int).tolist()[:20]} must increase: sort them, and the rows of "
            "the scores with them."
        )
    return array


def _checked_scores(scores: Any, n_sizes: int) -> _Scores:
    """Return scores by metric and method as arrays, all of a metric of one shape."""
    if not isinstance(scores, Mapping) or not all(
        isinstance(methods, Mapping) for methods in scores.values()
    ):
        raise ValueError(
            "scores must be a dict of metrics, each a dict of the scores of its methods: "
            '{"AP": {"SMOTE": array of shape (n_sizes, n_repeats)}}.'
        )
    checked: _Scores = {}
    for metric, methods in named(scores, None, "", "scores").items():
        found = checked[metric] = {
            name: np.asarray(values, dtype=np.float64)
            for name, values in named(methods, None, "", f"scores of {metric!r}").items()
        }
        first = next(iter(found.values())).shape
        for name, values in found.items():
            where = f"scores[{metric!r}][{name!r}]"
            if values.ndim != 2 or len(values) != n_sizes or not values.size:
                raise ValueError(
                    f"{where} has shape {values.shape}, but must have (n_sizes, n_repeats), here "
                    f"({n_sizes}, n_repeats): give a row a size."
                )
            if values.shape != first:
                raise ValueError(
                    f"{where} has {values.shape[1]} repeats, those before {first[1]}: give every "
                    "method of a metric the same, NaN where it has no score."
                )
            outside = values[(values < -1) | (values > 1)]
            if len(outside):
                raise ValueError(
                    f"{where} holds {outside[0]:g}, but scores are shares, at most 1 and at least "
                    "-1: divide percentages by 100."
                )
    return checked


def _above(scores: _Scores, baseline: str) -> _Scores:
    """Return the differences of the other methods to the baseline, repeat by repeat."""
    above = {}
    for metric, methods in scores.items():
        if baseline not in methods:
            raise ValueError(
                f"baseline={baseline!r} is not among the methods of {metric!r}, "
                f"{list(methods)[:20]}: name one of them, or None for the scores themselves."
            )
        above[metric] = {
            name: values - methods[baseline] for name, values in methods.items() if name != baseline
        }
    return above


def _moments(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean of each row and its standard error, without what is NaN; NaN of too few."""
    n = (~np.isnan(values)).sum(axis=1)
    unknown = np.full(len(values), np.nan)
    mean = np.divide(np.nansum(values, axis=1), n, out=unknown.copy(), where=n > 0)
    squares = np.nansum((values - mean[:, None]) ** 2, axis=1)
    return mean, np.sqrt(np.divide(squares, n * (n - 1), out=unknown, where=n > 1))


def _check_columns(frame: Any, asked: dict[str, list[str]]) -> None:
    """Say which parameter names a column that the table has not, or none."""
    known = list(frame.columns)
    for what, columns in asked.items():
        missing = [column for column in columns if column not in known]
        if missing or not columns:
            lacks = f"the column {missing[0]!r}, which the table lacks" if missing else "no column"
            raise ValueError(f"{what} names {lacks}: its columns are {known[:20]}.")
    if not len(frame):
        raise ValueError("frame has no row: give a row for each size, method and repeat.")


def _numbers(frame: Any, column: str) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where there is none."""
    try:
        return np.asarray(frame[column].to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise ValueError(f"The column {column!r} must hold numbers: {error}.") from error


def _keys(frame: Any, column: str) -> list[Any]:
    """Return a column of names, none of which may be missing: NaN does not equal itself."""
    values: list[Any] = frame[column].tolist()
    if frame[column].isna().any():
        raise ValueError(f"The column {column!r} lacks a value: name what such rows are, or drop.")
    return values


def _check_distinct(cells: list[tuple[str, float, tuple[Any, ...]]], repeat: list[str]) -> None:
    """Refuse two rows of one method, size and repeat, of which one would be lost."""
    if len(set(cells)) < len(cells):
        (name, rows, key), _ = Counter(cells).most_common(1)[0]
        of = ", ".join(f"{column}={value!r}" for column, value in zip(repeat, key, strict=True))
        raise ValueError(
            f"{name!r} has several rows of size {rows:g} and {of}: select one kind of rows, or "
            "name in repeat the column that they differ in."
        )


def _colors(n: int) -> list[Any]:
    """Return a colour for each of n methods: distinct for few, else these and darker ones."""
    if n <= _N_COLORS:
        return colors_of(n)
    from matplotlib.colors import to_rgb

    # Methods have no order: shades of one scale would look alike. Black has no darker one.
    hues = np.array([to_rgb(color) for color in colors_of(_N_COLORS - 1)])
    return [tuple(hues[i % len(hues)] * 0.55 ** (i // len(hues))) for i in range(n)]


def _size_axis(ax: Any, sizes: NDArray[np.float64]) -> None:
    """Make x a logarithmic axis with a tick at each size."""
    from matplotlib.ticker import NullLocator

    margin = (sizes[-1] / sizes[0]) ** 0.05
    ax.set_xscale("log")
    ax.set_xlim(sizes[0] / margin, sizes[-1] * margin)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(sizes, [f"{size:,.0f}" for size in sizes.tolist()])


def _thin_out(ax: Any, sizes: NDArray[np.float64]) -> None:
    """Leave ticks without their size where it would run into the one at their left."""
    labels = [text.get_text() for text in ax.get_xticklabels()]
    boxes = [text.get_window_extent() for text in ax.get_xticklabels()]
    right = -np.inf
    for i, box in enumerate(boxes):
        if box.x0 < right:
            labels[i] = ""
        else:
            right = box.x1 + 0.4 * box.height
    ax.set_xticks(sizes, labels)


def _end(line: Any) -> tuple[float, float]:
    """Return the last point of a line that is there."""
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    last = np.flatnonzero(~np.isnan(y))[-1]
    return float(x[last]), float(y[last])

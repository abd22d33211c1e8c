"""What a classifier decides in the plane of two columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from ._by_class import by_frequency, fitted_classifier, labels_beside, positions
from ._canvas import axes_or_new, colors_of, shorten
from ._rows import as_rows, columns_of, labels_of, names_of, new_seed, read_column, stream_of

#: The picture goes beyond the outermost rows by this share of what they span.
_MARGIN = 0.08
#: Classes that the colours alone tell apart, markers for more, and classes in the legend.
_MAX_DISTINCT, _MARKERS, _MAX_IN_LEGEND = 7, "os^D", 14


class DecisionRegionsDisplay:
    """The decision regions of a classifier of two columns, real rows, and generated ones.

    This is Figure 1 of [1]_. The background has the colour of the class that is predicted there,
    real rows are dots and generated rows are crosses of the colour of their class. A rare class
    that an unaided classifier gives up has dots and no region. Crosses beyond the dots of their
    class take rows from their neighbours: the region grows where the class is not.

    Parameters
    ----------
    xx0, xx1 : ndarray of shape (n_lines, n_columns)
        Abscissae and ordinates of a regular grid, as ``numpy.meshgrid`` makes them.
    regions : ndarray of int, of shape (n_lines, n_columns)
        What is predicted there: positions in ``classes``.
    X : array-like of shape (n, 2)
        Real rows. Those with a missing value have no place in the picture and are left out.
    y : array-like of shape (n,)
        Their classes.
    classes : array-like of shape (n_classes,), default=None
        The classes that ``regions`` counts; by default those in ``y``, sorted.
    generated : tuple of (array-like of shape (m, 2), array-like of shape (m,)), default=None
        Generated rows and their classes.
    feature_names : list of two str, default=None
        Names of the axes; those of the columns of ``X`` by default, x0 and x1 of an array.
    name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.

    Raises
    ------
    ValueError
        If there are not two columns of numbers, or shapes or classes do not match.

    See Also
    --------
    sklearn.inspection.DecisionBoundaryDisplay : The regions alone, and probabilities.
    FeaturesDisplay : What a classifier makes of rows with any number of columns.

    References
    ----------
    .. [1] S. S. Mullick, S. Datta, S. Das, "Generative Adversarial Minority Oversampling", ICCV
       2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from imbdeep.displays import DecisionRegionsDisplay
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(60, 2)), np.repeat(["many", "few"], [50, 10])
    >>> X[y == "few"] += 3
    >>> classifier = LogisticRegression().fit(X, y)
    >>> display = DecisionRegionsDisplay.from_estimator(classifier, X, y)
    >>> display.regions.shape
    (200, 200)
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['many (50 rows)', 'few (10 rows)']
    """

    def __init__(
        self,
        xx0: Any,
        xx1: Any,
        regions: Any,
        X: Any,
        y: Any,
        *,
        classes: Any = None,
        generated: Any = None,
        feature_names: Any = None,
        name: str | None = None,
    ) -> None:
        self.xx0, self.xx1 = (np.asarray(part, dtype=np.float64) for part in (xx0, xx1))
        self.regions = np.asarray(regions)
        X = as_rows(X)
        points, labels = _plane(X, "X"), labels_beside(X, y)
        self.classes = np.unique(labels) if classes is None else np.asarray(classes)
        self.X, self.y = _there(points, labels)
        if not len(self.X):
            raise ValueError(
                f"X has {len(points)} rows, and none of them has a value in both columns: there "
                "is nothing to draw."
            )
        new, new_labels = _pair(generated)
        new_labels = self.y[:0] if new is None else labels_beside(new, new_labels)
        new_points = np.empty((0, 2)) if new is None else _plane(new, "generated")
        self.generated = _there(new_points, new_labels)
        self.feature_names = [
            str(column) for column in (names_of(X) if feature_names is None else feature_names)
        ]
        self.name = name
        if len(self.feature_names) != 2:
            raise ValueError(f"feature_names={self.feature_names} must be two names, one an axis.")
        shape = self.regions.shape
        if len(shape) != 2 or 0 in shape or not self.xx0.shape == self.xx1.shape == shape:
            raise ValueError(
                f"xx0 has shape {self.xx0.shape}, xx1 {self.xx1.shape} and regions {shape}: give "
                "three grids of one shape, or use DecisionRegionsDisplay.from_estimator."
            )
        if self.regions.dtype.kind not in "iu" or not np.isin(
            self.regions, np.arange(len(self.classes))
        ).all():  # fmt: skip
            raise ValueError(
                f"regions has dtype {self.regions.dtype} and values from {self.regions.min()} to "
                f"{self.regions.max()}, but must be positions among the {len(self.classes)} "
                "classes: whole numbers from 0."
            )
        self._position = positions(self.y, self.classes, "y")
        self._generated_position = positions(self.generated[1], self.classes, "generated")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_generated: int = 100,
        generated: Any = None,
        grid_resolution: int = 200,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
    ) -> DecisionRegionsDisplay:
        """Predict a grid of points with a fitted classifier and draw its regions and the rows.

        Parameters
        ----------
        estimator : fitted classifier
            Any classifier of scikit-learn's kind. One with ``generate(n, target, random_state)``
            and ``minority_``, such as :class:`~imbdeep.classifiers.GAMOClassifier`, shows rows
            that it generates.
        X : array-like or DataFrame of two columns
            Rows, as in ``fit`` or new ones.
        y : array-like of shape (n_samples,)
            Their labels.
        n_generated : int, default=100
            Rows to generate of each class of ``minority_``, if the classifier can; 0 for none.
        generated : tuple of (X_new, y_new), default=None
            Rows to show as generated instead, for instance what a sampler has added.
        grid_resolution : int, default=200
            Points of the grid along each axis.
        random_state : int, RandomState instance or None, default=0
            Seed of the generated rows.
        name : str, default=None
            Title of the picture; the name of the classifier's class by default.
        ax : matplotlib Axes, default=None
            Axes to draw in; by default those of a new figure.

        Returns
        -------
        DecisionRegionsDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the classifier is not fitted.
        ValueError
            If ``X`` has not two columns of numbers, a label is none of the classes, or a parameter
            is out of range.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        _check_whole(n_generated, "n_generated", 0, "rows to generate of each class, 0 for none")
        _check_whole(grid_resolution, "grid_resolution", 2, "points of the grid along each axis")
        kind = type(estimator).__name__
        if isinstance(estimator, type) or not hasattr(estimator, "predict"):
            raise ValueError(f"estimator={estimator!r} cannot predict: give a fitted classifier.")
        try:
            check_is_fitted(estimator)
        except NotFittedError:
            raise NotFittedError(f"This {kind} is not fitted: call fit first.") from None
        if not hasattr(estimator, "classes_"):
            raise ValueError(f"{kind} is no classifier (it has no classes_): give a classifier.")
        classes = np.asarray(estimator.classes_)
        X = as_rows(X)
        points = _plane(X, "X")
        if generated is None and n_generated and hasattr(estimator, "generate"):
            generated = _generate(estimator, n_generated, random_state)
        new, _ = _pair(generated)
        every = (
            points if new is None else np.concatenate([points, _plane(as_rows(new), "generated")])
        )
        boundary = _predicted_grid(estimator, _corners(X, every), grid_resolution)
        return cls(
            boundary.xx0,
            boundary.xx1,
            boundary.response,
            X,
            y,
            classes=classes,
            generated=generated,
            name=kind if name is None else name,
        ).plot(ax)

    def plot(self, ax: Any = None) -> Any:
        """Draw the regions, and the rows on them: the frequent first, so that the rare lie on top.

        Up to seven classes have distinct colours. More have shades from dark (frequent) to light
        (rare), and four kinds of markers in turn.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; by default those of a new figure.

        Returns
        -------
        DecisionRegionsDisplay
            This object.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib.colors import ListedColormap
        from matplotlib.lines import Line2D

        self.ax_ = axes_or_new(ax, 6.6, 4.6)
        self.figure_ = self.ax_.figure.figure
        order = by_frequency(np.bincount(self._position, minlength=len(self.classes)))
        colors = dict(zip(order.tolist(), colors_of(len(order)), strict=True))
        self.ax_.pcolormesh(
            self.xx0,
            self.xx1,
            self.regions,
            cmap=ListedColormap([_mixed(colors[k], 0.72) for k in range(len(order))]),
            vmin=-0.5,
            vmax=len(order) - 0.5,
            shading="nearest",
            rasterized=True,
            zorder=0,
        )
        real: list[Any] = []
        new: list[Any] = []
        for rank, k in enumerate(order.tolist()):
            label, marker = shorten(self.classes[k], 18), self._marker(rank)
            there = self.X[self._position == k], self.generated[0][self._generated_position == k]
            n, n_new = map(len, there)
            # Crosses hide what is below them, but not the rows they were made of.
            if n:
                edge: dict[str, Any] = {
                    "marker": marker,
                    "color": colors[k],
                    "mec": "white",
                    "mew": 0.4,
                }
                size = _diameter(n)
                self.ax_.plot(*there[0].T, ls="none", ms=size, zorder=4 if n_new else 2, **edge)
                real.append(Line2D([], [], ls="none", ms=6, label=f"{label} ({_rows(n)})", **edge))
            if n_new:
                cross: dict[str, Any] = {
                    "marker": "+",
                    "color": _mixed(colors[k], 0.5, 0.0),
                    "ls": "none",
                }
                self.ax_.plot(*there[1].T, ms=5, mew=0.9, zorder=3, **cross)
                new.append(Line2D([], [], label=f"{label}, generated ({n_new:,})", ms=6, **cross))
        self.ax_.set_xlim(self.xx0.min(), self.xx0.max())
        self.ax_.set_ylim(self.xx1.min(), self.xx1.max())
        for write, text in zip(
            (self.ax_.set_xlabel, self.ax_.set_ylabel), self.feature_names, strict=True
        ):
            write(shorten(text, 40), fontsize=9)
        self.ax_.set_title(shorten(self.name or "", 32), fontsize=11)
        self.ax_.tick_params(labelsize=8)
        if len(real) + len(new) > _MAX_IN_LEGEND:
            real = real[:: -(-len(real) // (_MAX_IN_LEGEND - 1))]
            if new:
                text = f"generated ({_rows(len(self.generated[0]))})"
                new = [Line2D([], [], label=text, ms=6, marker="+", color="0.2", ls="none")]
        self.ax_.legend(
            handles=real + new, loc="upper left", bbox_to_anchor=(1, 1), frameon=False,
            fontsize=9,
        )  # fmt: skip
        return self

    def _marker(self, rank: int) -> str:
        return "o" if len(self.classes) <= _MAX_DISTINCT else _MARKERS[rank % len(_MARKERS)]


def _plane(X: Any, what: str) -> NDArray[np.float64]:
    """Return rows of two columns of numbers; NaN is missing."""
    shape = np.shape(X)
    if len(shape) != 2 or shape[1] != 2:
        raise ValueError(
            f"{what} has shape {shape}, but a plane has two columns: fit the classifier on two "
            "columns, or look at its features with FeaturesDisplay."
        )
    found = []
    for column, name in zip(columns_of(X), names_of(X), strict=True):
        values, _, kind, _ = read_column(column, column, name, None)
        if kind == "categorical":
            raise ValueError(
                f"Column {name!r} of {what} holds values that are no numbers, and they have no "
                "place on an axis: choose two columns of numbers."
            )
        if np.isinf(values).any():
            raise ValueError(f"Column {name!r} of {what} holds infinity: drop these rows.")
        found.append(values)
    return np.column_stack(found)


def _pair(generated: Any) -> tuple[Any, Any]:
    """Return generated rows and their labels, or None twice."""
    if generated is None:
        return None, None
    if not isinstance(generated, tuple | list) or len(generated) != 2:
        raise ValueError(
            f"generated must be a pair, (X_new, y_new), and is a {type(generated).__name__}: give "
            "generated rows and their labels."
        )
    rows, labels = generated
    return as_rows(rows), labels


def _there(
    points: NDArray[np.float64], labels: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the rows without a missing value, and their labels."""
    is_there = ~np.isnan(points).any(axis=1)
    return points[is_there], labels[is_there]


def _check_whole(value: Any, name: str, least: int, what: str) -> None:
    if value < least or value != int(value):
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}: {what}.")


def _generate(estimator: Any, n: int, random_state: Any) -> tuple[Any, Any] | None:
    """Return n rows of each class that the classifier generates, and their labels."""
    stream = stream_of(random_state)
    labels = labels_of(fitted_classifier(estimator, "minority_"))
    parts = [
        _plane(
            as_rows(estimator.generate(n, label, random_state=new_seed(stream))),
            f"what generate makes of class {label}",
        )
        for label in labels.tolist()
    ]
    return (np.concatenate(parts), np.repeat(labels, n)) if parts else None


def _corners(X: Any, points: NDArray[np.float64]) -> Any:
    """Return the two corners of the picture as rows in the container of X.

    scikit-learn's grid is given these in place of the rows: it widens both axes by the same number,
    whatever their units, and it does not take missing values.
    """
    points = points[~np.isnan(points).any(axis=1)]
    if not len(points):
        points = np.zeros((1, 2))  # the constructor says what is wrong
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    corners = np.stack([low - margin, high + margin])
    if hasattr(X, "iloc"):
        return type(X)(corners, columns=X.columns)
    return type(X)(corners, schema=list(X.columns)) if hasattr(X, "columns") else corners


def _predicted_grid(estimator: Any, corners: Any, resolution: int) -> DecisionBoundaryDisplay:
    """Return scikit-learn's display, whose own picture is drawn in a figure that nobody sees."""
    from matplotlib.figure import Figure

    return DecisionBoundaryDisplay.from_estimator(
        estimator,
        corners,
        grid_resolution=int(resolution),
        eps=0.0,
        response_method="predict",
        plot_method="pcolormesh",
        ax=Figure().subplots(),
    )


def _mixed(color: Any, share: float, with_: float = 1.0) -> tuple[float, float, float]:
    """Return a colour with a share of white (1) or black (0), opaque: tints do not add up."""
    from matplotlib.colors import to_rgb

    red, green, blue = ((1 - share) * part + share * with_ for part in to_rgb(color))
    return red, green, blue


def _diameter(n: int) -> float:
    """Diameter of a dot in points: smaller where there are many."""
    return float(np.clip(70 / np.sqrt(n), 3.0, 5.5))


def _rows(n: int) -> str:
    return f"{n:,} row{'s' * (n != 1)}"

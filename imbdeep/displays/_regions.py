"""What a classifier decides in the plane of two columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.inspection import DecisionBoundaryDisplay

from imbdeep.seeding import draw_seed, random_stream

from ._by_class import by_frequency, positions
from ._canvas import (
    MAX_IN_LEGEND,
    Display,
    colors_of,
    count,
    documented,
    legend_beside,
    markers_of,
    shorten,
)
from ._rows import (
    as_rows,
    check_whole,
    fitted_classifier,
    labels_beside,
    labels_of,
    names_of,
    read_tables,
)

#: The picture goes beyond the outermost rows by this share of what they span.
_MARGIN = 0.08


@documented
class DecisionRegionsDisplay(Display):
    """The decision regions of a classifier of two columns, real rows, and generated ones.

    This is Figure 1 of [1]_. The background has the colour of the class that is predicted there,
    real rows are dots and generated rows are crosses of the colour of their class. A rare class
    that is never predicted has dots and no region. Crosses beyond the dots of their class extend
    its region to where it has no rows.

    Frequent classes are drawn first. Up to seven classes have distinct colours. More have shades
    from dark (frequent) to light (rare), and four kinds of markers in turn.

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
    $axes

    Raises
    ------
    ValueError
        If there are not two columns of numbers, or shapes or classes do not match.

    See Also
    --------
    sklearn.inspection.DecisionBoundaryDisplay : The regions alone, and probabilities.
    FeaturesDisplay : What a classifier makes of rows with any number of columns.

    $gamo

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
        self.name = name
        X, labels = as_rows(X), labels_of(y)
        self.classes = np.unique(labels) if classes is None else labels_of(classes)
        self.X, self.y = _rows_and_labels(X, y, "X")
        if not len(self.X):
            raise ValueError(
                f"X has {len(labels)} rows, and none of them has a value in both columns: there "
                "is nothing to draw."
            )
        new, new_labels = (self.X[:0], self.y[:0]) if generated is None else generated
        self.generated = _rows_and_labels(as_rows(new), new_labels, "generated")
        self.feature_names = names_of(X, feature_names)
        shape = self.regions.shape
        if len(shape) != 2 or not self.xx0.shape == self.xx1.shape == shape:
            raise ValueError(
                f"xx0 has shape {self.xx0.shape}, xx1 {self.xx1.shape} and regions {shape}: give "
                "three grids of one shape, or use DecisionRegionsDisplay.from_estimator."
            )
        if not np.isin(self.regions, np.arange(len(self.classes))).all():
            raise ValueError(
                f"regions has values from {self.regions.min()} to {self.regions.max()}, but must "
                f"be positions among the {len(self.classes)} classes: whole numbers from 0."
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
        **plot_params: Any,
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
        $y
        n_generated : int, default=100
            Rows to generate of each class of ``minority_``, if the classifier can; 0 for none.
        generated : tuple of (X_new, y_new), default=None
            Rows to show as generated instead, for instance what a sampler has added.
        grid_resolution : int, default=200
            Points of the grid along each axis.
        $seed
        name : str, default=None
            Title of the picture; the name of the classifier's class by default.
        $plot_params

        $drawn

        Raises
        ------
        $unfitted
        ValueError
            If ``X`` has not two columns of numbers, a label is none of the classes, or a parameter
            is out of range.
        """
        from matplotlib.figure import Figure

        check_whole(n_generated, "n_generated", 0)
        classes, X = labels_of(fitted_classifier(estimator, "classes_")), as_rows(X)
        points = [_plane(X, "X")]
        if generated is None and n_generated and hasattr(estimator, "generate"):
            stream, made = random_stream(random_state), []
            labels = labels_of(fitted_classifier(estimator, "minority_"))
            for label in labels.tolist():
                rows = estimator.generate(n_generated, label, random_state=draw_seed(stream))
                made.append(_plane(as_rows(rows), f"what generate makes of class {label}"))
            generated = (np.concatenate(made), np.repeat(labels, n_generated)) if made else None
        if generated is not None:
            points.append(_plane(as_rows(generated[0]), "generated"))
        boundary = DecisionBoundaryDisplay.from_estimator(
            estimator,
            _corners(X, np.concatenate(points)),
            grid_resolution=grid_resolution,
            eps=0.0,
            response_method="predict",
            plot_method="pcolormesh",
            ax=Figure().subplots(),  # not shown
        )
        grid = boundary.xx0, boundary.xx1, boundary.response
        name = type(estimator).__name__ if name is None else name
        return cls(*grid, X, y, classes=classes, generated=generated, name=name).plot(**plot_params)

    def _draw(self, ax: Any) -> None:
        from matplotlib.colors import ListedColormap
        from matplotlib.lines import Line2D

        ax = self._begin(ax, 6.6, 4.6)
        n_classes = len(self.classes)
        order = by_frequency(np.bincount(self._position, minlength=n_classes)).tolist()
        colors = dict(zip(order, colors_of(n_classes), strict=True))
        markers = dict(zip(order, markers_of(n_classes), strict=True))
        # Tints are opaque: where transparent colours overlap, they would look like another class.
        tints = ListedColormap([_mixed(colors[k], 0.72) for k in range(n_classes)])
        ax.pcolormesh(
            self.xx0, self.xx1, self.regions, cmap=tints, vmin=-0.5, vmax=n_classes - 0.5,
            shading="nearest", rasterized=True, zorder=0,
        )  # fmt: skip
        handles: dict[str, list[Any]] = {"real": [], "generated": []}

        def mark(kind: str, points: Any, text: str, size: float, zorder: int, **style: Any) -> None:
            ax.plot(*points.T, ls="none", ms=size, zorder=zorder, **style)
            handles[kind].append(Line2D([], [], ls="none", ms=6, label=text, **style))

        for k in order:
            label = shorten(self.classes[k], 18)
            dots = self.X[self._position == k]
            crosses = self.generated[0][self._generated_position == k]
            if len(dots):
                size = float(np.clip(70 / np.sqrt(len(dots)), 3.0, 5.5))  # smaller where many
                text = f"{label} ({count(len(dots))})"
                style = {"marker": markers[k], "color": colors[k], "mec": "white", "mew": 0.4}
                # Crosses hide what is below them, but not the rows that they were made of.
                mark("real", dots, text, size, 4 if len(crosses) else 2, **style)
            if len(crosses):
                text = f"{label}, generated ({len(crosses):,})"
                color = _mixed(colors[k], 0.5, 0.0)
                mark("generated", crosses, text, 5, 3, marker="+", color=color, mew=0.9)
        real, new = handles.values()
        ax.set_xlim(self.xx0.min(), self.xx0.max())
        ax.set_ylim(self.xx1.min(), self.xx1.max())
        ax.set_xlabel(shorten(self.feature_names[0], 40), fontsize=9)
        ax.set_ylabel(shorten(self.feature_names[1], 40), fontsize=9)
        ax.set_title(shorten(self.name or "", 32), fontsize=11)
        ax.tick_params(labelsize=8)
        if len(real) + len(new) > MAX_IN_LEGEND:
            real = real[:: -(-len(real) // (MAX_IN_LEGEND - 1))]
            if new:
                text = f"generated ({count(len(self.generated[0]))})"
                new = [Line2D([], [], label=text, ms=6, marker="+", color="0.2", ls="none")]
        legend_beside(ax, handles=real + new)


def _plane(X: Any, what: str) -> NDArray[np.float64]:
    """Return rows of two columns of numbers; NaN is missing."""
    shape = np.shape(X)
    if len(shape) != 2 or shape[1] != 2:
        raise ValueError(
            f"{what} has shape {shape}, but a plane has two columns: fit the classifier on two "
            "columns, or look at its features with FeaturesDisplay."
        )
    values, _, kinds, _ = read_tables(X, X[:0])
    if "categorical" in kinds:
        raise ValueError(
            f"Column {names_of(X)[kinds.index('categorical')]!r} of {what} holds values that are "
            "no numbers, and they have no place on an axis: choose two columns of numbers."
        )
    return values


def _rows_and_labels(X: Any, y: Any, what: str) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the rows without a missing value, and their labels."""
    points, labels = _plane(X, what), labels_beside(X, y)
    is_there = ~np.isnan(points).any(axis=1)
    return points[is_there], labels[is_there]


def _corners(X: Any, points: NDArray[np.float64]) -> Any:
    """Return the two corners of the picture as rows in the container of X.

    scikit-learn's grid is given these in place of the rows: it widens both axes by the same number,
    whatever their units, and it does not take missing values.
    """
    points = points[~np.isnan(points).any(axis=1)]
    if not len(points):
        points = np.zeros((1, 2))  # the constructor raises the error
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    corners = np.stack([low - margin, high + margin])
    if hasattr(X, "iloc"):
        return type(X)(corners, columns=X.columns)
    return type(X)(corners, schema=list(X.columns)) if hasattr(X, "columns") else corners


def _mixed(color: Any, share: float, with_: float = 1.0) -> tuple[float, float, float]:
    """Return a colour with a share of white (1) or black (0), opaque: tints do not add up."""
    from matplotlib.colors import to_rgb

    red, green, blue = ((1 - share) * part + share * with_ for part in to_rgb(color))
    return red, green, blue

"""What a classifier makes of its rows, before its last layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from imbdeep.seeding import draw_seed, random_stream

from ._by_class import by_frequency, counts_of, named, per_class, positions
from ._canvas import (
    MAX_IN_LEGEND,
    Display,
    canvas,
    colors_of,
    documented,
    legend_beside,
    markers_of,
    panels_of,
    shorten,
)
from ._projection import check_points, component_names, neighbour_map, two_components
from ._rows import as_rows, check_whole, choose, fitted_classifier, labels_beside, labels_of

_METHODS = ("tsne", "pca")
#: Panels side by side at the most.
_PANELS_IN_LINE = 3


@documented
class FeaturesDisplay(Display):
    """The penultimate features of a classifier in two dimensions, a colour a class.

    This is Figure 4 of [1]_. The last layer easily separates classes that lie apart; rare classes
    within the cloud of a frequent one will be mistaken for it. Rows that the classifier was
    trained on lie further apart than new ones.

    Of an :class:`~imbdeep.classifiers.RAEClassifier` it is Figure 2 of [2]_: its penultimate
    features are the latent codes. Where two classes overlap, they are not linearly separable, and a
    convex combination of codes of the one may lie in the other. The opposite does not hold: what
    t-SNE draws apart need not be separable by hyperplanes; ``diagnostics_["separability"]`` counts.

    t-SNE shows which rows are neighbours; distances between clusters, their sizes and their places
    mean nothing, and neither does the turn of one panel against another. Principal components keep
    the distances along the two directions that vary most, and hide all other directions.

    The frequent classes are drawn first, so that the rare ones lie on top. Up to seven classes have
    distinct colours. More have shades from dark (frequent) to light (rare), and four kinds of
    markers in turn, so that neighbours differ.

    Parameters
    ----------
    points : dict of str to array-like of shape (n, 2), or array-like of shape (n, 2)
        Points to draw, by the name of the panel.
    y : array-like of shape (n,)
        The class of each point, the same in all panels.
    classes : array-like of shape (n_classes,), default=None
        The classes in the order of colours and legend, the most frequent first; by default by the
        number of points.
    method : {"tsne", "pca"} or None, default=None
        How the points came about, for the labels of the axes.
    explained_variance_ratio : dict of str to tuple of (float, float), default=None
        Share of the variance along each axis, where these are principal components.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels, one for each name.
    $figure

    Raises
    ------
    ValueError
        If points are not finite, not of two columns or not as many as labels, or a label is none of
        the classes.

    See Also
    --------
    LatentDisplay : The latent codes of a sampler, generated rows among them.

    $m2m
    .. [2] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.displays import FeaturesDisplay
    >>> features = np.random.default_rng(0).normal(size=(40, 10))
    >>> y = ["many"] * 30 + ["few"] * 10
    >>> display = FeaturesDisplay.from_features(
    ...     features, y, method="pca", n_per_class=20, random_state=0
    ... )
    >>> display.points["features"].shape, display.classes.tolist()
    ((30, 2), ['many', 'few'])
    """

    def __init__(
        self,
        points: Any,
        y: Any,
        *,
        classes: Any = None,
        method: str | None = None,
        explained_variance_ratio: Any = None,
    ) -> None:
        self.y = labels_of(y)
        self.explained_variance_ratio = dict(explained_variance_ratio or {})
        self.method = _check_method(method, (*_METHODS, None))
        self.points: dict[str, NDArray[np.float64]] = {}
        for name, part in named(points, None, "features", "points").items():
            self.points[name] = check_points(part, self.y, f"points of {name!r}", of="y")
            if self.points[name].shape[1] != 2:
                raise ValueError(
                    f"points of {name!r} has shape {self.points[name].shape}, but only two columns "
                    "can be drawn: use FeaturesDisplay.from_features, which reduces them."
                )
        if classes is None:
            found, counts = np.unique(self.y, return_counts=True)
            classes = found[by_frequency(counts)]
        self.classes = labels_of(classes)
        self._position = positions(self.y, self.classes, "y")

    @classmethod
    def from_features(
        cls,
        features: Any,
        y: Any,
        *,
        class_counts: Any = None,
        method: str = "tsne",
        n_per_class: int = 50,
        perplexity: float = 30.0,
        random_state: Any = None,
        name: str | None = None,
        **plot_params: Any,
    ) -> FeaturesDisplay:
        """Reduce features to two dimensions and draw them.

        Parameters
        ----------
        features : array-like of shape (n, d) or dict of str to array-like of shape (n, d)
            Features of the rows; a dict has a panel for each.
        y : array-like of shape (n,)
            The class of each row.
        class_counts : dict of label to int or array-like of shape (n_classes,), default=None
            Training rows of each class, for the order of the colours; an array is in the order of
            the sorted classes. By default the classes are counted in ``y``.
        method : {"tsne", "pca"}, default="tsne"
            t-SNE, or the first two principal components.
        n_per_class : int, default=50
            Rows of each class at the most, as many as in [1]_.
        perplexity : float, default=30.0
            Effective number of neighbours in t-SNE. With few rows it is lowered to a third of the
            number of other rows, since a row's neighbours should be a small part of all.
        $random_state
        name : str, default=None
            Title of a single panel; none by default.
        $plot_params

        $drawn

        Raises
        ------
        ValueError
            If features are not finite or not as many as labels, or a parameter is out of range.
        """
        _check_method(method)
        check_whole(n_per_class, "n_per_class")
        labels, stream = labels_of(y), random_stream(random_state)
        parts = {
            key: check_points(part, labels, f"features of {key!r}", of="y")
            for key, part in named(features, name, "features", "features").items()
        }
        y_train = labels if class_counts is None else None
        counts, classes = per_class(class_counts, y_train, None, [labels])
        classes = classes[by_frequency(counts)]
        rows = _some_of_each(labels, classes, n_per_class, stream)
        seed = draw_seed(stream)
        if method == "pca":
            found = {key: two_components(part[rows]) for key, part in parts.items()}
            points = {key: each for key, (each, _) in found.items()}
            ratios = {key: shares for key, (_, shares) in found.items()}
        else:
            ratios = {}
            points = {key: neighbour_map(p[rows], perplexity, seed) for key, p in parts.items()}
        return cls(
            points,
            labels[rows],
            classes=classes,
            method=method,
            explained_variance_ratio=ratios,
        ).plot(**plot_params)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_per_class: int = 50,
        random_state: Any = None,
        name: str | None = None,
        **params: Any,
    ) -> FeaturesDisplay:
        """Draw the penultimate features of a fitted classifier, or of several side by side.

        All panels show the same rows.

        Parameters
        ----------
        estimator : fitted classifier or dict of str to fitted classifier
            Anything with ``penultimate_features(X)``, ``classes_`` and ``class_counts_``.
        X : array-like or DataFrame
            Rows: training rows as in [1]_, or new ones, which say more about generalisation.
        $y
        n_per_class : int, default=50
            Rows of each class at the most.
        $random_state
        name : str, default=None
            Title of a single panel; the name of the classifier's class by default.
        **params : dict
            ``method``, ``perplexity`` and ``ax``, passed to :meth:`from_features`.

        $drawn

        Raises
        ------
        $unfitted
        AttributeError
            If a classifier has no ``penultimate_features`` or no ``class_counts_``.
        ValueError
            If the classifiers were fitted on different rows, a label of ``y`` is unknown, or a
            parameter is out of range.
        """
        _check_method(params.get("method", "tsne"))
        check_whole(n_per_class, "n_per_class")
        estimators = named(estimator, name, type(estimator).__name__, "estimator")
        advice = "Give features of your own to FeaturesDisplay.from_features."
        readers = {
            key: fitted_classifier(each, "penultimate_features", advice)
            for key, each in estimators.items()
        }
        counts, _, _ = counts_of(estimators, None, None, cls.__name__)
        X, stream = as_rows(X), random_stream(random_state)
        labels = labels_beside(X, y)
        # Chosen before the networks run, which may be slow on all rows.
        rows = _some_of_each(
            labels, per_class(counts, None, None, [labels])[1], n_per_class, stream
        )
        chosen = _safe_indexing(X, rows)
        return cls.from_features(
            {key: read(chosen) for key, read in readers.items()},
            labels[rows],
            class_counts=counts,
            n_per_class=n_per_class,
            random_state=stream,
            **params,
        )

    def _draw(self, ax: Any) -> None:
        n_panels, n_classes = len(self.points), len(self.classes)
        colors, markers = colors_of(n_classes), markers_of(n_classes)
        if n_panels == 1:
            self.axes_ = np.array([self._begin(ax, 6.6, 4.6)])
        else:
            n_columns = 2 if n_panels == 4 else min(n_panels, _PANELS_IN_LINE)
            size = 3.6 * n_columns + 1.5, 3.5 * -(-n_panels // n_columns)
            self.figure_, part = canvas(ax, *size)
            self.axes_ = panels_of(part, n_panels, n_columns)
        for panel, (name, points) in zip(self.axes_, self.points.items(), strict=True):
            for k, color in enumerate(colors):
                panel.scatter(
                    *points[self._position == k].T, color=[color], marker=markers[k], s=18, lw=0.3,
                    edgecolor="white",
                )  # fmt: skip
            is_nameless = n_panels == 1 and name == "features"
            panel.set_title("" if is_nameless else shorten(name, 32), fontsize=11)
            if self.method == "tsne":  # its axes have no unit and no meaning
                panel.set_xticks([])
                panel.set_yticks([])
            elif self.method == "pca":
                first, second = component_names(self.explained_variance_ratio.get(name, ()))
                panel.set_xlabel(first, fontsize=9)
                panel.set_ylabel(second, fontsize=9)
                panel.tick_params(labelsize=8)
        legend = {
            "handles": self._handles(colors, markers),
            "title": "class, frequent first",
            "title_fontsize": 9,
            "markerscale": 1.6,
        }
        if n_panels == 1:
            legend_beside(self.axes_[0], **legend)
        else:
            part.legend(loc="outside right upper", frameon=False, fontsize=9, **legend)

    def _handles(self, colors: list[Any], markers: str) -> list[Any]:
        """Return what the colours mean; of many classes some."""
        from matplotlib.lines import Line2D

        labels = self.classes.tolist()
        return [
            Line2D(
                [], [], ls="none", ms=4, marker=markers[k], color=colors[k],
                label=shorten(labels[k], 18),
            )
            for k in range(0, len(colors), -(-len(colors) // MAX_IN_LEGEND))
        ]  # fmt: skip


def _check_method(method: Any, allowed: tuple[Any, ...] = _METHODS) -> Any:
    if method not in allowed:
        raise ValueError(f"method={method!r} is not known: choose 'tsne' or 'pca'.")
    return method


def _some_of_each(
    labels: NDArray[Any], classes: NDArray[Any], n: int, stream: np.random.RandomState
) -> NDArray[np.intp]:
    """Return the positions of up to n rows of each class, in the order of the data."""
    position, every = positions(labels, classes, "y"), np.arange(len(labels))
    chosen = [choose(every, np.flatnonzero(position == k), n, stream) for k in range(len(classes))]
    return np.sort(np.concatenate(chosen))

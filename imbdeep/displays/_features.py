"""What a classifier makes of its rows, before its last layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.utils import _safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.parallel import _get_threadpool_controller

from ._by_class import (
    by_frequency,
    counts_of,
    fitted_classifier,
    labels_beside,
    named,
    per_class,
    positions,
)
from ._canvas import axes_or_new, canvas, colors_of, share, shorten
from ._latent import _two_components
from ._rows import as_rows, choose, labels_of, new_seed, stream_of

_METHODS = ("tsne", "pca")
#: Panels side by side, and classes named in the legend, at the most.
_PANELS_IN_LINE, _MAX_IN_LEGEND = 3, 14
#: Classes that the colours alone tell apart, and markers for more.
_MAX_DISTINCT, _MARKERS = 7, "os^D"


class FeaturesDisplay:
    """The penultimate features of a classifier in two dimensions, a colour a class.

    This is Figure 4 of [1]_. Classes that lie apart are easily told apart by the last layer; rare
    classes within the cloud of a frequent one are those that will be mistaken for it. Rows that the
    classifier was trained on lie further apart than new ones.

    Of an :class:`~imbdeep.classifiers.RAEClassifier` it is Figure 2 of [2]_: its penultimate
    features are the latent codes. Where two classes overlap, they are not linearly separable, and a
    convex combination of codes of the one may lie in the other. The opposite does not hold: what
    t-SNE draws apart need not be separable by hyperplanes; ``diagnostics_["separability"]`` counts.

    t-SNE shows who is whose neighbour; distances between clusters, their sizes and their places
    mean nothing, and neither does the turn of one panel against another. Principal components keep
    the distances along the two directions that vary most, and hide all other directions.

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
    figure_ : matplotlib Figure
        The figure that holds them.

    Raises
    ------
    ValueError
        If points are not finite, not of two columns or not as many as labels, or a label is none of
        the classes.

    See Also
    --------
    LatentDisplay : The latent codes of a sampler, generated rows among them.

    References
    ----------
    .. [1] J. Kim et al., "M2m: Imbalanced Classification via Major-to-minor Translation", CVPR
       2020.
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
            self.points[name] = _check(part, self.y, "points", name)
            if self.points[name].shape[1] != 2:
                raise ValueError(
                    f"points of {name!r} has shape {self.points[name].shape}, but only two columns "
                    "can be drawn: use FeaturesDisplay.from_features, which reduces them."
                )
        if classes is None:
            found, counts = np.unique(self.y, return_counts=True)
            classes = found[by_frequency(counts)]
        self.classes = np.asarray(classes)
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
        ax: Any = None,
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
        random_state : int, RandomState instance or None, default=None
            Seed of the rows that are drawn and of t-SNE.
        name : str, default=None
            Title of a single panel; none by default.
        ax : matplotlib Axes, default=None
            Axes to draw in, or the subplot whose place several panels take; by default a new
            figure.

        Returns
        -------
        FeaturesDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If features are not finite or not as many as labels, or a parameter is out of range.
        """
        _check_parameters(method, n_per_class, perplexity)
        labels, stream = labels_of(y), stream_of(random_state)
        parts = {
            key: _check(part, labels, "features", key)
            for key, part in named(features, name, "features", "features").items()
        }
        if class_counts is None:
            counts, classes = per_class(None, labels, None, labels)
        else:
            counts, classes = per_class(class_counts, None, None, np.unique(labels))
        classes = classes[by_frequency(counts)]
        rows = _some_of_each(labels, classes, n_per_class, stream)
        seed = new_seed(stream)
        points, ratios = {}, {}
        for key, part in parts.items():
            points[key], ratios[key] = _reduce(part[rows], method, perplexity, seed)
        return cls(
            points,
            labels[rows],
            classes=classes,
            method=method,
            explained_variance_ratio=ratios if method == "pca" else None,
        ).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        method: str = "tsne",
        n_per_class: int = 50,
        perplexity: float = 30.0,
        random_state: Any = None,
        name: str | None = None,
        ax: Any = None,
    ) -> FeaturesDisplay:
        """Draw the penultimate features of a fitted classifier, or of several side by side.

        All panels show the same rows.

        Parameters
        ----------
        estimator : fitted classifier or dict of str to fitted classifier
            Anything with ``penultimate_features(X)``, ``classes_`` and ``class_counts_``.
        X : array-like or DataFrame
            Rows: training rows as in [1]_, or new ones, which say more about generalisation.
        y : array-like of shape (n_samples,)
            Their labels.
        method : {"tsne", "pca"}, default="tsne"
            t-SNE, or the first two principal components.
        n_per_class : int, default=50
            Rows of each class at the most.
        perplexity : float, default=30.0
            As in :meth:`from_features`.
        random_state : int, RandomState instance or None, default=None
            Seed of the rows that are drawn and of t-SNE.
        name : str, default=None
            Title of a single panel; the name of the classifier's class by default.
        ax : matplotlib Axes, default=None
            Axes to draw in, or the subplot whose place several panels take; by default a new
            figure.

        Returns
        -------
        FeaturesDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If a classifier is not fitted.
        AttributeError
            If a classifier has no ``penultimate_features`` or no ``class_counts_``.
        ValueError
            If the classifiers were fitted on different rows, a label of ``y`` is unknown, or a
            parameter is out of range.
        """
        _check_parameters(method, n_per_class, perplexity)
        estimators = named(estimator, name, type(estimator).__name__, "estimator")
        advice = "Give features of your own to FeaturesDisplay.from_features."
        readers = {
            key: fitted_classifier(each, "penultimate_features", advice)
            for key, each in estimators.items()
        }
        counts, _, _ = counts_of(estimators, None, None, cls.__name__)
        X, stream = as_rows(X), stream_of(random_state)
        labels = labels_beside(X, y)
        # Chosen before the networks run, which may be slow on all rows.
        rows = _some_of_each(labels, per_class(counts, None, None, labels)[1], n_per_class, stream)
        chosen = _safe_indexing(X, rows)
        return cls.from_features(
            {key: read(chosen) for key, read in readers.items()},
            labels[rows],
            class_counts=counts,
            method=method,
            n_per_class=n_per_class,
            perplexity=perplexity,
            random_state=stream,
            ax=ax,
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the points, a colour a class: the frequent first, so that the rare lie on top.

        Up to seven classes have distinct colours. More have shades from dark (frequent) to light
        (rare), and four kinds of markers in turn, which tell neighbours apart.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in, or the subplot whose place several panels take; by default a new
            figure.

        Returns
        -------
        FeaturesDisplay
            This object.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n_panels, colors = len(self.points), colors_of(len(self.classes))
        n_columns = 2 if n_panels == 4 else min(n_panels, _PANELS_IN_LINE)
        n_lines = -(-n_panels // n_columns)
        legend: dict[str, Any] = {
            "title": "class, frequent first",
            "frameon": False,
            "fontsize": 9,
            "title_fontsize": 9,
            "markerscale": 1.6,
        }
        if n_panels == 1:
            self.axes_ = np.array([axes_or_new(ax, 6.6, 4.6)])
            self.figure_ = self.axes_[0].figure.figure
        else:
            self.figure_, part = canvas(ax, 3.6 * n_columns + 1.5, 3.5 * n_lines)
            grid = part.subplots(n_lines, n_columns, squeeze=False).ravel()
            for panel in grid[n_panels:]:
                panel.remove()
            self.axes_ = grid[:n_panels]
        for panel, (name, points) in zip(self.axes_, self.points.items(), strict=True):
            for k, color in enumerate(colors):
                panel.scatter(
                    *points[self._position == k].T, color=[color], marker=self._marker(k), s=18,
                    lw=0.3, edgecolor="white",
                )  # fmt: skip
            is_nameless = n_panels == 1 and name == "features"
            panel.set_title("" if is_nameless else shorten(name, 32), fontsize=11)
            if self.method == "tsne":  # its axes have no unit and no meaning
                panel.set_xticks([])
                panel.set_yticks([])
            elif self.method == "pca":
                shares = self.explained_variance_ratio.get(name, ())
                parts = [f" ({share(part)} of the variance)" for part in shares] or ["", ""]
                panel.set_xlabel(f"principal component 1{parts[0]}", fontsize=9)
                panel.set_ylabel(f"principal component 2{parts[1]}", fontsize=9)
                panel.tick_params(labelsize=8)
        handles = self._handles(colors)
        if n_panels == 1:
            self.axes_[0].legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), **legend)
        else:
            part.legend(handles=handles, loc="outside right upper", **legend)
        return self

    def _handles(self, colors: list[Any]) -> list[Any]:
        """What the colours mean; of many classes some."""
        from matplotlib.lines import Line2D

        every = -(-len(colors) // _MAX_IN_LEGEND)
        labels = self.classes.tolist()
        return [
            Line2D(
                [],
                [],
                ls="none",
                marker=self._marker(k),
                ms=4,
                color=colors[k],
                label=shorten(labels[k], 18),
            )
            for k in range(0, len(colors), every)
        ]

    def _marker(self, k: int) -> str:
        return "o" if len(self.classes) <= _MAX_DISTINCT else _MARKERS[k % len(_MARKERS)]


def _check_method(method: Any, allowed: tuple[Any, ...] = _METHODS) -> Any:
    if method not in allowed:
        raise ValueError(f"method={method!r} is not known: choose 'tsne' or 'pca'.")
    return method


def _check_parameters(method: Any, n_per_class: Any, perplexity: Any) -> None:
    _check_method(method)
    if n_per_class < 1 or n_per_class != int(n_per_class):
        raise ValueError(
            f"n_per_class={n_per_class!r} must be a whole number of at least 1: rows of each class "
            "to draw."
        )
    if not 0 < perplexity < np.inf:
        raise ValueError(
            f"perplexity={perplexity!r} must be a positive number: 5 to 50 suit most data."
        )


def _check(array: Any, labels: NDArray[Any], what: str, name: str) -> NDArray[np.float64]:
    found = np.asarray(as_rows(array), dtype=np.float64)
    if found.ndim != 2 or not found.size or labels.shape != found.shape[:1]:
        raise ValueError(
            f"{what} of {name!r} has shape {found.shape} and y {labels.shape}: give (n, d) and "
            "(n,), n and d at least 1."
        )
    if not np.isfinite(found).all():
        raise ValueError(
            f"{what} of {name!r} holds NaN or infinity: look for a classifier that diverged."
        )
    return found


def _some_of_each(
    labels: NDArray[Any], classes: NDArray[Any], n: int, stream: np.random.RandomState
) -> NDArray[np.intp]:
    """Return the positions of up to n rows of each class, in the order of the data."""
    position, every = positions(labels, classes, "y"), np.arange(len(labels))
    chosen = [choose(every, np.flatnonzero(position == k), n, stream) for k in range(len(classes))]
    return np.sort(np.concatenate(chosen))


def _reduce(
    features: NDArray[np.float64], method: str, perplexity: float, seed: int
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return features in two dimensions, and the shares of the variance (0 for t-SNE)."""
    n, d = features.shape
    if n == 1 or not np.ptp(features, axis=0).any():  # a point has no neighbours
        return np.zeros((n, 2)), (0.0, 0.0)
    if method == "pca":
        return _two_components(np.column_stack([features, np.zeros(n)]) if d == 1 else features)
    tsne = TSNE(
        perplexity=min(perplexity, max(1.0, (n - 1) / 3)),
        init="pca" if d > 1 else "random",
        random_state=seed,
    )
    # Threads add up in the order in which they finish, and t-SNE makes much of the last digit.
    with _get_threadpool_controller().limit(limits=1):
        points: NDArray[np.float64] = tsne.fit_transform(features)
    return points.astype(np.float64), (0.0, 0.0)

"""Generated rows, and the real rows that they are combinations of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from imbdeep.seeding import draw_seed, random_stream

from ._canvas import BLUE, GENERATED, GREY, Display, count, documented, share, shorten
from ._images import draw_images, images_size
from ._rows import (
    as_images,
    as_rows,
    cells_of,
    check_whole,
    chosen_columns,
    fitted_classifier,
    image_shape_of,
    makes_features,
    names_of,
)

#: Columns of a table that are drawn unless others are named.
_MAX_FEATURES = 6
#: In inches: a line of a table, a cell, the place of the names of rows, and that of a bar.
_LINE, _CELL, _NAME, _BAR = 0.23, 1.05, 1.05, 1.2


@documented
class AnchorsDisplay(Display):
    """Generated rows, and the real rows (anchors) that they are convex combinations of.

    A convex generator explains what it makes: a row is Σ_j w_j x_j, with non-negative weights that
    sum to one over the real rows x_j of the class. The picture has a line for each generated row,
    with its heaviest anchors and their weights, and all others put together; of images these are
    shown as their weighted mean, so that a line reads as a sum. exp of the entropy of the weights
    is the effective number of anchors: near 1 the row is a copy, and where it is that of all
    anchors, the row is the mean of the class.

    Of a table, encoded rows are combined: numbers need not be the weighted sums of those below
    them, but lie between the lowest and the highest.

    Parameters
    ----------
    generated : array-like of shape (n, n_features) or (n, channels, height, width), or None
        Generated rows; None where they are no rows as the anchors are, but features of images.
    anchors : array-like of shape (n_anchors, n_features) or (n_anchors, channels, height, width)
        The real rows.
    weights : array-like of shape (n, n_anchors)
        Their weights in each generated row.
    positions : array-like of int, of shape (n_anchors,), default=None
        Where the anchors stand in the data, for their names; 0, 1, ... by default.
    label : label, default=None
        The class.
    $feature_names

    Attributes
    ----------
    effective_anchors : ndarray of shape (n,)
        exp of the entropy of the weights of each generated row, from 1 to n_anchors.
    $axes

    Raises
    ------
    ValueError
        If shapes do not match, or weights are negative or do not sum to one.

    See Also
    --------
    imbdeep.classifiers.GAMOClassifier : Generates such rows.
    ClassSamplesDisplay : Generated images of all classes.

    $gamo

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.displays import AnchorsDisplay
    >>> anchors = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 8.0]])
    >>> weights = np.array([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])
    >>> display = AnchorsDisplay(weights @ anchors, anchors, weights).plot()
    >>> display.effective_anchors.round(2)
    array([2.  , 2.83])
    """

    def __init__(
        self,
        generated: Any,
        anchors: Any,
        weights: Any,
        positions: Any = None,
        *,
        label: Any = None,
        feature_names: Any = None,
    ) -> None:
        self.generated: Any = None if generated is None else np.asarray(generated)
        self.anchors = np.asarray(anchors)
        self.weights = np.asarray(weights, dtype=np.float64)
        self.label = label
        shape, of_weights = self.anchors.shape, self.weights.shape
        if len(shape) not in (2, 4) or 0 in shape or 0 in of_weights[:1]:
            raise ValueError(
                f"anchors has shape {shape} and weights {of_weights}: give rows of a table, "
                "(n_anchors, n_features), or images, (n_anchors, channels, height, width), and a "
                "line of weights or more."
            )
        self.is_image = len(shape) == 4
        if len(of_weights) != 2 or of_weights[1] != len(self.anchors):
            raise ValueError(
                f"weights has shape {of_weights}, but there are {len(self.anchors)} anchors: give "
                "(n, n_anchors), a weight of each anchor in each generated row."
            )
        if not np.isfinite(self.weights).all() or (self.weights < 0).any() or (
            abs(self.weights.sum(axis=1) - 1) > 1e-3
        ).any():  # fmt: skip
            raise ValueError(
                f"weights are from {self.weights.min():g} to {self.weights.max():g}, and the sums "
                f"of lines from {self.weights.sum(axis=1).min():g} to "
                f"{self.weights.sum(axis=1).max():g}: "
                "those of a convex combination are not negative and sum to 1."
            )
        if self.generated is not None and self.generated.shape != (len(self.weights), *shape[1:]):
            raise ValueError(
                f"generated has shape {self.generated.shape}, but there are {len(self.weights)} "
                f"lines of weights and anchors of shape {shape[1:]}: give one row a line, as the "
                "anchors are."
            )
        if self.generated is None and not self.is_image:
            raise ValueError("generated=None is for features of images: give the generated rows.")
        self.positions = np.arange(shape[0]) if positions is None else np.asarray(positions)
        if self.positions.shape != shape[:1]:
            raise ValueError(
                f"positions has shape {self.positions.shape}, but there are {shape[0]} anchors: "
                "give one each."
            )
        self.feature_names: Any = None
        if not self.is_image:
            self.feature_names = names_of(self.anchors, feature_names)
        positive = np.where(self.weights > 0, self.weights, 1.0)
        self.effective_anchors = np.exp(-(self.weights * np.log(positive)).sum(axis=1))

    @classmethod
    def from_estimator(
        cls,
        classifier: Any,
        X: Any,
        target: Any,
        n: int = 4,
        *,
        random_state: Any = 0,
        **plot_params: Any,
    ) -> AnchorsDisplay:
        """Generate rows with a fitted classifier and draw them with their anchors.

        Parameters
        ----------
        classifier : fitted classifier
            Anything with ``generate(n, target, return_weights=True, random_state)`` that returns
            rows, positions of anchors in ``X``, and weights, such as
            :class:`~imbdeep.classifiers.GAMOClassifier`.
        X : array-like or DataFrame
            The very rows that were given to ``fit``, in the same order.
        target : label
            The class to generate.
        n : int, default=4
            Number of rows to generate.
        $seed
        $plot_params

        $drawn

        Raises
        ------
        ValueError
            If ``X`` is not what the classifier was fitted on, the class cannot be generated, or
            the generator is not convex.
        AttributeError
            If the classifier generates nothing.
        $unfitted
        """
        fitted_classifier(classifier, "classes_")
        advice = "Give a GAMOClassifier, or rows and weights of your own to AnchorsDisplay."
        generate = fitted_classifier(classifier, "generate", advice)
        made, positions, weights = generate(
            n, target, return_weights=True, random_state=draw_seed(random_stream(random_state))
        )
        X, positions = as_rows(X), np.asarray(positions)
        advice = "give the X that was given to fit, with its rows in the same order."
        needed = max(positions.max() + 1, np.sum(getattr(classifier, "class_counts_", 0)))
        if X.shape[0] < needed:
            raise ValueError(
                f"X has {X.shape[0]} rows, and this {type(classifier).__name__} was fitted on "
                f"{needed} or more: {advice}"
            )
        anchors, shape = _safe_indexing(X, positions), image_shape_of(classifier, X)
        rows: Any = None
        names = names_of(X) if shape is None else None
        if shape is None:
            rows, anchors = cells_of(as_rows(made)), cells_of(anchors)
        else:
            anchors = as_images(anchors, shape)
            if not makes_features(classifier, made, shape):
                rows = as_images(made, shape)
                gap = _gap(rows, anchors, weights)
                if gap > 0.02:
                    raise ValueError(
                        "The generated images differ from the weighted sums of the rows of X by "
                        f"up to {gap:.0%} of the range of their values: {advice}"
                    )
        display = cls(rows, anchors, weights, positions, label=target, feature_names=names)
        return display.plot(**plot_params)

    def plot(
        self, ax: Any = None, *, n_anchors: int = 5, features: Any = None, cmap: Any = "gray"
    ) -> Any:
        """Draw a line of images, or a few lines of a table, for each generated row.

        Parameters
        ----------
        $ax
        n_anchors : int, default=5
            Anchors to draw of each generated row, the heaviest first.
        features : list of str or int, default=None
            Columns of a table to draw, by name or position; the first six by default.
        $cmap

        $itself

        Raises
        ------
        ValueError
            If ``n_anchors`` is below 1, or a feature is not known.
        """
        check_whole(n_anchors, "n_anchors")
        heaviest = np.argsort(-self.weights, axis=1, kind="stable")[:, : int(n_anchors)]
        if self.is_image:
            self._plot_images(ax, heaviest, cmap)
        else:
            self._plot_table(ax, heaviest, features)
        if self.label is not None:
            self.ax_.set_title(f"Class {shorten(self.label, 30)}", fontsize=11)
        return self

    def _plot_images(self, ax: Any, heaviest: NDArray[np.intp], cmap: Any) -> None:
        heads = ["heaviest anchors"]
        lines = [[self.anchors[rows]] for rows in heaviest]
        captions = [
            [f"{share(self.weights[i, j])}\nrow {self.positions[j]}" for j in rows]
            for i, rows in enumerate(heaviest)
        ]
        if self.generated is not None:
            heads = ["generated", *heads]
            lines = [[row[None], *line] for row, line in zip(self.generated, lines, strict=True)]
            captions = [["", *line] for line in captions]
        others = self.weights.copy()
        np.put_along_axis(others, heaviest, 0.0, axis=1)
        total = others.sum(axis=1)
        if (total > 1e-6).any():
            heads.append("mean of others")
            rest = count(len(self.anchors) - heaviest.shape[1], "other")
            others /= np.maximum(total, 1e-12)[:, None]
            means = np.tensordot(others, self.anchors.astype(np.float64), 1)[:, None]
            for i, part in enumerate(total.tolist()):
                lines[i].append(means[i][: int(part > 1e-6)])  # no weight, no mean
                captions[i].append(f"{share(part)}\n{rest}")
        names: list[Any] = [f"{value:.1f} effective\nanchors" for value in self.effective_anchors]
        self._begin(ax, *images_size(lines, captions=True), layout="compressed")
        draw_images(self.ax_, names, lines, cmap, heads=heads, captions=captions)

    def _plot_table(self, ax: Any, heaviest: NDArray[np.intp], features: Any) -> None:
        chosen = list(range(min(len(self.feature_names), _MAX_FEATURES)))
        if features is not None:
            chosen = chosen_columns(features, self.feature_names)
        n_others = len(self.anchors) - heaviest.shape[1]
        height = heaviest.shape[1] + 1.6 + (n_others > 0)  # of a generated row, in lines
        left = _NAME + _BAR + 0.5
        width, depth = left + _CELL * len(chosen) + 0.1, 1.2 + height * len(heaviest) - 0.6
        self._begin(ax, width + 0.2, _LINE * depth + 0.5)
        self.ax_.set_xlim(0, width)
        self.ax_.set_ylim(depth, 0)
        self.ax_.set_axis_off()
        for k, j in enumerate(chosen):
            self._write(
                left + (k + 1) * _CELL, 0.5, shorten(self.feature_names[j], 13), color="0.35"
            )
        shown = np.concatenate([self.generated, self.anchors[np.unique(heaviest)]])
        decimals = [_decimals(shown[:, j]) for j in chosen]
        for i, rows in enumerate(heaviest):
            top = 1.2 + i * height
            self.ax_.axhspan(top, top + 1, color=GENERATED, alpha=0.15, lw=0)
            bold = {"weight": "bold"}
            self._write(_NAME, top + 0.5, "generated", **bold)
            text = f"{self.effective_anchors[i]:.1f} effective anchors"
            self._write(_NAME + 0.1, top + 0.5, text, ha="left", size=7.5, color="0.35")
            self._cells(left, top + 0.5, self.generated[i, chosen], decimals, **bold)
            for line, j in enumerate(rows.tolist(), start=1):
                self._bar(top + line, f"row {self.positions[j]}", self.weights[i, j], BLUE)
                self._cells(left, top + line + 0.5, self.anchors[j, chosen], decimals)
            if n_others:
                rest = max(0.0, 1 - float(self.weights[i, rows].sum()))
                self._bar(top + len(rows) + 1, count(n_others, "other"), rest, GREY)

    def _bar(self, top: float, name: str, weight: float, color: str) -> None:
        self._write(_NAME, top + 0.5, name)
        self.ax_.barh(top + 0.5, _BAR * weight, 0.6, _NAME + 0.1, color=color)
        self._write(_NAME + 0.15 + _BAR * weight, top + 0.5, share(weight), ha="left", size=8)

    def _cells(self, left: float, y: float, values: Any, decimals: list[int], **style: Any) -> None:
        for k, (value, places) in enumerate(zip(values.tolist(), decimals, strict=True), start=1):
            self._write(left + k * _CELL, y, _text(value, places), **style)

    def _write(self, x: float, y: float, text: str, **style: Any) -> None:
        self.ax_.text(x, y, text, **{"ha": "right", "va": "center", "size": 8.5, **style})


def _decimals(column: NDArray[Any]) -> int:
    """Return how many decimals show four digits of the largest number."""
    numbers = [abs(v) for v in column.tolist() if isinstance(v, float) and np.isfinite(v)]
    largest = max(numbers, default=0.0)
    return int(np.clip(3 - np.floor(np.log10(largest)), 0, 6)) if largest > 0 else 0


def _text(value: Any, decimals: int) -> str:
    """Return a cell as a short text."""
    if value is None or value != value:
        return "missing"
    if isinstance(value, float):
        return f"{value:.{decimals}f}" if 1e-3 <= abs(value) < 1e7 or not value else f"{value:.2e}"
    return shorten(value, 14)


def _gap(rows: NDArray[Any], anchors: NDArray[Any], weights: Any) -> float:
    """Return how far rows are from the weighted sums of anchors, as a share of their range."""
    if rows.dtype == bool:  # settled to one of two values
        return 0.0
    sums = np.tensordot(np.asarray(weights, dtype=np.float64), anchors.astype(np.float64), 1)
    low, high = float(anchors.min()), float(anchors.max())
    # Rounding moves a whole number by up to a half.
    rounding = 0.5 if rows.dtype.kind in "iu" else 0.0
    gap = float(abs(sums - rows).max()) - rounding
    return max(0.0, gap) / (high - low) if high > low else max(0.0, gap)

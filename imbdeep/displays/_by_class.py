"""What the displays of classifiers count: rows, hits and mistakes of each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from ._canvas import Display, documented, legend_beside
from ._rows import fitted_classifier, labels_of

#: Classes whose names still fit beside an axis.
MAX_NAMED = 12

_Display = TypeVar("_Display", bound="PredictionsDisplay")


def named(value: Any, name: str | None, default: str, what: str) -> dict[str, Any]:
    """Return one thing, or a dict of them, as a dict by distinct names."""
    if not isinstance(value, Mapping):
        return {default if name is None else str(name): value}
    if name is not None:
        raise ValueError(
            f"name={name!r} names a single one, but {what} is a dict, whose keys are the names: "
            "leave name out."
        )
    if not value:
        raise ValueError(f"{what} is an empty dict: give at least one entry, by name.")
    names = [str(key) for key in value]
    twice = sorted({key for key in names if names.count(key) > 1})
    if twice:
        raise ValueError(
            f"{what} holds the name {twice[0]!r} twice (keys {list(value)}): names are compared as "
            "text, so give each its own."
        )
    return dict(zip(names, value.values(), strict=True))


def per_class(
    class_counts: Any, y_train: Any, classes: Any, seen: list[NDArray[Any]]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the training rows of each class, and the classes.

    Rows are given by label, in the order of ``classes``, or counted in ``y_train``. The classes are
    those given, else those of the rows, else those in the labels ``seen``.
    """
    if (class_counts is None) == (y_train is None):
        given = "neither" if y_train is None else "both"
        raise ValueError(
            f"Got {given} of class_counts and y_train: give the number of training rows of each "
            "class, or the labels of the training rows to count them from."
        )
    if y_train is not None:
        found, counts = np.unique(labels_of(y_train), return_counts=True)
        class_counts = dict(zip(found.tolist(), counts.tolist(), strict=True))
    if not isinstance(class_counts, Mapping):
        classes = np.unique(np.concatenate(seen)) if classes is None else classes
        return check_counts(class_counts, classes)
    known = labels_of(list(class_counts))
    rows = dict(zip(known.tolist(), class_counts.values(), strict=True))
    labels = np.sort(known) if classes is None else labels_of(classes)
    if set(labels.tolist()) != set(rows):
        raise ValueError(
            f"Training rows are known of the classes {_some(rows)}, but the classes are "
            f"{_some(labels.tolist())}: name the same ones."
        )
    return check_counts([rows[label] for label in labels.tolist()], labels)


def check_counts(class_counts: Any, classes: Any) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return counts and classes as arrays of one length; a class may have no row (yet)."""
    counts, labels = np.asarray(class_counts, dtype=np.float64), labels_of(classes)
    if counts.ndim != 1 or not len(counts) or counts.shape != labels.shape:
        raise ValueError(
            f"class_counts has shape {counts.shape}, and there are {len(labels)} classes, "
            f"{_some(labels.tolist())}: give one number of training rows for each class, or a dict "
            "of class to number."
        )
    wrong = np.flatnonzero(~(np.isfinite(counts) & (counts >= 0)))
    if len(wrong):
        raise ValueError(
            f"class_counts of class {labels[wrong[0]]} is {counts[wrong[0]]:g}, but must be a "
            "number of rows, 0 or more: count the labels of the training rows, or give y_train."
        )
    if len(set(labels.tolist())) < len(labels):
        raise ValueError(f"classes={_some(labels.tolist())} names a class twice: name each once.")
    return counts, labels


def check_values(
    values: Any, n_classes: int, what: str, name: str, low: float, high: float
) -> NDArray[np.float64]:
    """Return the values of a method as an array, one a class, in a range; NaN is let through."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n_classes,):
        raise ValueError(
            f"{what} of {name!r} has shape {array.shape}, but there are {n_classes} classes: give "
            "one value each."
        )
    outside = array[(array < low) | (array > high)]
    if len(outside):
        span = f"from {low:g} to {high:g}" if np.isfinite(high) else f"at least {low:g}"
        raise ValueError(f"{what} of {name!r} holds {outside[0]:g}, but must be {span}.")
    return array


def confusion(
    y_true: Any, predictions: Mapping[str, Any], class_counts: Any, y_train: Any, classes: Any
) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.float64], NDArray[Any]]:
    """Return the confusion matrix of each method (true by predicted), counts, and classes."""
    truth = labels_of(y_true)
    if truth.ndim != 1 or not len(truth):
        raise ValueError(f"y_true has shape {truth.shape}: give at least one label.")
    guesses = {name: labels_of(part) for name, part in predictions.items()}
    for name, guess in guesses.items():
        if guess.shape != truth.shape:
            raise ValueError(
                f"y_pred of {name!r} has shape {guess.shape}, y_true {truth.shape}: give one "
                "prediction for each row of y_true."
            )
    counts, labels = per_class(class_counts, y_train, classes, [truth, *guesses.values()])
    rows, every = positions(truth, labels, "y_true"), np.arange(len(labels))
    matrices = {
        name: confusion_matrix(rows, positions(guess, labels, f"y_pred of {name!r}"), labels=every)
        for name, guess in guesses.items()
    }
    return matrices, counts, labels


def positions(labels: NDArray[Any], classes: NDArray[Any], what: str) -> NDArray[np.intp]:
    """Return the position of each label among the classes, of which it must be one."""
    position = {label: i for i, label in enumerate(classes.tolist())}
    found = [position.get(label, -1) for label in labels.tolist()]
    if -1 in found:
        unknown = labels.tolist()[found.index(-1)]
        raise ValueError(
            f"{what} holds the class {unknown!r}, but the classes with training rows are "
            f"{_some(classes.tolist())}: drop its rows, or look whether labels changed their type."
        )
    return np.array(found, dtype=np.intp)


def counts_of(
    estimators: Mapping[str, Any], class_counts: Any, y_train: Any, display: str
) -> tuple[Any, Any, Any]:
    """Return class_counts, y_train and classes of fitted classifiers, which must agree.

    Counts that the caller gives take precedence over ``class_counts_``, which classifiers of other
    libraries lack.
    """
    every = {
        name: labels_of(fitted_classifier(estimator, "classes_")).tolist()
        for name, estimator in estimators.items()
    }
    first = next(iter(every))
    if class_counts is not None or y_train is not None:
        # A dict and y_train name their classes themselves.
        own = class_counts is None or isinstance(class_counts, Mapping)
        return class_counts, y_train, None if own else every[first]
    advice = (
        "Classifiers of imbdeep.classifiers count their training rows; for others give "
        f"{display}.from_estimator the labels of the training rows, y_train=..."
    )
    rows: dict[str, dict[Any, float]] = {}
    for name, estimator in estimators.items():
        counts = np.asarray(fitted_classifier(estimator, "class_counts_", advice))
        rows[name] = dict(zip(every[name], counts.tolist(), strict=True))
        if rows[name] != rows[first]:
            raise ValueError(
                f"{first!r} was fitted on the rows of classes {_some(rows[first].items())}, "
                f"{name!r} on {_some(rows[name].items())}: compare classifiers that were fitted on "
                "the same rows, or give y_train=..."
            )
    return rows[first], None, every[first]


def by_frequency(class_counts: NDArray[Any]) -> NDArray[np.intp]:
    """Return the classes from the most to the least frequent, those of one size as they stand."""
    return np.argsort(-class_counts, kind="stable")


@documented
class PredictionsDisplay(Display):
    """What displays of predictions share: the ways to make one, and what surrounds the picture."""

    #: Makes the display from the confusion matrix of each method (true by predicted), the training
    #: rows of the classes, and the classes.
    _of: ClassVar[Callable[..., Any]]

    @classmethod
    def from_predictions(
        cls: type[_Display],
        y_true: Any,
        y_pred: Any,
        *,
        class_counts: Any = None,
        y_train: Any = None,
        classes: Any = None,
        name: str | None = None,
        ax: Any = None,
    ) -> _Display:
        """Count hits and mistakes of predictions and draw them.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of test rows, best of a balanced test set.
        y_pred : array-like of shape (n_samples,) or dict of str to array-like
            Predicted labels; a dict holds those of several methods by name.
        class_counts : dict of label to int or array-like of shape (n_classes,), default=None
            Training rows of each class; an array is in the order of ``classes``. Give either this
            or ``y_train``.
        y_train : array-like of shape (n_train,), default=None
            Labels of the training rows, which are counted.
        classes : array-like of shape (n_classes,), default=None
            The classes; by default those of the counts, or all that occur, sorted.
        name : str, default=None
            Name of the method if there is only one; "predictions" by default.
        $ax

        $drawn

        Raises
        ------
        ValueError
            If predictions and labels differ in length, or a label is none of the classes.
        """
        predictions = named(y_pred, name, "predictions", "y_pred")
        matrices, counts, labels = confusion(y_true, predictions, class_counts, y_train, classes)
        display: _Display = cls._of(matrices, counts, labels).plot(ax)
        return display

    @classmethod
    def from_estimator(
        cls: type[_Display],
        estimator: Any,
        X: Any,
        y: Any,
        *,
        class_counts: Any = None,
        y_train: Any = None,
        name: str | None = None,
        ax: Any = None,
    ) -> _Display:
        """Predict rows with a fitted classifier, or several, and draw hits or mistakes.

        Parameters
        ----------
        estimator : fitted classifier or dict of str to fitted classifier
            Anything with ``predict``, ``classes_`` and ``class_counts_``, the training rows of each
            class. Several must have been fitted on the same rows.
        X : array-like or DataFrame
            Test rows, best of a balanced test set.
        $y
        class_counts, y_train : array-like, default=None
            As in :meth:`from_predictions`, in place of ``class_counts_``: for classifiers of other
            libraries, which have none.
        name : str, default=None
            Name of a single classifier; the name of its class by default.
        $ax

        $drawn

        Raises
        ------
        $unfitted
        AttributeError
            If a classifier has no ``class_counts_``, and neither is there another count.
        ValueError
            If the classifiers were fitted on different rows, or a label of ``y`` is unknown.
        """
        estimators = named(estimator, name, type(estimator).__name__, "estimator")
        counts, y_train, classes = counts_of(estimators, class_counts, y_train, cls.__name__)
        return cls.from_predictions(
            y,
            {key: each.predict(X) for key, each in estimators.items()},
            class_counts=counts,
            y_train=y_train,
            classes=classes,
            ax=ax,
        )

    def _finish(self, what: str, handles: Any = None) -> None:
        """Name the y axis and draw the legend."""
        self.ax_.set_ylabel(what)
        self.ax_.grid(axis="y", alpha=0.3, lw=0.6)
        self.ax_.spines[["top", "right"]].set_visible(False)
        legend_beside(self.ax_, handles=handles, labelspacing=0.8)


def _some(labels: Any) -> str:
    labels = list(labels)
    return f"{labels}" if len(labels) <= 10 else f"{labels[:10]} and {len(labels) - 10} more"

"""What a translation changes in the rows it starts from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from imbdeep.seeding import draw_seed, random_stream

from ._by_class import positions
from ._canvas import BLUE, GREY, VERMILION, Display, count, documented, legend_beside, shorten
from ._images import draw_images, images_size
from ._rows import (
    as_images,
    as_rows,
    check_whole,
    choose,
    fitted_classifier,
    image_shape_of,
    labels_beside,
    labels_of,
    names_of,
    read_tables,
)

#: Rows that from_estimator translates by default: images to see, rows to average.
_N_IMAGES, _N_ROWS = 5, 100
#: Columns of a table that are drawn.
_MAX_FEATURES = 12


@documented
class PerturbationDisplay(Display):
    """Seeds, what a translation adds to them, and the translations.

    This is Figure 6 of [1]_. M2m translates a row of a frequent class by small steps against the
    gradient of a teacher, until the teacher predicts the rare class. To the eye, the translation
    may look like its seed; the perturbation, amplified around grey, shows whether it has any
    visible feature of the other class. Of tables, the display shows the columns that moved the
    most.

    Parameters
    ----------
    seeds, translations : array-like of shape (n, channels, height, width), or (n, n_features)
        Rows before and after, in pairs. NaN is missing.
    seed_labels : array-like of shape (n,)
        The class of each seed.
    target : label
        The class that they were translated into.
    confidence : array-like of shape (n,), default=None
        Probability of the target that the teacher gives to each translation.
    $feature_names
    scales : array-like of shape (n_features,), default=None
        Unit of the changes of each column, usually its standard deviation over all rows; by default
        that over the seeds. A scale of 0, that of a constant column, counts as 1.
    levels : dict of int to list of str, default=None
        Names of the levels of the columns that hold codes. Such a value has changed by 1 or not at
        all.

    Attributes
    ----------
    changes : ndarray of shape (n_features,)
        Mean absolute change of each column in its unit. None for images.
    shifts : ndarray of shape (n_features,)
        Mean change, with its sign; NaN for codes. None for images.
    $axes

    Raises
    ------
    ValueError
        If the shapes do not match, there is no row, or a confidence is outside 0 to 1.

    See Also
    --------
    TranslationDisplay : Majority images beside what a sampler makes of them.

    $m2m

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.displays import PerturbationDisplay
    >>> seeds = np.array([[0.0, 1.0], [2.0, 3.0]])  # standard deviation 1
    >>> display = PerturbationDisplay(seeds, seeds + [0.5, -2], ["many", "many"], "few").plot()
    >>> display.changes.tolist(), display.shifts.tolist()
    ([0.5, 2.0], [0.5, -2.0])
    """

    def __init__(
        self,
        seeds: Any,
        translations: Any,
        seed_labels: Any,
        target: Any,
        *,
        confidence: Any = None,
        feature_names: Any = None,
        scales: Any = None,
        levels: dict[int, list[str]] | None = None,
    ) -> None:
        self.seeds, self.translations = np.asarray(seeds), np.asarray(translations)
        self.seed_labels, self.target = labels_of(seed_labels), target
        self.confidence = None if confidence is None else np.asarray(confidence, dtype=np.float64)
        self.levels = levels or {}
        shape = self.seeds.shape
        if shape != self.translations.shape or len(shape) not in (2, 4) or not self.seeds.size:
            raise ValueError(
                f"seeds has shape {shape} and translations {self.translations.shape}: give pairs "
                "of rows, (n, n_features), or of images, (n, channels, height, width); at least "
                "one."
            )
        for name, part in (("seed_labels", self.seed_labels), ("confidence", self.confidence)):
            if part is not None and part.shape != shape[:1]:
                raise ValueError(
                    f"{name} has shape {part.shape} for {len(self.seeds)} seeds: give one each."
                )
        if self.confidence is not None and not np.all(
            (self.confidence >= 0) & (self.confidence <= 1)
        ):
            raise ValueError(
                f"confidence={self.confidence.tolist()[:10]} must be probabilities from 0 to 1: "
                "give those of predict_proba for the target."
            )
        self.is_image = len(shape) == 4
        self.feature_names: Any = None
        self.changes: Any = None
        self.shifts: Any = None
        if self.is_image:
            return
        self.feature_names = names_of(self.seeds, feature_names)
        if scales is None:
            scales = [
                _scale(column, j in self.levels) for j, column in enumerate(_numbers(self.seeds).T)
            ]
        self.scales = np.asarray(scales, dtype=np.float64)
        if len(self.scales) != shape[1]:
            raise ValueError(f"{len(self.scales)} scales for {shape[1]} columns: give one each.")
        self.changes, self.shifts = self._measure()

    def _measure(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        difference = _numbers(self.translations) - _numbers(self.seeds)
        coded = list(self.levels)
        # Between levels there is no distance: another level is a change of 1.
        difference[:, coded] = np.sign(np.abs(difference[:, coded]))
        difference /= np.where(self.scales > 0, self.scales, 1)
        there = ~np.isnan(difference)
        n = np.maximum(there.sum(axis=0), 1)  # a column without a value has not moved
        difference[~there] = 0.0
        changes, shifts = np.abs(difference).sum(axis=0) / n, difference.sum(axis=0) / n
        shifts[coded] = np.nan
        return changes, shifts

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        target: Any,
        n: int | None = None,
        *,
        random_state: Any = None,
        **plot_params: Any,
    ) -> PerturbationDisplay:
        """Translate some rows with a fitted classifier and draw what that changed.

        Parameters
        ----------
        estimator : fitted classifier
            Anything with ``classes_`` and ``translate(X, target, y, return_confidence,
            random_state)``, such as :class:`~imbdeep.classifiers.M2mClassifier`. The confidence
            that it returns is written beside the translations.
        X : array-like or DataFrame
            Rows, as in ``fit``; flat images take the ``image_shape`` of the estimator.
        y : array-like of shape (n_samples,)
            Their labels. Seeds are drawn from the classes with more training rows than the target
            (``class_counts_``), as the method does; without such counts from all other classes.
        target : label
            The class to translate into.
        n : int, default=None
            Number of seeds; 5 images or 100 rows of a table by default.
        $random_state
        $plot_params

        $drawn

        Raises
        ------
        $unfitted
        AttributeError
            If the classifier cannot translate.
        ValueError
            If the target is no class or the most frequent one, or no row can be its seed.
        """
        advice = "It shows what M2mClassifier makes of rows: pass one, fitted."
        classes = np.asarray(fitted_classifier(estimator, "classes_"))
        translate = fitted_classifier(estimator, "translate", advice)
        if target not in classes.tolist():
            raise ValueError(
                f"target={target!r} is no class of the classifier: name one of {classes.tolist()}."
            )
        X = as_rows(X)
        labels = labels_beside(X, y)
        shape = image_shape_of(estimator, X)
        if n is None:
            n = _N_ROWS if shape is None else _N_IMAGES
        check_whole(n, "n")
        rows = _possible_seeds(estimator, labels, classes, target)
        stream = random_stream(random_state)
        rows = choose(np.arange(len(labels)), rows, n, stream)
        chosen = _safe_indexing(X, rows)
        translated, confidence = translate(
            chosen,
            target,
            y=labels[rows],
            return_confidence=True,
            random_state=draw_seed(stream),
        )
        # The mean of several teachers may exceed 1 by a rounding error.
        confidence = np.clip(np.asarray(confidence, dtype=np.float64), 0, 1)
        translated = as_rows(translated)
        if shape is not None:
            before, after = as_images(chosen, shape), as_images(translated, shape)
            display = cls(before, after, labels[rows], target, confidence=confidence)
        else:
            every, after, _, levels = read_tables(X, translated)
            display = cls(
                every[rows],
                after,
                labels[rows],
                target,
                confidence=confidence,
                feature_names=names_of(X),
                scales=[_scale(column, j in levels) for j, column in enumerate(every.T)],
                levels=levels,
            )
        return display.plot(**plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        amplify: float = 10.0,
        max_features: int = _MAX_FEATURES,
        cmap: Any = "gray",
    ) -> Any:
        """Draw seeds, perturbations and translations of images, or the changes of columns.

        Of a table, a bar shows the mean absolute change: to the right of zero what comes from rows
        where the column rose, to the left what comes from rows where it fell. Codes have no
        direction.

        Parameters
        ----------
        $ax
        amplify : float, default=10.0
            Factor of the perturbation of images, 10 as in [1]_; what leaves the range of the images
            is cut off.
        max_features : int, default=12
            Columns of a table at the most, those that moved the most.
        $cmap

        $itself

        Raises
        ------
        ValueError
            If ``amplify`` or ``max_features`` is not positive.
        """
        if not 0 < amplify < np.inf:
            raise ValueError(
                f"amplify={amplify!r} must be a positive number: 1 draws perturbations as they are."
            )
        check_whole(max_features, "max_features")
        if self.is_image:
            return self._plot_images(ax, amplify, cmap)
        return self._plot_columns(ax, max_features)

    def _plot_images(self, ax: Any, amplify: float, cmap: Any) -> PerturbationDisplay:
        parts = [self.seeds, _amplified(self.seeds, self.translations, amplify), self.translations]
        if self.seeds.dtype == np.uint8:  # all three, so that all are drawn in the range of bytes
            parts = [np.clip(np.rint(part), 0, 255).astype(np.uint8) for part in parts]
        lines = [[part] for part in parts]
        width, height = images_size(lines)
        self._begin(ax, width, height + 0.5, layout="compressed")
        names: list[str | None] = ["seed", f"perturbation × {amplify:g}", "translation"]
        middles = draw_images(self.ax_, names, lines, cmap)
        self.ax_.set_xticks(middles, self._titles(), fontsize=8, linespacing=1.3)
        return self

    def _titles(self) -> list[str]:
        target = shorten(self.target, 14)
        own = [shorten(label, 14) for label in self.seed_labels.tolist()]
        between = "\n" if max(map(len, own)) + len(target) > 9 else " "
        titles = [f"{label}{between}→ {target}" for label in own]
        if self.confidence is not None:
            titles = [
                f"{title}\nteacher {value:.2f}"
                for title, value in zip(titles, self.confidence, strict=True)
            ]
        return titles

    def _plot_columns(self, ax: Any, max_features: int) -> PerturbationDisplay:
        chosen = np.argsort(-self.changes, kind="stable")[:max_features]
        self._begin(ax, 6.6, 0.32 * len(chosen) + 1.6)
        at = np.arange(len(chosen))
        changes, shifts = self.changes[chosen], self.shifts[chosen]
        coded = np.isnan(shifts)
        # Both together are the mean absolute change, their difference is the mean change.
        rises, falls = (changes + shifts) / 2, (changes - shifts) / 2
        bars = [("rises", rises, VERMILION, ~coded), ("falls", -falls, BLUE, ~coded)]
        for name, width, color, drawn in [*bars, ("another level", changes, GREY, coded)]:
            if drawn.any():
                self.ax_.barh(at[drawn], width[drawn], 0.6, color=color, label=name)
        self.ax_.axvline(0, color="0.3", lw=0.8)
        self.ax_.set_yticks(at, [shorten(self.feature_names[j], 26) for j in chosen])
        self.ax_.set_ylim(len(chosen) - 0.4, -0.6)
        self.ax_.tick_params(axis="y", length=0)
        if not self.changes.any():
            self.ax_.set_xlim(-1, 1)
        self.ax_.set_xlabel("mean change in standard deviations of the column")
        self.ax_.grid(axis="x", alpha=0.3, lw=0.6)
        self.ax_.set_axisbelow(True)
        self.ax_.spines[["top", "right", "left"]].set_visible(False)
        title = f"{count(len(self.seeds))} translated into class {shorten(self.target)}"
        if self.confidence is not None:
            title += f"\nteacher's mean confidence {self.confidence.mean():.2f}"
        self.ax_.set_title(title, fontsize=11)
        legend_beside(self.ax_)
        return self


def _possible_seeds(
    estimator: Any, labels: NDArray[Any], classes: NDArray[Any], target: Any
) -> NDArray[np.intp]:
    """Return the positions of the rows from which the target may be made."""
    position = positions(labels, classes, "y")
    own = classes.tolist().index(target)
    counts = getattr(estimator, "class_counts_", None)
    if counts is None:
        is_seed, sources = np.arange(len(classes)) != own, "other classes"
    else:
        counts = np.asarray(counts)
        is_seed = counts > counts[own]
        sources = f"classes with more than the {counts[own]} training rows of the target"
    if counts is not None and not is_seed.any():
        raise ValueError(
            f"No class has more training rows than target={target!r} with {counts[own]}: name a "
            f"smaller one, {classes[counts < counts[own]].tolist()[:10]}."
        )
    rows = np.flatnonzero(is_seed[position])
    if not len(rows):
        raise ValueError(
            f"No row of y can be translated into target={target!r}: add rows of {sources}, "
            f"{classes[is_seed].tolist()[:10]}."
        )
    return rows


def _amplified(
    seeds: NDArray[Any], translations: NDArray[Any], amplify: float
) -> NDArray[np.float64]:
    """Return the perturbations around the middle of the range of the images, within it."""
    if seeds.dtype == np.uint8:
        low, high = 0.0, 255.0
    else:
        low = float(min(seeds.min(), translations.min()))
        high = float(max(seeds.max(), translations.max()))
    difference = translations.astype(np.float64) - seeds.astype(np.float64)
    return np.clip((low + high) / 2 + amplify * difference, low, high)


def _numbers(table: NDArray[Any]) -> NDArray[np.float64]:
    return np.array(table, dtype=np.float64)


def _scale(column: NDArray[np.float64], is_coded: bool) -> float:
    """Standard deviation of a column without what is missing.

    The variance is half the mean square of the difference of two rows. For codes that difference
    is 0 or 1, which gives (1 - sum of p²) / 2, for two levels the variance p (1 - p) of 0 and 1.
    """
    there = column[~np.isnan(column)]
    if not len(there):
        return 0.0
    if is_coded:
        shares = np.unique(there, return_counts=True)[1] / len(there)
        return float(np.sqrt((1 - (shares**2).sum()) / 2))
    return float(there.std())

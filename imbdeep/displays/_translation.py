"""Majority images beside what they become in other classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._canvas import axes_or_new, draw_mosaic, mosaic_size
from ._rows import as_images, as_rows, choose, fitted, image_shape_of, new_seed, stream_of


class TranslationDisplay:
    """Majority images, and below each its translations into other classes.

    This is Figure 3 of [1]_: a translation that keeps the slant or the stroke of the image above it
    has inherited something from the majority; columns that all look alike have not.

    Parameters
    ----------
    exemplars : ndarray of shape (n, channels, height, width)
        The images that were translated.
    translations : array-like of shape (n_targets, n, channels, height, width)
        Image i of each line is the translation of exemplar i.
    labels : list of length n_targets, default=None
        The class of each line of translations.
    exemplar_label : label, default=None
        The class of the exemplars.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with all images.
    figure_ : matplotlib Figure
        The figure that holds them.

    Raises
    ------
    ValueError
        If the shapes do not match, or there is no image.

    See Also
    --------
    SamplesDisplay : Generated against real rows, for tables too.

    References
    ----------
    .. [1] Q. Ai et al., "Generative Oversampling for Imbalanced Data via Majority-Guided VAE",
       AISTATS 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.displays import TranslationDisplay
    >>> exemplars = np.random.default_rng(0).random((5, 1, 8, 8))
    >>> display = TranslationDisplay(exemplars, [1 - exemplars], labels=["inverted"]).plot()
    >>> len(display.ax_.images)
    10
    """

    def __init__(
        self,
        exemplars: NDArray[Any],
        translations: Any,
        *,
        labels: Any = None,
        exemplar_label: Any = None,
    ) -> None:
        self.exemplars = np.asarray(exemplars)
        self.translations = [np.asarray(part) for part in translations]
        self.labels = labels if labels is None else list(labels)
        self.exemplar_label = exemplar_label
        shape = self.exemplars.shape
        if len(shape) != 4 or not shape[0] or not self.translations:
            raise ValueError(
                f"exemplars has shape {shape} and there are {len(self.translations)} lines of "
                "translations: give images of shape (n, channels, height, width), and one line or "
                "more."
            )
        for part in self.translations:
            if part.shape != shape:
                raise ValueError(
                    f"Translations have shape {part.shape}, but exemplars {shape}: give one "
                    "translation for each exemplar, of the same size."
                )
        if self.labels is not None and len(self.labels) != len(self.translations):
            raise ValueError(
                f"{len(self.labels)} labels for {len(self.translations)} lines of translations: "
                "give one each."
            )

    @classmethod
    def from_estimator(
        cls,
        sampler: Any,
        X: Any,
        targets: Any = None,
        *,
        n_pairs: int = 8,
        random_state: Any = None,
        cmap: Any = "gray",
        ax: Any = None,
    ) -> TranslationDisplay:
        """Translate some images with a fitted sampler and draw them.

        Parameters
        ----------
        sampler : fitted sampler
            Anything with ``translate(X, target, random_state)``, and ``generator_`` by class if no
            targets are named.
        X : array-like of shape (n, channels, height, width), or (n, n_pixels)
            Images to translate, usually rows of the majority; flat ones take the ``image_shape`` of
            the sampler.
        targets : label or list of labels, default=None
            Classes to translate into; by default all that the sampler generates.
        n_pairs : int, default=8
            Number of images drawn from ``X``.
        random_state : int, RandomState instance or None, default=None
            Seed of that draw and of the translations.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images that have not three channels.
        ax : matplotlib Axes, default=None
            Axes to draw in; by default those of a new figure.

        Returns
        -------
        TranslationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the rows are those of a table, or there is none.
        sklearn.exceptions.NotFittedError
            If the sampler is not fitted.
        """
        X = as_rows(X)
        shape = image_shape_of(sampler, X)
        if shape is None:
            raise ValueError(
                f"X has shape {X.shape}: rows of a table are no pictures. See how they are "
                "distributed with SamplesDisplay.from_estimator, or pass images of shape "
                "(n, channels, height, width)."
            )
        if not len(X):
            raise ValueError("X has no rows: there is nothing to translate.")
        several = isinstance(targets, list | tuple | np.ndarray)
        if targets is None:
            majority = getattr(sampler, "majority_class_", None)
            # Majority into majority would be no translation.
            labels = [label for label in fitted(sampler, "generator_") if label != majority]
        else:
            labels = list(targets) if several else [targets]
        stream = stream_of(random_state)
        rows = choose(X, np.arange(len(X)), n_pairs, stream)
        # One seed for all classes: a column differs by the class alone.
        seed = new_seed(stream)
        translations = [
            as_images(sampler.translate(rows, label, random_state=seed), shape) for label in labels
        ]
        display = cls(as_images(rows, shape), translations, labels=labels)
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "gray") -> Any:
        """Draw the exemplars, and a line of translations below them for each class.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; by default those of a new figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of images that have not three channels.

        Returns
        -------
        TranslationDisplay
            This object.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        n, *shape = self.exemplars.shape
        names = [
            "translations" if self.labels is None else f"as class {label}"
            for label in self.labels or self.translations
        ]
        own = "exemplars"
        if self.exemplar_label is not None:
            own += f" (class {self.exemplar_label})"
        groups = [(own, self.exemplars), *zip(names, self.translations, strict=True)]
        self.ax_ = axes_or_new(ax, *mosaic_size(len(groups), n, tuple(shape)), layout="compressed")
        self.figure_ = self.ax_.figure.figure
        draw_mosaic(self.ax_, groups, n, cmap)
        return self

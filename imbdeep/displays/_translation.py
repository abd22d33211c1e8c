"""Majority images beside what they become in other classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbdeep.seeding import draw_seed, random_stream

from ._canvas import Display, documented, shorten
from ._images import draw_images, images_size
from ._rows import as_images, as_rows, asked_labels, choose, fitted, image_shape_of


@documented
class TranslationDisplay(Display):
    """Majority images, and below each its translations into other classes.

    This is Figure 3 of [1]_: a translation that keeps the slant or the stroke of the image above it
    has inherited something from the majority. If all columns look alike, nothing was inherited.

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
    $axes

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
        shapes = [part.shape for part in (self.exemplars, *self.translations)]
        if len(shapes) < 2 or len(shapes[0]) != 4 or not shapes[0][0] or len(set(shapes)) > 1:
            raise ValueError(
                f"exemplars has shape {shapes[0]} and the translations {shapes[1:9]}: give images "
                "of shape (n, channels, height, width), and one line of translations or more, one "
                "translation for each exemplar."
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
        **plot_params: Any,
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
        $random_state
        $plot_params

        $drawn

        Raises
        ------
        ValueError
            If the rows are those of a table, or there is none.
        $unfitted
        """
        X = as_rows(X)
        shape = image_shape_of(sampler, X, needed=True)
        if not len(X):
            raise ValueError("X has no rows: there is nothing to translate.")
        if targets is None:
            majority = getattr(sampler, "majority_class_", None)
            # Majority into majority would be no translation.
            labels = [label for label in fitted(sampler, "generator_") if label != majority]
        else:
            labels = asked_labels(targets, getattr(sampler, "classes_", ()))
        stream = random_stream(random_state)
        rows = choose(X, np.arange(len(X)), n_pairs, stream)
        # One seed for all classes: a column differs by the class alone.
        seed = draw_seed(stream)
        translations = [
            as_images(sampler.translate(rows, label, random_state=seed), shape) for label in labels
        ]
        display = cls(as_images(rows, shape), translations, labels=labels)
        return display.plot(**plot_params)

    def plot(self, ax: Any = None, *, cmap: Any = "gray") -> Any:
        """Draw the exemplars, and a line of translations below them for each class.

        Parameters
        ----------
        $ax
        $cmap

        $itself
        """
        names = [
            "translations" if self.labels is None else f"as class {shorten(label)}"
            for label in self.labels or self.translations
        ]
        own = "exemplars"
        if self.exemplar_label is not None:
            own += f" (class {shorten(self.exemplar_label, 10)})"
        lines = [[part] for part in (self.exemplars, *self.translations)]
        self._begin(ax, *images_size(lines), layout="compressed")
        draw_images(self.ax_, [own, *names], lines, cmap)
        return self

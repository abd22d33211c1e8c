"""Generated images beside real ones, a line a class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbdeep.seeding import draw_seed, random_stream

from ._by_class import by_frequency
from ._canvas import Display, count, documented, shorten
from ._images import draw_images, images_size
from ._rows import (
    as_images,
    as_rows,
    asked_labels,
    check_whole,
    choose,
    fitted,
    image_shape_of,
    labels_beside,
    labels_of,
    makes_features,
    rows_of,
)

#: Lines that are drawn unless the classes are named.
_MAX_LINES = 20


@documented
class ClassSamplesDisplay(Display):
    """Generated images of every class beside real ones, a line a class.

    This is Figure 4 of [1]_. Down the lines the classes should remain distinct; along a line the
    generated images should vary as the real ones do. Images that look like their neighbours to the
    left are copies, and equal images in a line mean that the generator makes one image of the class
    only.

    Parameters
    ----------
    real, generated : list of ndarray of shape (n, channels, height, width)
        Images of each class. Numbers of images may differ; a class may have no real ones here.
    labels : list, default=None
        The class of each line.
    counts : list of int, default=None
        Rows of each class, to be written below its name.

    Attributes
    ----------
    $axes

    Raises
    ------
    ValueError
        If there is nothing to draw, or the shapes or numbers do not match.

    See Also
    --------
    SamplesDisplay : One class, of tables too.
    TranslationDisplay : Images beside the majority images that they were made from.

    $gamo

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.displays import ClassSamplesDisplay
    >>> images = np.random.default_rng(0).random((2, 5, 1, 8, 8))
    >>> display = ClassSamplesDisplay(images, 1 - images, labels=["few", "fewer"]).plot()
    >>> len(display.ax_.images)
    20
    """

    def __init__(
        self, real: Any, generated: Any, *, labels: Any = None, counts: Any = None
    ) -> None:
        self.real = [np.asarray(part) for part in real]
        self.generated = [np.asarray(part) for part in generated]
        n = len(self.generated)
        self.labels = list(range(n) if labels is None else labels)
        self.counts = counts if counts is None else [int(rows) for rows in counts]
        given = {"real": self.real, "labels": self.labels, "counts": self.counts}
        for name, each in given.items():
            if each is not None and len(each) != n:
                raise ValueError(
                    f"{name} has {len(each)} entries, but generated has images of {n} classes: "
                    "give one a class."
                )
        shapes = [part.shape for part in (*self.generated, *self.real)]
        wrong = [shape for shape in shapes if len(shape) != 4 or shape[1:] != shapes[0][1:]]
        if not n or wrong or any(0 in shape for shape in shapes[:n]):
            raise ValueError(
                f"The images of the classes have the shapes {shapes[:8]}: give images of one size, "
                "(n, channels, height, width), and at least one generated one of each class."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        targets: Any = None,
        *,
        n: int = 8,
        random_state: Any = 0,
        **plot_params: Any,
    ) -> ClassSamplesDisplay:
        """Draw images that a fitted sampler or classifier generates, beside real ones.

        Parameters
        ----------
        estimator : fitted sampler or classifier
            Anything with ``sample(n, target, random_state)`` and ``sampling_strategy_``, the rows
            added to each class; or ``generate(n, target, random_state)`` and ``minority_``, the
            classes that can be generated. These attributes are needed only where no classes are
            named.
        X : array-like of shape (n, channels, height, width), or (n, n_pixels)
            Images, as in ``fit``; flat ones take the ``image_shape`` of the estimator.
        $y
        targets : label or list of labels, default=None
            The classes to draw; by default all that the estimator generates, the frequent first.
            Of more than 20, only 20 are drawn, of all sizes.
        n : int, default=8
            Generated images of each class, and real ones at the most.
        $seed
        $plot_params

        $drawn

        Raises
        ------
        ValueError
            If the rows are those of a table, or the estimator makes no images; if a class has no
            row, or none is generated.
        AttributeError
            If the estimator generates nothing.
        $unfitted
        """
        check_whole(n, "n")
        name = type(estimator).__name__
        generate = getattr(estimator, "sample", None) or getattr(estimator, "generate", None)
        if generate is None:
            raise AttributeError(
                f"{name} has neither sample(n, target) nor generate(n, target), and generates "
                "nothing: give a sampler or a GAMOClassifier, or images to "
                "ClassSamplesDisplay(real, generated)."
            )
        X = as_rows(X)
        shape = image_shape_of(estimator, X, needed=True)
        labels, stream = labels_beside(X, y), random_stream(random_state)
        rows = {label: rows_of(labels, label) for label in _targets(estimator, labels, targets)}
        real, generated = [], []
        for label, there in rows.items():
            real.append(as_images(choose(X, there, n, stream), shape))
            made = generate(n, label, random_state=draw_seed(stream))
            if makes_features(estimator, made, shape):
                raise ValueError(
                    f"{name} makes rows of shape {np.shape(made)[1:]}, and the images of X have "
                    f"shape {X.shape[1:]}: it makes features. A GAMOClassifier with network='mlp' "
                    "makes images, and so does GAMO2PixSampler."
                )
            generated.append(as_images(made, shape))
        counts = [len(there) for there in rows.values()]
        return cls(real, generated, labels=list(rows), counts=counts).plot(**plot_params)

    def plot(self, ax: Any = None, *, cmap: Any = "gray") -> Any:
        """Draw a line for each class: real images at the left, generated ones at the right.

        Parameters
        ----------
        $ax
        $cmap

        $itself
        """
        names: list[Any] = [shorten(label, 24) for label in self.labels]
        if self.counts is not None:
            names = [f"{a}\n{count(n)}" for a, n in zip(names, self.counts, strict=True)]
        heads = ["real", "generated"]
        lines = [list(line) for line in zip(self.real, self.generated, strict=True)]
        if not any(map(len, self.real)):
            heads, lines = heads[1:], [line[1:] for line in lines]
        self._begin(ax, *images_size(lines), layout="compressed")
        draw_images(self.ax_, names, lines, cmap, heads=heads)
        return self


def _targets(estimator: Any, labels: NDArray[Any], targets: Any) -> list[Any]:
    """Return the classes to draw; those of the estimator with the frequent first."""
    if targets is not None:
        asked = asked_labels(targets, labels.tolist())
        if not asked:
            raise ValueError("targets is empty: name at least one class, or leave it out.")
        return asked
    if hasattr(estimator, "sample"):
        totals = fitted(estimator, "sampling_strategy_")
        made = [label for label, n_added in totals.items() if n_added > 0]
    else:
        made = labels_of(fitted(estimator, "minority_")).tolist()
    if not made:
        raise ValueError(
            f"This {type(estimator).__name__} generates no class: no class lacks rows, or "
            "sampling_strategy asks for none. Name classes in targets."
        )
    order = by_frequency(np.array([labels.tolist().count(label) for label in made]))
    if len(order) > _MAX_LINES:
        order = order[np.linspace(0, len(order) - 1, _MAX_LINES).round().astype(int)]
    return [made[k] for k in order.tolist()]

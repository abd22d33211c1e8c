"""Generated against real rows of a class."""

from __future__ import annotations

from typing import Any

import numpy as np

from imbdeep.seeding import draw_seed, random_stream

from . import _rows
from ._canvas import Display, canvas, documented, panels_of, shorten
from ._images import draw_images, images_size
from ._marginals import (
    correlation,
    distance,
    draw_bars,
    draw_histograms,
    draw_matrix,
    legend_handles,
)

#: Images of each of the two groups at the most, and in a line.
_MAX_IMAGES, _IMAGES_IN_LINE = 24, 12
_KINDS = ("marginals", "correlations", "images")
#: Columns of a table that are drawn by default.
_MAX_FEATURES = {"marginals": 12, "correlations": 30}


@documented
class SamplesDisplay(Display):
    """Generated rows of a class against real ones: marginals, correlations, or images.

    It shows what single numbers do not: missing modes, cut tails, lost dependence of columns. It
    does not show that generated rows are new: compare them with their nearest real rows for that.

    Parameters
    ----------
    real, generated : ndarray of shape (n, n_features), or (n, channels, height, width)
        Rows as numbers; NaN is missing. A categorical column holds the positions in ``levels``. The
        two may have different numbers of rows.
    $feature_names
    kinds : list of str, default=None
        Kind of each column: "continuous" ones are drawn as histograms and all others as bars. By
        default, columns of more than 12 values are continuous.
    levels : dict of int to list of str, default=None
        Names of the levels of the columns that hold codes.
    label : label, default=None
        The class.

    Attributes
    ----------
    distances : ndarray of shape (n_features,)
        How far the marginals lie apart, from 0 to 1: the Kolmogorov-Smirnov distance (KS) of
        continuous columns (or the difference of the missing shares, if larger), the total variation
        distance (TV) of all others. None for images.
    axes_ : ndarray of matplotlib Axes
        The panels.
    $figure

    Raises
    ------
    ValueError
        If there are no rows, or the shapes, names or kinds do not match.

    See Also
    --------
    ClassSamplesDisplay : Generated images of all classes.
    TranslationDisplay : Images beside the majority images that they were made from.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.displays import SamplesDisplay
    >>> rng = np.random.default_rng(0)
    >>> display = SamplesDisplay(rng.normal(size=(50, 3)), rng.normal(size=(200, 3)))
    >>> display.plot().axes_.shape
    (3,)
    >>> display.plot(kind="correlations").axes_.shape
    (3,)
    """

    def __init__(
        self,
        real: Any,
        generated: Any,
        *,
        feature_names: Any = None,
        kinds: Any = None,
        levels: dict[int, list[str]] | None = None,
        label: Any = None,
    ) -> None:
        self.real, self.generated = np.asarray(real), np.asarray(generated)
        self.label = label
        shapes = self.real.shape, self.generated.shape
        if self.real.ndim not in (2, 4) or shapes[0][1:] != shapes[1][1:] or 0 in sum(shapes, ()):
            raise ValueError(
                f"real has shape {shapes[0]} and generated {shapes[1]}: give rows of the same "
                "table, (n, n_features), or images of one size, (n, channels, height, width); at "
                "least one each."
            )
        self.is_image = self.real.ndim == 4
        self.levels = levels or {}
        self.feature_names: Any = None
        self.kinds: Any = None
        self.distances: Any = None
        if self.is_image:
            return
        self.feature_names = _rows.names_of(self.real, feature_names)
        pairs = list(zip(self.real.T, self.generated.T, strict=True))
        if kinds is None:
            kinds = [
                "categorical" if j in self.levels else _rows.read_column(a, b, str(j))[2]
                for j, (a, b) in enumerate(pairs)
            ]
        self.kinds = list(kinds)
        if len(self.kinds) != len(pairs):
            raise ValueError(f"{len(self.kinds)} kinds for {len(pairs)} columns: give one each.")
        self.distances = np.array(
            [distance(a, b, kind) for (a, b), kind in zip(pairs, self.kinds, strict=True)]
        )

    @classmethod
    def from_samples(
        cls,
        real: Any,
        generated: Any,
        *,
        kinds: Any = None,
        image_shape: tuple[int, int, int] | None = None,
        label: Any = None,
        **plot_params: Any,
    ) -> SamplesDisplay:
        """Read real and generated rows from any container and draw them.

        Parameters
        ----------
        real, generated : array-like, pandas or polars DataFrame
            Rows of the same table or images of one size.
        kinds : list of str, default=None
            Kind of each column, as an encoder's ``kinds_``; found out by default.
        image_shape : tuple of (channels, height, width), default=None
            What the rows of a two-dimensional array are when they are flattened images.
        label : label, default=None
            The class.
        $plot_params

        $drawn

        Raises
        ------
        ValueError
            If there are no rows or their columns differ.
        """
        real, generated = _rows.as_rows(real), _rows.as_rows(generated)
        if image_shape is None and getattr(real, "ndim", 2) == 4:
            image_shape = real.shape[1:]
        if image_shape is not None:
            images = _rows.as_images(real, image_shape), _rows.as_images(generated, image_shape)
            return cls(*images, label=label).plot(**plot_params)
        a, b, kinds, levels = _rows.read_tables(real, generated, kinds)
        names = _rows.names_of(real)
        display = cls(a, b, feature_names=names, kinds=kinds, levels=levels, label=label)
        return display.plot(**plot_params)

    @classmethod
    def from_estimator(
        cls,
        sampler: Any,
        X: Any,
        y: Any,
        target: Any,
        n: int = 1000,
        *,
        random_state: Any = None,
        **plot_params: Any,
    ) -> SamplesDisplay:
        """Draw rows that a fitted sampler generates against the real ones of the class.

        Parameters
        ----------
        sampler : fitted sampler
            Anything with ``sample(n, target, random_state)``; the kinds of the columns are those of
            its ``encoder_``, if it has one.
        X : array-like or DataFrame
            Rows, as in ``fit_resample``. Rows held out from it make the fairer comparison.
        $y
        target : label
            The class.
        n : int, default=1000
            Number of rows to generate, and of real rows at the most; of images 24 at the most.
        $random_state
        $plot_params

        $drawn

        Raises
        ------
        ValueError
            If ``y`` holds no row of the class.
        """
        X, stream = _rows.as_rows(X), random_stream(random_state)
        shape = _rows.image_shape_of(sampler, X)
        if shape is not None:
            n = min(n, _MAX_IMAGES)
        real = _rows.choose(X, _rows.rows_of(_rows.labels_of(y), target), n, stream)
        generated = sampler.sample(n, target, random_state=draw_seed(stream))
        kinds = getattr(getattr(sampler, "encoder_", None), "kinds_", None)
        return cls.from_samples(
            real, generated, kinds=kinds, image_shape=shape, label=target, **plot_params
        )

    def plot(
        self,
        ax: Any = None,
        *,
        kind: str | None = None,
        features: Any = None,
        max_features: int | None = None,
        cmap: Any = None,
    ) -> Any:
        """Draw the marginals of the columns, their correlations, or images.

        Parameters
        ----------
        $subplot
        kind : {"marginals", "correlations", "images"}, default=None
            "marginals" (the default for tables) draws the histogram of each continuous column,
            without what lies beyond the central 99 % of the rows, and bars for all others.
            "correlations" draws the rank correlations of each pair of columns over the rows where
            neither is missing: real, generated, and their difference; categories count by the
            position of the level, which means little where they have no order. "images" (the
            default, and all there is, for images) draws real ones above generated ones.
        features : list of str or int, default=None
            Columns to draw, by name or position. By default the ``max_features`` whose marginals
            differ most, the most different first; for correlations in the order of the table.
        max_features : int, default=None
            Number of columns to draw; 12 for marginals and 30 for correlations by default.
        cmap : str or matplotlib Colormap, default=None
            Colours of the images that have not three channels ("gray" by default), or of
            correlations ("RdBu_r").

        $itself

        Raises
        ------
        ValueError
            If the kind does not fit the data, or a feature is not known.
        """
        kind = ("images" if self.is_image else "marginals") if kind is None else kind
        if kind not in _KINDS or (kind == "images") != self.is_image:
            there = "'images'" if self.is_image else "'marginals' or 'correlations'"
            raise ValueError(f"kind={kind!r} cannot be drawn of this data: choose {there}.")
        if kind == "images":
            return self._plot_images(ax, "gray" if cmap is None else cmap)
        chosen = self._choose(features, max_features or _MAX_FEATURES[kind], kind)
        if kind == "marginals":
            return self._plot_marginals(ax, chosen)
        return self._plot_correlations(ax, chosen, "RdBu_r" if cmap is None else cmap)

    def _choose(self, features: Any, max_features: int, kind: str) -> list[int]:
        if features is not None:
            return _rows.chosen_columns(features, self.feature_names)
        order: list[int] = np.argsort(-self.distances, kind="stable")[:max_features].tolist()
        return order if kind == "marginals" else sorted(order)

    def _title(self, what: str) -> str:
        return what if self.label is None else f"{what} of class {self.label}"

    def _plot_images(self, ax: Any, cmap: Any) -> SamplesDisplay:
        names: list[str | None] = []
        lines = []
        for name, images in (("real", self.real), ("generated", self.generated)):
            images = images[:_MAX_IMAGES]
            for start in range(0, len(images), _IMAGES_IN_LINE):
                names.append(None if start else name)
                lines.append([images[start : start + _IMAGES_IN_LINE]])
        ax = self._begin(ax, *images_size(lines), layout="compressed")
        draw_images(ax, names, lines, cmap)
        ax.set_title(self._title("Images"), fontsize=11)
        self.axes_ = np.array([ax])
        return self

    def _plot_marginals(self, ax: Any, chosen: list[int]) -> SamplesDisplay:
        n_columns = min(4, len(chosen))
        n_lines = -(-len(chosen) // n_columns)
        self.figure_, part = canvas(ax, max(2.7 * n_columns, 4.5), 2.2 * n_lines + 0.7)
        self.axes_ = panels_of(part, len(chosen), n_columns)
        for panel, j in zip(self.axes_, chosen, strict=True):
            real, generated = self.real[:, j], self.generated[:, j]
            if self.kinds[j] == "continuous":
                draw_histograms(panel, real, generated)
                measure = "KS distance"
            else:
                draw_bars(panel, real, generated, self.levels.get(j))
                measure = "TV distance"
            name = shorten(self.feature_names[j], 26)
            panel.set_title(f"{name}\n{measure} {self.distances[j]:.2f}", fontsize=9)
        handles = legend_handles(len(self.real), len(self.generated))
        part.suptitle(self._title("Marginals"), fontsize=11)
        part.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
        return self

    def _plot_correlations(self, ax: Any, chosen: list[int], cmap: Any) -> SamplesDisplay:
        names = [shorten(self.feature_names[j], 20) for j in chosen]
        real, generated = correlation(self.real[:, chosen]), correlation(self.generated[:, chosen])
        side = min(2.6 + 0.12 * len(chosen), 5.0)
        self.figure_, part = canvas(
            ax, 3 * side + 2.2, side + 0.6 + 0.07 * max(map(len, names)), "compressed"
        )
        self.axes_ = part.subplots(1, 3)
        gap = np.abs(generated - real)[~np.eye(len(chosen), dtype=bool)]
        gap = gap[~np.isnan(gap)]
        mean = f" (mean size {gap.mean():.2f})" if gap.size else ""
        for panel, matrix, title in zip(
            self.axes_,
            [real, generated, generated - real],
            ["real", "generated", f"generated - real{mean}"],
            strict=True,
        ):
            image = draw_matrix(panel, matrix, names, cmap)
            panel.set_title(title, fontsize=10)
        for panel in self.axes_[1:]:
            panel.set_yticklabels([])
        part.colorbar(image, ax=self.axes_, shrink=0.7, label="rank correlation")
        part.suptitle(self._title("Correlations"), fontsize=11)
        return self

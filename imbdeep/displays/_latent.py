"""Where the rows lie in the latent space."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from imbdeep.seeding import draw_seed, random_stream

from ._canvas import BLUE, GREY, VERMILION, Display, colors_of, documented, legend_beside, shorten
from ._projection import check_points, component_names, two_components
from ._rows import as_rows, choose, fitted, labels_of, rows_of

#: Marker and colour of the groups of from_estimator, in the order of drawing: the few go on top.
_STYLES = {
    "majority": {"color": GREY, "marker": ".", "s": 18, "alpha": 0.6},
    "generated": {"color": VERMILION, "marker": "x", "s": 22, "linewidth": 1, "alpha": 0.7},
    "minority": {"color": BLUE, "marker": "o", "s": 26, "edgecolor": "white", "linewidth": 0.5},
}


@documented
class LatentDisplay(Display):
    """The latent codes of majority, minority and generated rows in two dimensions.

    With the majority-guided prior of an :class:`~imbdeep.over_sampling.MGVAESampler`, generated
    rows start at the codes of majority rows. Where all three groups mix, the prior covers the
    minority; where minority rows lie apart, no majority row leads to them, and rows of their kind
    will be missing.

    An :class:`~imbdeep.over_sampling.RAESampler` decodes convex combinations of minority codes.
    There the minority should lie apart from the majority, and generated rows, which are decoded and
    encoded again, within the minority. :class:`FeaturesDisplay` shows the codes of all classes.

    Two principal components hide what other directions show: see their share of the variance on the
    axes.

    Parameters
    ----------
    codes : array-like of shape (n, 2) or (n, 1)
        Points to draw; of a single column, each group in a band of its own.
    groups : array-like of shape (n,)
        Name of the group of each point.
    explained_variance_ratio : tuple of (float, float), default=None
        Share of the variance along each axis, where these are principal components.
    title : str, default=None
        Title of the picture.

    Attributes
    ----------
    $axes

    Raises
    ------
    ValueError
        If the codes are not finite, not of two columns, or not as many as the groups.

    See Also
    --------
    FeaturesDisplay : The codes of an RAE, by t-SNE and a colour a class.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.displays import LatentDisplay
    >>> codes = np.random.default_rng(0).normal(size=(40, 10))
    >>> display = LatentDisplay.from_codes(codes, ["majority"] * 30 + ["minority"] * 10)
    >>> display.codes.shape
    (40, 2)
    """

    def __init__(
        self,
        codes: Any,
        groups: Any,
        *,
        explained_variance_ratio: Any = None,
        title: str | None = None,
    ) -> None:
        self.groups = np.asarray(groups)
        self.codes = check_points(codes, self.groups, "codes", of="groups")
        self.explained_variance_ratio = explained_variance_ratio
        self.title = title
        if self.codes.shape[1] > 2:
            raise ValueError(
                f"codes has shape {self.codes.shape}, but only two columns can be drawn: use "
                "LatentDisplay.from_codes, which reduces them."
            )

    @classmethod
    def from_codes(
        cls, codes: Any, groups: Any, *, title: str | None = None, **plot_params: Any
    ) -> LatentDisplay:
        """Reduce codes to two dimensions and draw them.

        Parameters
        ----------
        codes : array-like of shape (n, latent_dim)
            Up to two columns are drawn as they are, more as their first two principal components.
        groups : array-like of shape (n,)
            Name of the group of each row.
        title : str, default=None
            Title of the picture.
        $plot_params

        $drawn

        Raises
        ------
        ValueError
            If the codes are not finite, or not as many as the groups.
        """
        groups, ratio = np.asarray(groups), None
        codes = check_points(codes, groups, "codes", of="groups")
        if codes.shape[1] > 2:
            codes, ratio = two_components(codes)
        display = cls(codes, groups, explained_variance_ratio=ratio, title=title)
        return display.plot(**plot_params)

    @classmethod
    def from_estimator(
        cls,
        sampler: Any,
        X: Any,
        y: Any,
        target: Any,
        *,
        n: int = 300,
        random_state: Any = None,
        **plot_params: Any,
    ) -> LatentDisplay:
        """Encode majority rows, rows of a class and generated ones, and draw their codes.

        Parameters
        ----------
        sampler : fitted sampler
            Anything with ``classes_``, ``class_counts_``, ``sample(n, target, random_state)`` and
            ``encode(X)``, or ``encode(X, target)`` if each class has a model of its own.
        X : array-like or DataFrame
            Rows, as in ``fit_resample``.
        $y
        target : label
            The class whose rows are shown, and whose model encodes all rows, if it has its own.
        n : int, default=300
            Rows of each group at the most.
        $random_state
        $plot_params

        $drawn

        Raises
        ------
        ValueError
            If ``y`` holds no row of the class or of the majority.
        $unfitted
        """
        majority = fitted(sampler, "classes_")[np.argmax(fitted(sampler, "class_counts_"))]
        of_class = "target" in inspect.signature(sampler.encode).parameters
        X, labels, stream = as_rows(X), labels_of(y), random_stream(random_state)
        rows = {
            f"majority (class {majority})": choose(X, rows_of(labels, majority), n, stream),
            f"generated (class {target})": sampler.sample(
                n, target, random_state=draw_seed(stream)
            ),
            f"minority (class {target})": choose(X, rows_of(labels, target), n, stream),
        }
        which = (target,) if of_class else ()
        codes = [np.asarray(sampler.encode(part, *which)) for part in rows.values()]
        groups = np.repeat(list(rows), [len(part) for part in codes])
        title = f"Latent space of the model of class {target}" if of_class else "Latent space"
        return cls.from_codes(np.concatenate(codes), groups, title=title, **plot_params)

    def _draw(self, ax: Any) -> None:
        self._begin(ax, 7.6, 4.8)
        names = list(dict.fromkeys(self.groups.tolist()))
        points = self.codes
        if points.shape[1] == 1:
            bands = np.array([names.index(name) for name in self.groups.tolist()])
            bands = bands + np.random.default_rng(0).uniform(-0.3, 0.3, len(bands))
            points = np.column_stack([points, -bands])
            self.ax_.set_yticks([])
        for name, color in zip(names, colors_of(len(names)), strict=True):
            plain = {"color": color, "marker": "o", "s": 18, "alpha": 0.7}
            style: dict[str, Any] = _STYLES.get(str(name).split(" ")[0], plain)
            self.ax_.scatter(*points[self.groups == name].T, label=shorten(name, 32), **style)
        labels = ["latent dimension 1", "latent dimension 2"]
        if self.explained_variance_ratio is not None:
            labels = component_names(self.explained_variance_ratio)
        self.ax_.set_xlabel(labels[0])
        self.ax_.set_ylabel(labels[1] if self.codes.shape[1] == 2 else "")
        self.ax_.set_title(self.title or "")
        self.ax_.spines[["top", "right"]].set_visible(False)
        legend_beside(self.ax_, fontsize=10, markerscale=1.4)

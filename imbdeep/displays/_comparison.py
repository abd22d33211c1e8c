"""Methods side by side, a line a method."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._canvas import BLUE, GREY, VERMILION, Display, documented, legend_beside, shorten

#: Colour and shape of the simple methods and of the others: they differ in more than the colour.
_SIMPLE, _OTHER = (BLUE, "o"), (VERMILION, "D")
#: How far the dots stand below the bar, which would cover them, in lines.
_BELOW = 0.24


@documented
class ComparisonDisplay(Display):
    """Scores of several methods, each on every fold, the best method at the top.

    A method that generates rows is worth its training only where it stands clearly at the right of
    the line, which is the best of the simple methods. Where the dots of two methods overlap, their
    order may be chance: see the ``significance`` of the comparison. Dots that fall into clusters
    are those of different classifiers.

    Every block is a faint dot, with the mean and the standard deviation of each method above them.

    Parameters
    ----------
    values : array-like of shape (n_methods, n_blocks)
        Scores of each method on each block, a fold or a classifier's fold; higher is better. NaN
        stands for a block that a method does not have: it is not drawn and does not enter the mean.
    names : list of str
        The methods, from the best to the worst.
    simple : list of str, default=None
        Those of them that are simple: they have a colour and a marker of their own, and the best of
        their means is the line.
    metric : str, default=""
        Name of the score, for the axis.

    Attributes
    ----------
    means, deviations : ndarray of shape (n_methods,)
        Mean of each method over its blocks, and standard deviation (of the sample, as in
        ``pandas``), NaN of a single block.
    $axes
    points_ : dict of str to matplotlib Line2D
        The dots of each method.
    reference_ : str or None
        The method that the line is drawn at.

    Raises
    ------
    ValueError
        If the numbers of names and values do not match, a method has no value or an infinite one,
        or is named twice, or ``simple`` names an unknown one.

    See Also
    --------
    RecallDisplay : What a method does for each class.

    Examples
    --------
    >>> from imbdeep.displays import ComparisonDisplay
    >>> display = ComparisonDisplay(
    ...     [[0.81, 0.84, 0.83], [0.80, 0.82, 0.83], [0.70, 0.74, 0.71]],
    ...     ["MGVAE", "SMOTE", "nothing"],
    ...     simple=["SMOTE", "nothing"],
    ...     metric="balanced_accuracy",
    ... ).plot()
    >>> display.reference_
    'SMOTE'
    """

    def __init__(
        self,
        values: ArrayLike,
        names: Iterable[str],
        *,
        simple: Iterable[str] | None = None,
        metric: str = "",
    ) -> None:
        self.values = np.asarray(values, dtype=np.float64)
        self.names = [str(name) for name in names]
        self.simple = list(() if simple is None else simple)
        self.metric = metric
        self._check()
        there = np.isfinite(self.values)
        self.means = np.nanmean(self.values, axis=1)
        several = there.sum(axis=1) > 1
        self.deviations = np.full(len(self.names), np.nan)
        self.deviations[several] = np.nanstd(self.values[several], axis=1, ddof=1)
        simple_means = {
            name: mean
            for name, mean in zip(self.names, self.means.tolist(), strict=True)
            if name in self.simple
        }
        self.reference_ = max(simple_means, key=lambda name: simple_means[name], default=None)

    def _check(self) -> None:
        shape = self.values.shape
        if len(shape) != 2 or 0 in shape or len(self.names) != shape[0]:
            raise ValueError(
                f"values has shape {shape} for {len(self.names)} names: give (n_methods, n_blocks),"
                " a row a name."
            )
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise ValueError(f"names holds {twice[0]!r} twice: give every method its own name.")
        for name, row in zip(self.names, self.values, strict=True):
            if np.isinf(row).any() or np.isnan(row).all():
                raise ValueError(
                    f"The values of {name!r} are {row.tolist()[:8]}: at least one must be a "
                    "number, and none infinite. Leave out a method that failed."
                )
        unknown = [name for name in self.simple if name not in self.names]
        if unknown:
            raise ValueError(
                f"simple names {unknown[0]!r}, which is not among the methods {self.names[:20]}."
            )

    @classmethod
    def from_comparison(cls, comparison: Any, metric: str | None = None) -> ComparisonDisplay:
        """Take the scores of a comparison, without drawing them.

        Parameters
        ----------
        comparison : imbdeep.comparison.Comparison
            Anything with ``ranks`` (a DataFrame of mean ranks, methods by metrics),
            ``best(metric)`` (a DataFrame of scores, folds by methods), ``classifiers`` (a DataFrame
            of names, methods by metrics) and ``simple``.
        metric : str, default=None
            One of the metrics; by default the first, which ranks.

        Returns
        -------
        ComparisonDisplay
            The display: the methods of ``ranks`` in the order of this metric, each with the
            classifier that it does best with, a block a fold.

        Raises
        ------
        ValueError
            If the comparison has no such metric.
        """
        ranks = comparison.ranks
        if metric is None:
            metric = str(ranks.columns[0])
        if metric not in ranks.columns:
            raise ValueError(
                f"metric={metric!r} is not among those of the comparison, {list(ranks.columns)}."
            )
        order = ranks[metric].sort_values(kind="stable").index
        learners = comparison.classifiers[metric]
        several = learners.nunique() > 1
        names = [f"{name}, {learners[name]}" if several else str(name) for name in order]
        return cls(
            comparison.best(metric)[list(order)].to_numpy(dtype=np.float64).T,
            names,
            simple=[
                shown for name, shown in zip(order, names, strict=True) if name in comparison.simple
            ],
            metric=metric,
        )

    def _draw(self, ax: Any) -> None:
        n = len(self.names)
        self._begin(ax, 10.5, max(2.3, 1.1 + 0.33 * n))
        if self.reference_ is not None:
            at = self.means[self.names.index(self.reference_)]
            self.ax_.axvline(at, color="0.35", lw=1.1, ls=":", zorder=1)
        self.points_ = {}
        for place, name in enumerate(self.names):
            color, marker = self._style(name)
            row = self.values[place]
            row = row[~np.isnan(row)]
            (self.points_[name],) = self.ax_.plot(
                row, np.full(len(row), place + _BELOW), "o", color=color, ms=4, mew=0, alpha=0.35,
                zorder=2,
            )  # fmt: skip
            mean, deviation = self.means[place], self.deviations[place]
            if not np.isnan(deviation):
                self.ax_.plot(
                    [mean - deviation, mean + deviation], [place, place], color=color, lw=1.6,
                    solid_capstyle="butt", zorder=3,
                )  # fmt: skip
            self.ax_.plot(mean, place, marker, color=color, ms=7, mec="white", mew=0.9, zorder=4)
        names = zip(self.names, self.means.tolist(), strict=True)
        self.ax_.set_yticks(range(n), [f"{shorten(name, 36)}  {mean:.3f}" for name, mean in names])
        self.ax_.set_ylim(n - 0.5, -0.6)
        self.ax_.set_xlabel(f"{self.metric or 'score'} (higher is better)")
        self.ax_.tick_params(axis="y", length=0)
        self.ax_.grid(axis="y", alpha=0.3, lw=0.6)
        self.ax_.set_axisbelow(True)
        self.ax_.spines[["top", "right", "left"]].set_visible(False)
        legend_beside(self.ax_, handles=self._handles(), labelspacing=0.8)

    def _style(self, name: str) -> tuple[str, str]:
        """Return colour and marker of a method."""
        return _SIMPLE if name in self.simple else _OTHER

    def _handles(self) -> list[Any]:
        """Return what the legend explains: the kinds of method, the dots, the bar and the line."""
        from matplotlib.lines import Line2D

        kinds = [("simple method", _SIMPLE), ("other method", _OTHER)]
        styles = {self._style(name) for name in self.names}
        handles = [
            Line2D([], [], ls="none", marker=marker, color=color, ms=7, mec="white", label=label)
            for label, (color, marker) in kinds
            if (color, marker) in styles and self.simple
        ]
        handles += [
            Line2D([], [], ls="none", marker="o", color=GREY, ms=4, mew=0, alpha=0.6, label="fold"),
            Line2D([], [], color=GREY, lw=1.6, marker="s", ms=5, mec="white",
                   label="mean and\nstandard deviation"),
        ]  # fmt: skip
        if self.reference_ is not None:
            label = f"best simple method,\n{shorten(self.reference_, 34)}"
            handles.append(Line2D([], [], color="0.35", lw=1.1, ls=":", label=label))
        return handles

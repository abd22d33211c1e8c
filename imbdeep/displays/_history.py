"""The course of the training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._canvas import canvas, colors_of, shorten
from ._rows import fitted

_NOT_TERMS = ("phase", "class", "epoch", "step", "validation")
#: Classes named in the legend, at the most.
_MAX_NAMED = 14
_LABELS = {
    "loss": "loss",
    "reconstruction": "reconstruction\n(log likelihood)",
    "kl": "KL divergence",
    "ewc": "EWC penalty",
}


class TrainingHistoryDisplay:
    """Curves of every term of the loss against the optimisation steps, for each phase and class.

    What to look for: where the loss on held-out rows (dashed) turns upwards, the network begins to
    learn its rows by heart, and the weights of the lowest point (the dot) are those to keep, as
    early stopping does; where it still falls at the end, more steps may help. An EWC penalty as
    large as the other terms holds fine-tuning at the majority model.

    Parameters
    ----------
    history : list of dict
        A record an epoch, as in the sampler's ``history_``: numbers by the name of the term,
        ``step`` (or ``epoch``), and where there are several ``phase`` and ``class``. ``validation``
        is drawn into the panel of the first term, the loss.

    Attributes
    ----------
    axes_ : ndarray of shape (n_phases, n_terms) of matplotlib Axes
        None where a phase has no such term.
    figure_ : matplotlib Figure
        The figure that holds them.

    Raises
    ------
    ValueError
        If the history is empty, or a record has neither ``step`` nor ``epoch``, or no term.

    Examples
    --------
    >>> from imbdeep.displays import TrainingHistoryDisplay
    >>> history = [{"step": 50, "loss": 3.0, "kl": 0.2}, {"step": 100, "loss": 2.5, "kl": 0.4}]
    >>> TrainingHistoryDisplay(history).plot().axes_.shape
    (1, 2)
    """

    def __init__(self, history: Iterable[Mapping[str, Any]]) -> None:
        self.history = [dict(record) for record in history]
        if not self.history:
            raise ValueError(
                "history is empty: nothing was trained. Look at pretrain_steps and finetune_steps, "
                "and whether a class lacked rows."
            )
        for record in self.history:
            if not {"step", "epoch"} & set(record) or not set(record) - set(_NOT_TERMS):
                raise ValueError(
                    f"The record {record} must hold 'step' or 'epoch' and at least one term of the "
                    "loss."
                )

    @classmethod
    def from_estimator(cls, sampler: Any, *, ax: Any = None) -> TrainingHistoryDisplay:
        """Draw the training of a fitted sampler.

        Parameters
        ----------
        sampler : fitted sampler
            Anything with ``history_``.
        ax : matplotlib Axes, default=None
            A subplot whose place the panels take; by default a new figure.

        Returns
        -------
        TrainingHistoryDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the sampler has no ``history_``.
        """
        return cls(fitted(sampler, "history_")).plot(ax)

    def plot(self, ax: Any = None, *, figsize: tuple[float, float] | None = None) -> Any:
        """Draw: a line of panels a phase, a panel a term, a colour a class.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            A subplot whose place the panels take; by default a new figure.
        figsize : tuple of (float, float), default=None
            Width and height of a new figure in inches.

        Returns
        -------
        TrainingHistoryDisplay
            This object.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")

        phases = list(dict.fromkeys(self._phase(record) for record in self.history))
        classes = list(dict.fromkeys(record.get("class") for record in self.history))
        terms = list(dict.fromkeys(k for r in self.history for k in r if k not in _NOT_TERMS))
        colors = dict(zip(classes, colors_of(len(classes)), strict=True))
        unit = "step" if all("step" in record for record in self.history) else "epoch"

        handles = self._legend(colors)
        # The legend stands in the empty panel, where there is one, or takes room of its own.
        size = (2.9 * len(terms) + 1.5, max(2.4 * len(phases), 0.2 * len(handles)) + 0.3)
        self.figure_, part = canvas(ax, *(figsize or size))
        grid = part.add_gridspec(len(phases), len(terms))
        self.axes_ = np.full((len(phases), len(terms)), None, dtype=object)
        for i, phase in enumerate(phases):
            for j, term in enumerate(terms):
                # Validation is the loss on held-out rows, and has no panel of its own.
                curves = [(term, "-")] + [("validation", "--")] * (j == 0)
                drawn = [
                    (record_class, name, style, points)
                    for name, style in curves
                    for record_class in classes
                    if (points := self._points(phase, record_class, name, unit))
                ]
                if not drawn:
                    continue
                panel = self.axes_[i, j] = part.add_subplot(grid[i, j])
                for record_class, name, style, points in drawn:
                    # One epoch makes no line.
                    marker = "o" if len(points) == 1 else None
                    x, y = zip(*points, strict=True)
                    panel.plot(x, y, style, color=colors[record_class], marker=marker, ms=4, lw=1.4)
                    if name == "validation":
                        lowest = min(points, key=lambda point: point[1])
                        panel.plot(*lowest, "o", color=colors[record_class], ms=5)
                if i == 0 or self.axes_[i - 1, j] is None:
                    panel.set_title(_LABELS.get(term, term), fontsize=10)
                if j == 0:
                    panel.set_ylabel(phase)
                panel.set_xlabel(unit if i == len(phases) - 1 else "")
                panel.grid(alpha=0.3, lw=0.6)
                panel.spines[["top", "right"]].set_visible(False)

        legend: dict[str, Any] = {"handles": handles, "fontsize": 9, "frameon": False}
        if handles and self.axes_[0, -1] is None:  # pre-training knows no penalty: room for it
            free = part.add_subplot(grid[0, -1])
            free.set_axis_off()
            free.legend(loc="center", **legend)
        elif handles:
            part.legend(loc="outside right upper", **legend)
        return self

    def _legend(self, colors: dict[Any, Any]) -> list[Any]:
        """What the colours and the dashes mean."""
        from matplotlib.lines import Line2D

        every = -(-len(colors) // _MAX_NAMED)
        handles = [
            Line2D([], [], color=colors[name], label=f"class {shorten(name, 18)}")
            for name in list(colors)[::every]
            if name is not None
        ]
        if any("validation" in record for record in self.history):
            handles += [
                Line2D([], [], color="k", label="training rows"),
                Line2D([], [], color="k", ls="--", label="held-out rows (dot: lowest)"),
            ]
        return handles

    @staticmethod
    def _phase(record: Mapping[str, Any]) -> str:
        return str(record.get("phase", "training"))

    def _points(self, phase: str, label: Any, term: str, unit: str) -> list[tuple[float, float]]:
        return [
            (record[unit], record[term])
            for record in self.history
            if self._phase(record) == phase and record.get("class") == label and term in record
        ]

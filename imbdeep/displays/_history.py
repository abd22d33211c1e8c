"""The course of the training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ._canvas import GREY, MAX_IN_LEGEND, Display, canvas, colors_of, documented, shorten
from ._rows import fitted

_NOT_TERMS = ("phase", "class", "epoch", "step", "validation")
#: Panels in a line at the most.
_PANELS_IN_LINE = 4
#: What the panels are called, and in which order they stand; other terms follow in theirs.
_LABELS = {
    "loss": "loss",
    "classification": "loss of classification",
    "classification_generated": "loss of classification,\ngenerated rows",
    "features": "loss of classification,\nwhile features are learned",
    "reconstruction": "reconstruction\n(log likelihood)",
    "kl": "KL divergence",
    "ewc": "EWC penalty",
    "validation_balanced_accuracy": "balanced accuracy\n(held-out rows)",
    "mixer": "mixer\n(cross-entropy of another class)",
    "alpha_entropy": "entropy of α\n(share of the largest)",
    "critic_gap": "critic's gap\n(real minus decoded rows)",
    "gradient_penalty": "gradient penalty",
    "decoder": "decoder\n(minus the critic's score)",
    "decoder_classification": "decoder, classification\n(cross-entropy)",
    "decoder_reconstruction": "decoder, reconstruction\n(mean absolute error)",
    "discriminator": "discriminator's loss",
    "generator_classifier": "generator's loss\nagainst the classifier",
    "generator_discriminator": "generator's loss\nagainst the discriminator",
    "classifier_confidence": "classifier on generated rows\n(probability of their class)",
    "discriminator_real": "discriminator on real rows\n(probability of real)",
    "discriminator_generated": "discriminator on generated rows\n(probability of real)",
    "learning_rate": "learning rate",
}
#: Of an auto-encoder whose loss holds a classification, and no likelihood.
_ABSOLUTE_ERROR = "reconstruction\n(mean absolute error)"
#: Terms that are drawn into the panel of another one, where that is there.
_RAW = "validation_raw_balanced_accuracy"
_SHARED = {_RAW: "validation_balanced_accuracy"}
#: Terms from 0 to 1, of which the whole scale is shown.
_SHARES = (
    "alpha_entropy",
    "classifier_confidence",
    "discriminator_real",
    "discriminator_generated",
)


@documented
class TrainingHistoryDisplay(Display):
    """Curves of every term of the loss against the optimisation steps, for each phase and class.

    What to look for: where the loss on held-out rows (dashed) turns upwards, the network begins to
    overfit; where it still falls at the end, more steps may help. The dot is the best point on
    held-out rows. Samplers that stop early keep the weights of the lowest loss, classifiers those
    of the highest balanced accuracy.

    Of an :class:`~imbdeep.over_sampling.MGVAESampler`: an EWC penalty as large as the other terms
    holds fine-tuning at the majority model.

    Of an :class:`~imbdeep.classifiers.RAEClassifier`: an entropy of α near 0 means that the mixer
    picks one row of each group, and combinations are copies. A mixer whose cross-entropy rises has
    found no combination that the classifier assigns to another class, as Proposition 1 states. A
    critic's gap that grows without end means that the decoder does not follow. The decoder's own
    loss has no zero: only its course can be read.

    Parameters
    ----------
    history : list of dict
        A record an epoch, as in the sampler's ``history_``: numbers by the name of the term,
        ``step`` (or ``epoch``), and where there are several ``phase`` and ``class``. ``validation``
        is drawn into the panel of ``classification``, or else of the first term, the loss, and
        ``validation_raw_balanced_accuracy`` into that of ``validation_balanced_accuracy``.

    Attributes
    ----------
    axes_ : ndarray of shape (n_phases, n_panels) of matplotlib Axes
        None where a phase has no such term. A single phase of many terms takes several lines of
        the picture, and is one line here.
    terms_ : list of str
        The term of each panel.
    $figure

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
        """Draw the training of a fitted sampler or classifier.

        Parameters
        ----------
        sampler : fitted sampler or classifier
            Anything with ``history_``, or whose ``estimator_`` has it.
        $subplot

        $drawn

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the sampler has no ``history_``.
        """
        trained = (
            sampler if hasattr(sampler, "history_") else getattr(sampler, "estimator_", sampler)
        )
        return cls(fitted(trained, "history_")).plot(ax)

    def _draw(self, ax: Any) -> None:
        phases = list(dict.fromkeys(self._phase(record) for record in self.history))
        classes = list(dict.fromkeys(record.get("class") for record in self.history))
        terms = self._terms()
        self.terms_ = [term for term in terms if _SHARED.get(term) not in terms]
        colors = dict(zip(classes, colors_of(len(classes)), strict=True))
        unit = "step" if all("step" in record for record in self.history) else "epoch"

        handles = self._legend(colors)
        places, n_lines, n_columns = _places(len(phases), len(self.terms_), bool(handles))
        # The legend stands in the empty panel, where there is one, or takes room of its own.
        size = (2.9 * n_columns + 1.5, max(2.4 * n_lines, 0.2 * len(handles)) + 0.3)
        self.figure_, part = canvas(ax, *size)
        grid = part.add_gridspec(n_lines, n_columns)
        self.axes_ = np.full((len(phases), len(self.terms_)), None, dtype=object)
        for i, phase in enumerate(phases):
            for j, term in enumerate(self.terms_):
                drawn = [
                    (record_class, name, points)
                    for name in self._curves(term, terms)
                    for record_class in classes
                    if (points := self._points(phase, record_class, name, unit))
                ]
                if not drawn:
                    continue
                panel = self.axes_[i, j] = part.add_subplot(grid[places[i][j]])
                for record_class, name, points in drawn:
                    _draw_curve(panel, name, points, colors[record_class])
                if term in _SHARES:
                    panel.set_ylim(-0.03, 1.03)
                if i == 0 or self.axes_[i - 1, j] is None:
                    panel.set_title(self._label(term, terms), fontsize=10)
                if j == 0 and any("phase" in record for record in self.history):
                    panel.set_ylabel(phase)
                line, column = places[i][j]
                is_lowest = i == len(phases) - 1 and (line + 1, column) not in places[i]
                panel.set_xlabel(unit if is_lowest else "")
                panel.locator_params(axis="x", integer=True)
                panel.grid(alpha=0.3, lw=0.6)
                panel.spines[["top", "right"]].set_visible(False)

        legend: dict[str, Any] = {"handles": handles, "fontsize": 9, "frameon": False}
        # A phase without a penalty and a short last line leave room for the legend.
        free = np.ones((n_lines, n_columns), dtype=bool)
        for i, j in np.ndindex(self.axes_.shape):
            free[places[i][j]] &= self.axes_[i, j] is None
        if handles and free.any():
            panel = part.add_subplot(grid[tuple(np.argwhere(free)[0])])
            panel.set_axis_off()
            panel.legend(loc="center", **legend)
        elif handles:
            part.legend(loc="outside right upper", **legend)

    def _terms(self) -> list[str]:
        """The terms of the history: the known ones in their order, then the others in theirs."""
        found = list(dict.fromkeys(k for r in self.history for k in r if k not in _NOT_TERMS))
        order = {term: i for i, term in enumerate(_LABELS)}
        return sorted(found, key=lambda term: order.get(term, len(order)))

    def _curves(self, term: str, terms: list[str]) -> list[str]:
        """What is drawn into the panel of a term."""
        # Validation is the loss on held-out rows, or its classification where that is recorded.
        host = "classification" if "classification" in terms else self.terms_[0]
        return [
            term,
            *(["validation"] if term == host else []),
            *(name for name, panel in _SHARED.items() if panel == term),
        ]

    @staticmethod
    def _label(term: str, terms: list[str]) -> str:
        if term == "reconstruction" and "classification" in terms:
            return _ABSOLUTE_ERROR
        return _LABELS.get(term, term)

    def _legend(self, colors: dict[Any, Any]) -> list[Any]:
        """What the colours and the dashes mean."""
        from matplotlib.lines import Line2D

        every = -(-len(colors) // MAX_IN_LEGEND)
        handles = [
            Line2D([], [], color=colors[name], label=f"class {shorten(name, 18)}")
            for name in list(colors)[::every]
            if name is not None
        ]
        if any("validation" in record for record in self.history):
            handles += [
                Line2D([], [], color="k", label="training rows"),
                Line2D([], [], color="k", ls="--", label="held-out rows (dot: best)"),
            ]
        if any(_RAW in record for record in self.history):
            handles.append(
                Line2D([], [], color=GREY, ls=":", label="weights that are\nnot averaged")
            )
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


def _places(
    n_phases: int, n_panels: int, has_legend: bool
) -> tuple[list[list[tuple[int, int]]], int, int]:
    """Return line and column of each panel of each phase, and how many there are of them."""
    n_columns, lines = n_panels, 1
    if n_phases == 1 and n_panels > _PANELS_IN_LINE:
        lines = -(-(n_panels + has_legend) // _PANELS_IN_LINE)
        n_columns = -(-(n_panels + has_legend) // lines)  # no line of a single panel
    places = [
        [(i * lines + j // n_columns, j % n_columns) for j in range(n_panels)]
        for i in range(n_phases)
    ]
    return places, n_phases * lines, n_columns


def _draw_curve(panel: Any, name: str, points: list[tuple[float, float]], color: Any) -> None:
    """Draw a term; of those on held-out rows also the best point."""
    x, y = zip(*points, strict=True)
    # One epoch makes no line.
    marker = "o" if len(points) == 1 else None
    if name == _RAW:
        panel.plot(x, y, ":", color=GREY, marker=marker, ms=4, lw=1.4)
        return
    is_held_out = name.startswith("validation")
    panel.plot(x, y, "--" if is_held_out else "-", color=color, marker=marker, ms=4, lw=1.4)
    if is_held_out:
        best = max if name.endswith("accuracy") else min
        panel.plot(*best(points, key=lambda point: point[1]), "o", color=color, ms=5)

"""The learning curve of tiny classes: what methods add, by the size of the smallest class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.isotonic import isotonic_regression

from imbdeep.displays._canvas import canvas, colors_of, shorten

_MARKERS = "osD^vPX"
#: Colour of the line at zero, size of a name in points, and characters of it that are written.
_ZERO, _NAME_SIZE, _LENGTH = "0.4", 9.0, 22


def gains(
    scores: pd.DataFrame, metric: str, baseline: str
) -> tuple[dict[str, pd.Series], dict[str, pd.Series]]:
    """Return by how much each method is above the baseline, and the standard error of that.

    Scores are compared within a repeat, one trial on one data set: data sets differ by far more
    than methods do. The standard error takes repeats as independent, which trials on one data set
    are not quite.

    Parameters
    ----------
    scores : DataFrame
        A row for each ``method``, ``size`` of the smallest class, ``dataset`` and ``trial``.
    metric : str
        Column with the scores.
    baseline : str
        The method to compare with.
    """
    wide = scores.pivot(index=["size", "dataset", "trial"], columns="method", values=metric)
    by_size = wide.sub(wide[baseline], axis=0).groupby(level="size")
    means, errors = by_size.mean(), by_size.sem()
    names = [name for name in dict.fromkeys(scores["method"]) if name != baseline]
    return {name: means[name] for name in names}, {name: errors[name] for name in names}


def draw_gains(scores: pd.DataFrame, metrics: Sequence[str], baseline: str) -> Any:
    """Draw :func:`gains` in points, a panel for each metric, and return the figure."""
    methods = list(dict.fromkeys(scores["method"]))
    styles = {
        name: {"color": color, "marker": _MARKERS[i % len(_MARKERS)]}
        for i, (name, color) in enumerate(zip(methods, colors_of(len(methods)), strict=True))
    }
    width = 3.7 + 0.075 * min(_LENGTH, max(map(len, methods)))
    figure, _ = canvas(None, len(metrics) * width, max(3.9, 1.3 + 0.2 * len(methods)))
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        means, errors = gains(scores, metric, baseline)
        panel.axhline(0, color=_ZERO, lw=1.2, ls=":", zorder=1.5)
        ends: dict[str, tuple[float, float]] = {}
        for name, mean in means.items():
            low, high = (100 * (mean + sign * errors[name]) for sign in (-1, 1))
            panel.fill_between(
                mean.index, low, high, color=styles[name]["color"], alpha=0.12, lw=0, zorder=1
            )
            panel.plot(
                mean.index, 100 * mean, lw=1.5, ms=6, mec="white", mew=0.6, label=name,
                **styles[name],
            )  # fmt: skip
            there = mean.dropna()
            if len(there):
                ends[name] = there.index[-1], 100 * there.iloc[-1]
        sizes = np.unique(scores["size"])
        margin = (sizes[-1] / sizes[0]) ** 0.05 if len(sizes) > 1 else 1.2
        panel.set_xscale("log")
        panel.set_xlim(sizes[0] / margin, sizes[-1] * margin)
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes.tolist()])
        panel.minorticks_off()
        panel.set_title(metric, fontsize=10, loc="left")
        panel.set_ylabel(f"points above {baseline}\n(± standard error)", fontsize=9)
        panel.set_xlabel("training rows of the smallest class", fontsize=9)
        panel.tick_params(labelsize=9)
        panel.grid(axis="y", alpha=0.3, lw=0.6)
        panel.spines[["top", "right"]].set_visible(False)
        ends[baseline] = panel.get_xlim()[1], 0.0
        _name_lines(panel, ends, styles | {baseline: {"color": _ZERO, "marker": ""}})
    return figure


def _name_lines(
    panel: Any, ends: dict[str, tuple[float, float]], styles: dict[str, dict[str, Any]]
) -> None:
    """Write the name of each line at the right, near its last point, and lead lines to them."""
    names = sorted(ends, key=lambda name: ends[name][1])
    low, high = panel.get_ylim()
    at = np.array([(ends[name][1] - low) / (high - low) for name in names])
    height = 72 * panel.get_window_extent().height / panel.figure.dpi
    steps = min(1.35 * _NAME_SIZE / height, 1 / len(names)) * np.arange(len(names))
    # The nearest places that leave a line of text between any two.
    places = isotonic_regression(at - steps, y_min=0.0, y_max=1 - steps[-1]) + steps
    beside = {"transform": panel.transAxes, "clip_on": False}
    for name, place in zip(names, places.tolist(), strict=True):
        panel.annotate(
            "", ends[name], (1.08, place), textcoords="axes fraction", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": styles[name]["color"], "lw": 0.8, "alpha": 0.6,
                        "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
        panel.plot(
            1.08, place, ms=6, mec="white", mew=0.5, scalex=False, scaley=False, **styles[name],
            **beside,
        )  # fmt: skip
        text = shorten(name, _LENGTH)
        panel.text(1.12, place, text, fontsize=_NAME_SIZE, va="center", color="0.15", **beside)

"""The learning curve of tiny classes: what methods add, by the size of the smallest class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from imbdeep.displays._canvas import canvas, colors_of

_MARKERS = "osD^vPX"


def gains(scores: pd.DataFrame, metric: str, baseline: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """By how much each method is above the baseline, and the standard error (sizes by methods).

    Scores are compared within a repeat, one trial on one data set: data sets differ by far more
    than methods do. The standard error takes repeats as independent, which trials on one data set
    are not quite.
    """
    wide = scores.pivot(index=["size", "dataset", "trial"], columns="method", values=metric)
    by_size = wide.sub(wide[baseline], axis=0).groupby(level="size")
    names = [name for name in dict.fromkeys(scores["method"]) if name != baseline]
    return by_size.mean()[names], by_size.sem()[names]


def draw_gains(scores: pd.DataFrame, metrics: Sequence[str], baseline: str) -> Any:
    """Draw :func:`gains` in points, a panel for each metric, and return the figure."""
    figure, _ = canvas(None, 4.5 * len(metrics) + 1.5, 3.9)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    sizes = np.unique(scores["size"])
    for panel, metric in zip(panels, metrics, strict=True):
        means, errors = gains(scores, metric, baseline)
        panel.axhline(0, color="0.4", lw=1.2, ls=":", label=baseline)
        for i, (name, color) in enumerate(zip(means, colors_of(means.shape[1]), strict=True)):
            low, high = (100 * (means[name] + sign * errors[name]) for sign in (-1, 1))
            panel.fill_between(means.index, low, high, color=color, alpha=0.12, lw=0)
            marker = _MARKERS[i % len(_MARKERS)]
            panel.plot(means.index, 100 * means[name], color=color, marker=marker, label=name)
        panel.set_xscale("log")
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes.tolist()])
        panel.minorticks_off()
        panel.set_title(metric, fontsize=10, loc="left")
        panel.set_ylabel(f"points above {baseline}\n(± standard error)")
        panel.set_xlabel("training rows of the smallest class")
        panel.grid(axis="y", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center")
    return figure

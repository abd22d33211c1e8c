"""Names of lines at their right ends, where a legend would send the eye back and forth."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.isotonic import isotonic_regression

from ._canvas import shorten

#: Size in points of the names, and height of the line of text that each of them takes.
_NAME_SIZE, _LINE_HEIGHT = 9.0, 1.35
#: Distance of marker and name from the axes, in points. The leader lines run in the first part.
_MARKER_AT, _NAME_AT = 16, 23


def marker_size(marker: str) -> float:
    """Return the size of a marker in points; thin ones need more."""
    return 7.5 if marker in "PX*" else 6.0


def name_lines(
    ax: Any, ends: dict[str, tuple[tuple[Any, str], tuple[float, float]]], length: int
) -> None:
    """Write the name of each line at the right, near its last point, and lead lines to them.

    Parameters
    ----------
    ax : matplotlib Axes
    ends : dict of str to ((color, marker), (x, y))
        Style and last point of each line.
    length : int
        Characters that are written of a name.
    """
    from matplotlib.transforms import ScaledTranslation

    names = sorted(ends, key=lambda name: ends[name][1][1])
    low, high = ax.get_ylim()
    at = np.array([(ends[name][1][1] - low) / (high - low) for name in names])
    height = 72 * ax.get_window_extent().height / ax.figure.dpi
    # Names that are too many for the height become smaller.
    step = min(_LINE_HEIGHT * _NAME_SIZE / height, 1 / max(len(names) - 1, 1))
    size = min(_NAME_SIZE, step * height / _LINE_HEIGHT)
    steps = step * np.arange(len(names))
    # The nearest places that leave a line of text between any two.
    places = isotonic_regression(at - steps, y_min=0.0, y_max=max(1 - steps[-1], 0.0)) + steps
    inch = ax.figure.dpi_scale_trans

    def beside(points: float) -> Any:
        return ax.transAxes + ScaledTranslation(points / 72, 0, inch)

    for name, place in zip(names, places.tolist(), strict=True):
        (color, marker), end = ends[name]
        # An annotation, whose foot stays at the point where the limits are changed later.
        ax.annotate(
            "", end, (1, place), textcoords=beside(_MARKER_AT), annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "lw": 0.8, "alpha": 0.6,
                        "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
        ax.plot(
            [1], [place], marker=marker, color=color, mec="white", mew=0.5,
            ms=marker_size(marker) * size / _NAME_SIZE, transform=beside(_MARKER_AT),
            clip_on=False, scalex=False, scaley=False,
        )  # fmt: skip
        ax.text(
            1, place, shorten(name, length), transform=beside(_NAME_AT), fontsize=size,
            va="center", color="0.15",
        )  # fmt: skip

"""What the displays draw on and with: a figure or a part of one, colours, a mosaic of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Colours that remain distinct for colour-blind readers (Okabe and Ito, 2008), yellow left out.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#8C8C8C"
#: Every display draws the data in one colour and what was generated in the other.
REAL, GENERATED = BLUE, VERMILION


def canvas(ax: Any, width: float, height: float, layout: str = "constrained") -> tuple[Any, Any]:
    """Return (figure, the part of it to fill with panels): a new one, or the place of ``ax``.

    Parameters
    ----------
    ax : matplotlib Axes or None
        A subplot whose place the panels take; None makes a figure.
    width, height : float
        Size of a new figure in inches.
    layout : str, default="constrained"
        Layout engine of a new figure; "compressed" is for panels of a fixed aspect.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(width, height), layout=layout)
        return figure, figure
    place = ax.get_subplotspec() if hasattr(ax, "get_subplotspec") else None
    if place is None:
        raise ValueError(
            f"ax={ax!r} must be one subplot, as plt.subplots() makes it: its place is divided "
            "among the panels. Leave ax out for a new figure."
        )
    ax.set_axis_off()
    figure = ax.figure.figure  # the second step leaves a subfigure
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    return figure, ax.figure.add_subfigure(place)


def axes_or_new(ax: Any, width: float, height: float, layout: str = "constrained") -> Any:
    """Return ``ax``, or the axes of a new figure of this size in inches."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout=layout)[1]


def colors_of(n: int) -> list[Any]:
    """Return a colour for each of n classes: distinct ones for up to 7, else shades in order."""
    distinct = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK]
    if n <= len(distinct):
        return distinct[:n]
    import matplotlib as mpl

    return list(mpl.colormaps["viridis"](np.linspace(0, 0.93, n)))


def shorten(text: Any, length: int = 22) -> str:
    """Return the text, with an ellipsis in place of what is beyond the length."""
    text = str(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def share(part: float) -> str:
    """Return a share of rows as a percentage; a small one does not become 0 %."""
    return f"{part:.0%}".replace("%", " %") if part >= 0.01 or part == 0 else "< 1 %"


def draw_mosaic(ax: Any, groups: list[tuple[str, NDArray[Any]]], n_columns: int, cmap: Any) -> None:
    """Draw groups of images, each under the one before, with their names at the left.

    Parameters
    ----------
    ax : matplotlib Axes
    groups : list of (str, ndarray of shape (n, channels, height, width))
    n_columns : int
        Images in a line.
    cmap : str or matplotlib Colormap
        Colours of images that have not three channels: the mean of the channels is shown.
    """
    import matplotlib as mpl

    low, high = _range([images for _, images in groups])
    rows, columns = groups[0][1].shape[2:]
    gap = 0.08 * columns
    top, ticks = 0.0, []
    for k, (_, images) in enumerate(groups):
        scaled = np.clip((images.astype(np.float64) - low) / (high - low), 0, 1)
        start = top
        for i, image in enumerate(scaled):
            line, column = divmod(i, n_columns)
            y, x = start + line * (rows + gap), column * (columns + gap)
            is_color = len(image) == 3
            picture = np.moveaxis(image, 0, -1) if is_color else image.mean(axis=0)
            colors = (
                {} if is_color else {"cmap": mpl.colormaps.get_cmap(cmap), "vmin": 0, "vmax": 1}
            )
            ax.imshow(picture, extent=(x, x + columns, y + rows, y), **colors)
            top = max(top, y + rows)
        ticks.append((start + top) / 2)
        below = 4 * gap if k == 0 else gap  # the first group stands apart
        top += below
    ax.set_xlim(-gap, n_columns * (columns + gap))
    ax.set_ylim(top - below + gap, -gap)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks(ticks, [shorten(name, 30) for name, _ in groups])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def mosaic_size(n_lines: int, n_columns: int, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return width and height in inches for a mosaic of images of (channels, height, width)."""
    image = min(0.85, 10 / n_columns)
    ratio = shape[1] / shape[2]
    return 1.5 + 1.08 * image * n_columns, 0.6 + 1.15 * image * ratio * n_lines


def _range(images: list[NDArray[Any]]) -> tuple[float, float]:
    """Return the values that become black and white: all of a byte, else the extremes."""
    if all(part.dtype == np.uint8 for part in images):
        return 0.0, 255.0
    low = min(float(np.min(part)) for part in images)
    high = max(float(np.max(part)) for part in images)
    return low, high if high > low else low + 1.0

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
    span = _range([images for _, images in groups])
    rows, columns = groups[0][1].shape[2:]
    gap = 0.08 * columns
    top, ticks = 0.0, []
    for k, (_, images) in enumerate(groups):
        start = top
        for i, image in enumerate(images):
            line, column = divmod(i, n_columns)
            y, x = start + line * (rows + gap), column * (columns + gap)
            _draw_image(ax, image, x, y, span, cmap)
            top = max(top, y + rows)
        ticks.append((start + top) / 2)
        below = 4 * gap if k == 0 else gap  # the first group stands apart
        top += below
    _finish(ax, (-gap, n_columns * (columns + gap)), (top - below + gap, -gap))
    ax.set_yticks(ticks, [shorten(name, 30) for name, _ in groups])


def draw_lines(
    ax: Any,
    names: list[str],
    parts: list[tuple[str, list[NDArray[Any]]]],
    cmap: Any,
    captions: list[list[str]] | None = None,
) -> None:
    """Draw lines of images, each in the same parts, which stand apart and have heads.

    Parameters
    ----------
    ax : matplotlib Axes
    names : list of str
        Names of the lines, at their left.
    parts : list of (str, list of ndarray of shape (n, channels, height, width))
        The head of each part, and its images in each line. A line of fewer images than another
        leaves their places empty.
    cmap : str or matplotlib Colormap
        As in :func:`draw_mosaic`.
    captions : list of list of str, default=None
        For each line, what stands below its places from left to right, two lines of text at most.
    """
    span = _range([images for _, lines in parts for images in lines if images.size])
    rows, columns = parts[0][1][0].shape[2:]
    gap = 0.08 * columns
    step = rows + (gap if captions is None else 0.55 * columns)
    left, heads, places = 0.0, [], []
    for _, lines in parts:
        widest = max(len(images) for images in lines)
        for i, images in enumerate(lines):
            for j, image in enumerate(images):
                _draw_image(ax, image, left + j * (columns + gap), i * step, span, cmap)
        places += [left + j * (columns + gap) + columns / 2 for j in range(widest)]
        heads.append((places[-widest] + places[-1]) / 2)
        left += widest * (columns + gap) + 3 * gap
    for i, texts in enumerate(captions or []):
        for place, text in zip(places, texts, strict=True):
            ax.text(place, i * step + rows + gap / 2, text, ha="center", va="top", fontsize=8)
    bottom = (len(names) - 1) * step + rows + gap
    _finish(
        ax, (-gap, left - 3 * gap), (bottom if captions is None else bottom + step - rows, -gap)
    )
    ax.set_yticks(step * np.arange(len(names)) + rows / 2, names)
    ax.set_xticks(heads, [head for head, _ in parts])
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelsize=9)


def _draw_image(
    ax: Any, image: NDArray[Any], x: float, y: float, span: tuple[float, float], cmap: Any
) -> None:
    """Draw an image (channels, height, width) with its upper left corner at a place."""
    import matplotlib as mpl

    low, high = span
    scaled = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    is_color = len(image) == 3
    picture = np.moveaxis(scaled, 0, -1) if is_color else scaled.mean(axis=0)
    colors = {} if is_color else {"cmap": mpl.colormaps.get_cmap(cmap), "vmin": 0, "vmax": 1}
    ax.imshow(picture, extent=(x, x + image.shape[2], y + image.shape[1], y), **colors)


def _finish(ax: Any, across: tuple[float, float], down: tuple[float, float]) -> None:
    """Leave nothing of the axes but the images and the names of their lines."""
    ax.set_xlim(*across)
    ax.set_ylim(*down)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def mosaic_size(n_lines: int, n_columns: int, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return width and height in inches for a mosaic of images of (channels, height, width)."""
    image = min(0.85, 10 / n_columns)
    ratio = shape[1] / shape[2]
    return 1.5 + 1.08 * image * n_columns, 0.6 + 1.15 * image * ratio * n_lines


def lines_size(
    parts: list[tuple[str, list[NDArray[Any]]]], captions: bool = False
) -> tuple[float, float]:
    """Return width and height in inches for :func:`draw_lines`; captions need larger images."""
    lines = parts[0][1]
    n_columns = sum(max(map(len, each)) for _, each in parts)
    image = 0.95 if captions else min(0.7, 10 / n_columns)
    ratio = lines[0].shape[2] / lines[0].shape[3]
    wide = 1.3 + image * (1.08 * n_columns + 0.24 * (len(parts) - 1))
    return wide, 0.5 + image * (ratio + (0.55 if captions else 0.08)) * len(lines)


def _range(images: list[NDArray[Any]]) -> tuple[float, float]:
    """Return the values that become black and white: all of a byte, else the extremes."""
    if all(part.dtype == np.uint8 for part in images):
        return 0.0, 255.0
    low = min(float(np.min(part)) for part in images)
    high = max(float(np.max(part)) for part in images)
    return low, high if high > low else low + 1.0

"""Images in lines, under one another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Images of shape (n, channels, height, width), for each part of a line.
Line = list[NDArray[Any]]


def images_size(lines: list[Line], *, captions: bool = False) -> tuple[float, float]:
    """Return width and height in inches for :func:`draw_images`; captions need larger images."""
    n_columns = sum(_widths(lines))
    image = 0.95 if captions else min(0.8, 10 / n_columns)
    height, width = _shown(lines)[0].shape[2:]
    wide = 1.4 + image * (1.08 * n_columns + 0.24 * (len(lines[0]) - 1))
    return wide, 0.6 + image * (height / width + (0.55 if captions else 0.1)) * len(lines)


def draw_images(
    ax: Any,
    names: list[str | None],
    lines: list[Line],
    cmap: Any,
    *,
    heads: list[str] | None = None,
    captions: list[list[str]] | None = None,
) -> NDArray[np.float64]:
    """Draw lines of images and return the middles of their columns.

    A line has parts that stand apart, of images (n, channels, height, width); one of fewer images
    than another leaves their places empty. Its name stands at its left; None continues the line
    above. ``heads`` stand above the parts; without them the first line stands apart. ``captions``
    stand below the places of each line, two lines of text at most.
    """
    span = _range(_shown(lines))
    rows, columns = _shown(lines)[0].shape[2:]
    gap = 0.08 * columns
    widths = _widths(lines)
    starts = np.cumsum([0.0, *(n * (columns + gap) + 3 * gap for n in widths)])
    group = np.cumsum([name is not None for name in names]) - 1
    step = rows + (gap if captions is None else 0.55 * columns)
    tops = step * np.arange(len(lines)) + (3 * gap if heads is None else 0.0) * (group > 0)
    for k, start in enumerate(starts[:-1]):
        for line, top in zip(lines, tops, strict=True):
            for j, image in enumerate(line[k]):
                _draw_image(ax, image, start + j * (columns + gap), top, span, cmap)
    middles = [
        start + np.arange(n) * (columns + gap) + columns / 2
        for start, n in zip(starts[:-1], widths, strict=True)
    ]
    every = np.concatenate(middles)
    for texts, top in zip(captions or [], tops, strict=False):
        for place, text in zip(every, texts, strict=True):
            ax.text(place, top + rows + gap / 2, text, ha="center", va="top", fontsize=8)
    ax.set_xlim(-gap, starts[-1] - 3 * gap)
    ax.set_ylim(tops[-1] + max(step, rows + gap), -gap)
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    middle_of = [tops[group == g].mean() + rows / 2 for g in range(group[-1] + 1)]
    ax.set_yticks(middle_of, [name for name in names if name is not None])
    ax.set_xticks([part.mean() for part in middles] if heads else [], heads or [])
    ax.tick_params(length=0, labelsize=9, labeltop=True, labelbottom=False)
    return every


def _widths(lines: list[Line]) -> list[int]:
    """Return the number of places of each part."""
    return [max(map(len, part)) for part in zip(*lines, strict=True)]


def _shown(lines: list[Line]) -> Line:
    return [part for line in lines for part in line if len(part)]


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


def _range(images: Line) -> tuple[float, float]:
    """Return the values that become black and white: all of a byte, else the extremes."""
    if all(part.dtype == np.uint8 for part in images):
        return 0.0, 255.0
    low = min(float(np.min(part)) for part in images)
    high = max(float(np.max(part)) for part in images)
    return low, high if high > low else low + 1.0

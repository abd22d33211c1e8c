"""Columns of two tables against each other: distances, correlations, and how these are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, rankdata

from ._canvas import GENERATED, REAL, count, share, shorten, turn_long

#: Levels with a bar of their own at the most; the rest share one.
_MAX_LEVELS = 8
_OTHER = "other"
_MISSING = "missing"


def distance(real: NDArray[Any], generated: NDArray[Any], kind: str) -> float:
    """Distance of two columns from 0 to 1: Kolmogorov-Smirnov or total variation."""
    there = [part[~np.isnan(part)] for part in (real, generated)]
    missing = abs(np.isnan(real).mean() - np.isnan(generated).mean())
    if kind != "continuous":
        shares = _shares(real), _shares(generated)
        levels = set(shares[0]) | set(shares[1])
        total = sum(abs(shares[0].get(v, 0) - shares[1].get(v, 0)) for v in levels)
        return float((total + missing) / 2)
    if not there[0].size or not there[1].size:
        return float(missing)
    # The asymptotic p-value is not used, but the exact one takes long.
    found = ks_2samp(*there, method="asymp")
    return float(max(found.statistic, missing))


def _shares(column: NDArray[Any]) -> dict[float, float]:
    """Share of each value among all rows; those missing have no entry."""
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    return dict(zip(values.tolist(), (counts / len(column)).tolist(), strict=True))


def correlation(table: NDArray[Any]) -> NDArray[np.float64]:
    """Rank correlations (d, d) over the rows where both are there; NaN where one is constant."""
    there = ~np.isnan(table)  # (n, d)
    ranks = np.zeros(table.shape)
    for j, rows in enumerate(there.T):
        if rows.any():
            rank = rankdata(table[rows, j])
            ranks[rows, j] = (rank - rank.mean()) / len(rank)
    present = there.astype(np.float64)
    n = np.maximum(present.T @ present, 1)  # (d, d): rows where both are there
    total, square = ranks.T @ present, (ranks**2).T @ present
    product = ranks.T @ ranks - total * total.T / n
    variance = square - total**2 / n
    # Below rounding errors, a column is constant where the other is there.
    variance[variance < 1e-10 * n] = np.nan
    found: NDArray[np.float64] = np.clip(product / np.sqrt(variance * variance.T), -1, 1)
    return found


def legend_handles(n_real: int, n_generated: int) -> list[Any]:
    """What the two colours mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(color=REAL, alpha=0.45, lw=0, label=f"real ({count(n_real)})"),
        Line2D([], [], color=GENERATED, lw=1.8, label=f"generated ({count(n_generated)})"),
    ]


def draw_histograms(ax: Any, real: NDArray[Any], generated: NDArray[Any]) -> None:
    """Shares of rows in common bins; the missing shares in a line above, if there are any."""
    both = np.concatenate([real, generated])
    both = both[~np.isnan(both)]
    low, high = np.percentile(both, [0.5, 99.5]) if both.size else (0.0, 1.0)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    n_bins = int(np.clip(np.sqrt(min(len(real), len(generated))), 8, 25))
    bins = np.linspace(low, high, n_bins + 1)
    real_share, generated_share = (
        np.histogram(part[~np.isnan(part)], bins)[0] / len(part) for part in (real, generated)
    )
    ax.stairs(real_share, bins, fill=True, color=REAL, alpha=0.45, lw=0)
    ax.stairs(generated_share, bins, color=GENERATED, lw=1.6)
    ax.locator_params(axis="x", nbins=4)
    ax.ticklabel_format(axis="x", scilimits=(-3, 4))
    _finish(ax)
    missing = np.isnan(real).mean(), np.isnan(generated).mean()
    if any(missing):
        ax.set_xlabel(
            f"missing: real {share(missing[0])},\ngenerated {share(missing[1])}", fontsize=8
        )


def draw_bars(
    ax: Any, real: NDArray[Any], generated: NDArray[Any], levels: list[str] | None
) -> None:
    """Share of each level, side by side; rare levels together, and those missing last."""
    shares = _shares(real), _shares(generated)
    values = sorted(set(shares[0]) | set(shares[1]))
    bars = [
        (f"{v:g}" if levels is None else levels[int(v)], shares[0].get(v, 0), shares[1].get(v, 0))
        for v in values
    ]
    if len(bars) > _MAX_LEVELS:
        by_share = sorted(bars, key=lambda bar: -max(bar[1:]))
        kept = set(by_share[: _MAX_LEVELS - 1])
        rest = [bar for bar in bars if bar not in kept]
        bars = [bar for bar in bars if bar in kept]
        bars.append((_OTHER, sum(bar[1] for bar in rest), sum(bar[2] for bar in rest)))
    missing = float(np.isnan(real).mean()), float(np.isnan(generated).mean())
    if any(missing):
        bars.append((_MISSING, *missing))
    names, heights, new_heights = zip(*bars, strict=True)
    at = np.arange(len(bars))
    ax.bar(at - 0.2, heights, 0.4, color=REAL, alpha=0.45)
    ax.bar(at + 0.2, new_heights, 0.4, fill=False, edgecolor=GENERATED, linewidth=1.6)
    widest = ["x" * max(map(len, names))] * len(names)
    ax.set_xticks(at, [shorten(name, 12) for name in names], **turn_long(widest, 24))
    ax.set_xlim(-0.6, max(len(bars) - 0.4, 1.6))
    _finish(ax)


def _finish(ax: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.locator_params(axis="y", nbins=4)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def draw_matrix(ax: Any, matrix: NDArray[np.float64], names: list[str], cmap: Any) -> Any:
    """Draw a matrix of correlations; grey where there is none."""
    import matplotlib as mpl

    colors = mpl.colormaps.get_cmap(cmap).with_extremes(bad="0.8")
    image = ax.imshow(np.ma.masked_invalid(matrix), cmap=colors, vmin=-1, vmax=1)
    at = np.arange(len(matrix))
    fontsize = 8 if len(at) <= 15 else 6
    ax.set_yticks(at, names, fontsize=fontsize)
    ax.set_xticks(at, names, fontsize=fontsize, rotation=90)
    ax.tick_params(length=0)
    return image

"""Monotone maps between a numeric column and a gaussian one, and the grid of its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

N_KNOTS = 1000
N_SORTED = 200_000
# Float32 keeps a gaussian value to 6e-8, which moves a position among 1000 knots by at most 2e-5.
SNAP = 1e-4
# Above this, neighbouring float64 numbers are more than 1 apart.
EXACT = 2.0**53


def cast(values: np.ndarray, low: Any, high: Any, dtype: np.dtype) -> np.ndarray:
    """Clip float64 `values` to [`low`, `high`] and convert them to `dtype`, integers rounded.

    Parameters
    ----------
    values : ndarray of float64
    low, high : int or float
        Bounds, both of them values of `dtype`.
    dtype : dtype
        A boolean, integer or floating dtype.

    Returns
    -------
    ndarray of `dtype`
    """
    bounds = np.array([low, high], dtype=np.float64)
    if dtype.kind not in "iu":
        return np.clip(values, bounds[0], bounds[1]).astype(dtype)
    # float(2**63 - 1) is 2**63, which does not fit an int64: the next float inwards does.
    for i, bound, inwards in ((0, low, np.inf), (1, high, -np.inf)):
        if not int(low) <= int(bounds[i]) <= int(high):
            bounds[i] = np.nextafter(float(bound), inwards)
    return np.clip(np.clip(np.rint(values), bounds[0], bounds[1]).astype(dtype), low, high)


@dataclass(frozen=True)
class Grid:
    """The numbers (`origin` + k `step`) / 10**`decimals`, k an integer.

    Dividing two exactly represented integers gives the float nearest to the decimal number, so that
    0.1 is 0.1 to the last bit; multiplying by a step of 0.1 would not.
    """

    decimals: int
    origin: int
    step: int

    @classmethod
    def find(cls, values: np.ndarray, dtype: np.dtype) -> Grid | None:
        """Return the coarsest grid that holds every one of the float64 `values`, or None.

        At most six decimals are tried. Equality is judged in `dtype`: the float32 nearest to 0.1 is
        on the grid of step 0.1 although its float64 value is not.
        """
        peak = np.abs(values).max()
        few = values[:: max(1, values.size // N_KNOTS)]
        for decimals in range(7):
            scale = 10.0**decimals
            if peak * scale > EXACT:
                return None
            if not all(_on_decimals(part, scale, dtype) for part in (few, values)):
                continue
            origin = int(np.rint(values.min() * scale))
            step = 0
            for part in (few, values):
                steps = np.rint(part * scale).astype(np.int64) - origin
                step = int(np.gcd(step, np.gcd.reduce(steps)))
                if step == 1:
                    break
            return cls(decimals, origin, max(step, 1))
        return None

    def round(self, values: np.ndarray) -> np.ndarray:
        """Return for each of the float64 `values` the nearest number of the grid."""
        scale = 10.0**self.decimals
        steps = np.rint((values * scale - self.origin) / self.step)
        return (steps * self.step + self.origin) / scale


def _on_decimals(values: np.ndarray, scale: float, dtype: np.dtype) -> bool:
    if dtype.kind in "iu":
        return True
    rounded = np.rint(values * scale) / scale
    return bool(np.array_equal(rounded.astype(dtype), values.astype(dtype)))


class Curve:
    """Invertible map of one numeric column to standard normal (or standardised) values.

    ``how="quantile"`` is the piecewise linear empirical distribution function on at most 1000 knots
    followed by the normal quantile function; a value that fills a share of the column (zeros, say)
    owns the same share of the probability. ``how="standard"`` subtracts the mean and divides by the
    standard deviation.

    Parameters
    ----------
    values : ndarray of shape (n,), integer or floating
        Finite, with at least three distinct values.
    how : {"quantile", "standard"}
    """

    def __init__(self, values: np.ndarray, how: str) -> None:
        self.how = how
        self.dtype = values.dtype
        self.low, self.high = values.min().item(), values.max().item()
        numbers = values.astype(np.float64)
        peak = float(np.abs(numbers).max())
        # Differences of 1e308 overflow and squares of 1e-200 vanish: such columns are scaled by a
        # power of two, which is exact. Others are left alone.
        self.exponent = 0 if 1e-100 < peak < 1e100 else int(np.frexp(peak)[1])
        self.grid = Grid.find(numbers, self.dtype) if self.exponent == 0 else None
        numbers = self._scale(numbers)
        if how == "standard":
            # Offsets from the minimum keep their digits where all values are near 1e9.
            self.lowest = numbers.min()
            self.mean = (numbers - self.lowest).mean()
            self.std = (numbers - self.lowest).std()
        else:
            self._fit_knots(numbers)

    def _fit_knots(self, numbers: np.ndarray) -> None:
        n = numbers.size
        # 1e-4 keeps the ends of a long column at z = 3.7, which a normal prior does reach.
        self.margin = max(0.5 / n, 1e-4)
        low, high = numbers.min(), numbers.max()
        if n > N_SORTED:
            numbers = numbers[np.random.default_rng(0).integers(0, n, N_SORTED)]
        numbers = np.sort(numbers)
        rows = np.rint(np.linspace(0, numbers.size - 1, min(numbers.size, N_KNOTS)))
        # Order statistics, not interpolated quantiles: every knot is a value of the column.
        self.knots = numbers[rows.astype(np.intp)]
        self.knots[0], self.knots[-1] = low, high
        self.places, self.first = np.unique(self.knots, return_index=True)
        self.last = np.append(self.first[1:], self.knots.size) - 1

    def _scale(self, numbers: np.ndarray) -> np.ndarray:
        return np.ldexp(numbers, -self.exponent) if self.exponent else numbers

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Return the gaussian values of `values`; with "quantile" these are clipped to the range.

        Parameters
        ----------
        values : ndarray of shape (n,), integer or floating, finite

        Returns
        -------
        ndarray of shape (n,), float64
        """
        numbers = values.astype(np.float64)
        if self.how == "standard":
            # A bound far outside the range, so that no new value overflows float32 afterwards.
            peak = np.abs(self._bounds()).max()
            reach = max(peak, 1000.0 * min(peak, 1e305))
            numbers = np.clip(numbers, -reach, reach)
            return (self._scale(numbers) - self.lowest - self.mean) / self.std
        numbers = self._scale(np.clip(numbers, float(self.low), float(self.high)))
        j = np.searchsorted(self.places, numbers, side="right") - 1
        gap = np.append(np.diff(self.places), 1.0)
        rise = np.append(self.first[1:] - self.last[:-1], 0)
        offset = numbers - self.places[j]
        position = self.last[j] + offset / gap[j] * rise[j]
        middle = (self.first + self.last) / 2
        # On a tie the distribution function jumps: the middle of the jump stands for the value.
        position = np.where(offset == 0, middle[j], position)
        p = position / (self.knots.size - 1)
        return ndtri(self.margin + (1 - 2 * self.margin) * p)

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """Return the values of the gaussian `z`: inside the range, on the grid, in the dtype.

        Parameters
        ----------
        z : ndarray of shape (n,), floating, without NaN

        Returns
        -------
        ndarray of shape (n,), dtype of the fitted values
        """
        z = z.astype(np.float64)
        if self.how == "standard":
            numbers = self.lowest + (self.mean + self.std * z)
            numbers = np.clip(numbers, *self._scale(self._bounds()))
        else:
            p = (ndtr(z) - self.margin) / (1 - 2 * self.margin)
            position = np.clip(p, 0.0, 1.0) * (self.knots.size - 1)
            nearest = np.rint(position).astype(np.intp)
            j = np.minimum(position.astype(np.intp), self.knots.size - 2)
            between = self.knots[j] + (position - j) * (self.knots[j + 1] - self.knots[j])
            on_knot = np.abs(position - nearest) < SNAP
            numbers = np.where(on_knot, self.knots[nearest], between)
        if self.exponent:
            numbers = np.ldexp(numbers, self.exponent)
        if self.grid is not None:
            numbers = self.grid.round(numbers)
        return cast(numbers, self.low, self.high, self.dtype)

    def _bounds(self) -> np.ndarray:
        return np.array([self.low, self.high], dtype=np.float64)

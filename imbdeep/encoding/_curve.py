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
# How far from its grid a computed number may be: sums and products lose some of the last digits of
# their largest terms. No more than small shares of the range, or the grid would take differences
# away, and of the step, or any numbers would be on some grid.
LOST, LOST_OF_RANGE, OFF_GRID = 1e-10, 1e-6, 0.01
# What makes a value an atom: so many rows of a class, such a share of them, and so many times as
# many as the median value has. Each of the most frequent ones gets an indicator. With 5 rows and
# 5 %, chance ties of small classes were atoms, and classifiers ranked worse on generated rows.
ATOM_ROWS, ATOM_SHARE, ATOM_PEAK, MAX_ATOMS = 10, 0.1, 5.0, 4
# A step that is no decimal number is sought where there are that many values, and it is no finer
# than that part of their range: a finer one is found in any numbers.
N_DISTINCT, MAX_STEPS = 16, 1e5


def cast(values: np.ndarray, low: Any, high: Any, dtype: np.dtype) -> np.ndarray:
    """Clip float64 `values` to [`low`, `high`], values of `dtype`, and convert them to it."""
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
    """The numbers (`origin` + k `step`) / `scale`, k an integer.

    On a decimal grid all three are integers and `scale` is a power of ten: dividing two exactly
    represented integers gives the float nearest to the decimal number, so that 0.1 is 0.1 to the
    last bit; multiplying by a step of 0.1 would not.
    """

    scale: float
    origin: float
    step: float

    @classmethod
    def find(cls, values: np.ndarray, dtype: np.dtype) -> Grid | None:
        """Return the coarsest grid that holds every one of the float64 `values`, or None.

        At most six decimals are tried, then any step (thirds, degrees Celsius that were
        Fahrenheit). Computed numbers are off their grid by rounding errors, so that a small part of
        the step is allowed; and the float32 nearest to 0.1 is on the grid of step 0.1 in `dtype`
        float32, although its float64 value is not.
        """
        peak = np.abs(values).max()
        few = values[:: max(1, values.size // N_KNOTS)]
        lost = max(8 * float(np.finfo(dtype).eps), LOST) * peak
        lost = min(lost, LOST_OF_RANGE * float(np.ptp(values)))
        for scale in 10.0 ** np.arange(7):
            if peak * scale > EXACT:
                return None
            if not all(_on_decimals(part, scale, dtype, lost) for part in (few, values)):
                continue
            origin = int(np.rint(values.min() * scale))
            step: float = 0
            for part in (few, values):
                steps = np.rint(part * scale).astype(np.int64) - origin
                step = int(np.gcd(step, np.gcd.reduce(steps)))
                if step == 1:
                    break
            return cls(float(scale), origin, max(step, 1))
        if dtype != np.float64:
            return None
        step = _common_step(np.unique(few), lost)
        found = cls(1.0, float(values[np.abs(values).argmin()]), step) if step else None
        if found and _near(found.round(values), values, min(step * OFF_GRID, lost)):
            return found
        return None

    def round(self, values: np.ndarray) -> np.ndarray:
        """Return for each of the float64 `values` the nearest number of the grid."""
        steps = np.rint((values * self.scale - self.origin) / self.step)
        return (steps * self.step + self.origin) / self.scale


def _on_decimals(values: np.ndarray, scale: float, dtype: np.dtype, lost: float) -> bool:
    rounded = np.rint(values * scale) / scale
    if np.array_equal(rounded.astype(dtype), values.astype(dtype)):
        return True
    return _near(rounded, values, min(lost, OFF_GRID / scale))


def _is_single(values: np.ndarray) -> bool:
    """Whether the float64 `values` were float32 numbers."""
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float32), values)


def _near(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    return bool(np.abs(a - b).max() <= tolerance)


def _common_step(distinct: np.ndarray, lost: float) -> float:
    """Return the largest step of which all differences are multiples, 0 if there is none.

    Euclid's algorithm on the smallest differences, which are small multiples of the step.
    """
    span = distinct[-1] - distinct[0]
    if distinct.size < N_DISTINCT:
        return 0.0
    rest = np.sort(np.diff(distinct))[:N_DISTINCT]
    rest = rest[rest > lost]  # below, it is the same number, computed in two ways
    step = 0.0
    while rest.size:
        step = float(rest.min())
        if OFF_GRID * step < lost or span > MAX_STEPS * step:
            return 0.0
        rest = np.abs(rest - np.rint(rest / step) * step)
        rest = rest[rest > lost]
    if not step:
        return 0.0
    return span / float(np.rint(span / step))


def atoms_of(values: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
    """Return the values that many rows share while their neighbours are nearly all distinct.

    Zeros of rain and claims, or incomes cut off at a maximum, are a mixture of one number and a
    distribution. What counts is the share within a class, where `classes` (n,) are given. The most
    frequent atom comes first; at least two other values are left.
    """
    if values.size > N_SORTED:
        rows = np.random.default_rng(0).integers(0, values.size, N_SORTED)
        values, classes = values[rows], None if classes is None else classes[rows]
    distinct, which = np.unique(values, return_inverse=True)
    if values.size - distinct.size < ATOM_ROWS - 1:
        return distinct[:0]  # too few repeat another one
    groups = [which]
    if classes is not None:
        order = np.argsort(classes, kind="stable")
        groups = np.split(which[order], np.flatnonzero(np.diff(classes[order])) + 1)
    shares = np.zeros(distinct.size)
    for group in groups:
        if group.size < ATOM_ROWS:
            continue
        counts = np.bincount(group)
        found = np.flatnonzero(counts)
        counts = counts[found]
        least = max(ATOM_ROWS, ATOM_SHARE * group.size, ATOM_PEAK * float(np.median(counts)))
        is_atom = counts >= least
        shares[found[is_atom]] = np.maximum(shares[found[is_atom]], counts[is_atom] / group.size)
    n_atoms = min(int((shares > 0).sum()), MAX_ATOMS, distinct.size - 2)
    return distinct[np.argsort(-shares, kind="stable")[: max(0, n_atoms)]]


class Curve:
    """Invertible map of one numeric column to standard normal (or standardised) values.

    ``how="quantile"`` is the piecewise linear empirical distribution function on at most 1000 knots
    followed by the normal quantile function; a value that fills a share of the column (zeros, say)
    owns the same share of the probability. ``how="standard"`` subtracts the mean and divides by the
    standard deviation. `values` (n,) are finite, at least two of them distinct.
    """

    def __init__(self, values: np.ndarray, how: str) -> None:
        self.how = how
        self.dtype = values.dtype
        self.low, self.high = values.min().item(), values.max().item()
        self.exponent = 0
        self.single = False
        self.whole = self._is_whole(values)
        if self.whole:
            # Counted from the minimum, in integers: nanoseconds since 1970 exceed 2**53.
            self.low, self.high = int(self.low), int(self.high)
            steps = self._exact_offsets(values)
            self.grid: Grid | None = Grid(1.0, 0, max(1, int(np.gcd.reduce(steps))))
            numbers = steps.astype(np.float64)
        else:
            numbers = values.astype(np.float64)
            peak = float(np.abs(numbers).max())
            # Differences of 1e308 overflow and squares of 1e-200 vanish: such columns are scaled
            # by a power of two, which is exact. Others are left alone.
            if 1e-100 < peak < 1e100:
                self.grid = Grid.find(numbers, self.dtype)
                if self.grid is None and _is_single(numbers):
                    self.grid = Grid.find(numbers, np.dtype(np.float32))
                    self.single = self.grid is not None
            else:
                self.grid = None
                self.exponent = int(np.frexp(peak)[1])
        numbers = self._scale(numbers)
        self.bounds = numbers.min(), numbers.max()
        if how == "standard":
            # Offsets from the minimum keep their digits where all values are near 1e9.
            self.lowest = self.bounds[0]
            self.mean = (numbers - self.lowest).mean()
            self.std = (numbers - self.lowest).std()
        else:
            self._fit_knots(numbers)

    def _is_whole(self, values: np.ndarray) -> bool:
        """Whether to count in integers: they are, or float64 has no place for their fractions."""
        if values.dtype.kind in "iu":
            return True
        peak = max(abs(self.low), abs(self.high))
        return EXACT < peak < 2.0**63 and np.array_equal(values, np.rint(values))

    def _exact_offsets(self, values: np.ndarray) -> np.ndarray:
        """Return `values` - `low` as uint64, for whole values not below `low`."""
        if values.dtype.kind == "f":
            values = values.astype(np.int64)
        # Modulo 2**64, so that no difference of two 64-bit integers overflows.
        return values.astype(np.uint64) - np.uint64(self.low % 2**64)

    def _fit_knots(self, numbers: np.ndarray) -> None:
        n = numbers.size
        # 1e-4 keeps the ends of a long column at z = 3.7, which a normal prior does reach.
        self.margin = max(0.5 / n, 1e-4)
        if n > N_SORTED:
            numbers = numbers[np.random.default_rng(0).integers(0, n, N_SORTED)]
        numbers = np.sort(numbers)
        rows = np.rint(np.linspace(0, numbers.size - 1, min(numbers.size, N_KNOTS)))
        # Order statistics, not interpolated quantiles: every knot is a value of the column.
        self.knots = numbers[rows.astype(np.intp)]
        self.knots[0], self.knots[-1] = self.bounds
        self.places, self.first = np.unique(self.knots, return_index=True)
        self.last = np.append(self.first[1:], self.knots.size) - 1

    def _scale(self, numbers: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # of new values, which are clipped
            return np.ldexp(numbers, -self.exponent) if self.exponent else numbers

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Return the gaussian values (n,); with "quantile" they are clipped to the range."""
        numbers = self._numbers(values)
        if self.how == "standard":
            # A bound far outside the range, so that no new value overflows float32 afterwards.
            peak = np.abs(self.bounds).max()
            numbers = np.clip(numbers, -1000.0 * peak, 1000.0 * peak)
            return (numbers - self.lowest - self.mean) / self.std
        numbers = np.clip(numbers, *self.bounds)
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

    def _numbers(self, values: np.ndarray) -> np.ndarray:
        """Return `values` as float64: offsets from `low` where the column is whole, else scaled."""
        if not self.whole:
            return self._scale(values.astype(np.float64))
        numbers = values.astype(np.float64) - self.low
        if values.dtype.kind in "iu":
            inside = (values >= self.low) & (values <= self.high)
            numbers[inside] = self._exact_offsets(values[inside])
        return numbers

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """Return the values of the gaussian `z` (n,): in the range, on the grid, in the dtype."""
        z = z.astype(np.float64)
        on_knot = None
        if self.how == "standard":
            numbers = self.lowest + (self.mean + self.std * z)
            numbers = np.clip(numbers, *self.bounds)
        else:
            p = (ndtr(z) - self.margin) / (1 - 2 * self.margin)
            position = np.clip(p, 0.0, 1.0) * (self.knots.size - 1)
            nearest = np.rint(position).astype(np.intp)
            j = np.minimum(position.astype(np.intp), self.knots.size - 2)
            between = self.knots[j] + (position - j) * (self.knots[j + 1] - self.knots[j])
            tied = self.knots[j] == self.knots[j + 1]
            on_knot = tied | (np.abs(position - nearest) < SNAP)
            numbers = np.where(on_knot, self.knots[nearest], between)
        if self.whole:
            assert self.grid is not None
            step = int(self.grid.step)
            most = (self.high - self.low) // step
            steps = cast(numbers / step, 0, most, np.dtype(np.uint64))
            steps[numbers >= self.bounds[1]] = most  # float64 may have no place for it
            whole = steps * np.uint64(step) + np.uint64(self.low % 2**64)
            return (whole if self.low >= 0 else whole.view(np.int64)).astype(self.dtype)
        if self.exponent:
            numbers = np.ldexp(numbers, self.exponent)
        if self.grid is not None:
            rounded = self.grid.round(numbers)
            if self.single:
                rounded = rounded.astype(np.float32)
            # A value of the column comes back with its rounding errors.
            numbers = rounded if on_knot is None else np.where(on_knot, numbers, rounded)
        return cast(numbers, self.low, self.high, self.dtype)

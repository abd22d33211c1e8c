"""One codec a column: its levels, or its curve, written to and read from the encoded matrix."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from numbers import Number
from typing import Any

import numpy as np

from ._columns import (
    MISSING_TYPES,
    cell_maker,
    factorize,
    has_objects,
    has_several_missing,
    is_missing_key,
    number_codes,
    only_missing,
    read_numbers,
    refuse,
    refuse_infinity,
    restore,
    spelled,
    take,
    without,
)
from ._curve import Curve, atoms_of

N_PROBED = 10_000
#: A number of a discrete column stands in so many rows on average; fractions are often measured,
#: and come in few values only where there are few rows.
ROWS_A_NUMBER, ROWS_A_FRACTION = 3, 10
#: Share of the rows that has a value of its own in a column which may be an identifier.
OWN_VALUES = 0.95
#: Fewer rows may differ by chance.
LEAST_ROWS = 20


class NumberColumn:
    """A continuous column: a gaussian value, and indicators of what is no such value.

    That are missing values and atoms (see :func:`atoms_of`). One kind of them has a Bernoulli
    indicator; several, which exclude each other, have a group, whose first column says that the
    gaussian value counts.
    """

    kind = "continuous"
    n_gaussian = 1

    def __init__(
        self,
        column: Any,
        label: str,
        values: np.ndarray,
        missing: np.ndarray | None,
        how: str,
        classes: np.ndarray | None,
    ) -> None:
        self.label = label
        self.has_missing = missing is not None
        self.like = take(column, np.array([0 if missing is None else missing.argmax()]))
        self.cell = None
        if not hasattr(column, "gather") and (has_objects(column) or column.dtype.type is Decimal):
            cells = np.asarray(column, dtype=object)
            self.cell = cell_maker(cells if missing is None else cells[~missing])
        if missing is not None:
            values, classes = values[~missing], None if classes is None else classes[~missing]
        # "standard" keeps distances, which an indicator would not.
        self.atoms = atoms_of(values, classes) if how == "quantile" else values[:0]
        self.curve = Curve(values[~np.isin(values, self.atoms)], how)
        self.n_flags = len(self.atoms) + self.has_missing
        self.n_bernoulli = int(self.n_flags == 1)
        self.group_sizes = (1 + self.n_flags,) if self.n_flags > 1 else ()

    def encode(
        self, column: Any, out: np.ndarray, spans: tuple[slice, ...], *, ignore: bool
    ) -> None:
        """Write the column into its spans of the zero-filled `out`."""
        found = read_numbers(column, self.label)
        if found is None and only_missing(column):  # polars has a dtype for columns without values
            found = np.zeros(len(column)), np.ones(len(column), dtype=bool)
        if found is None:
            raise ValueError(
                f"Column {self.label} held numbers in fit and has dtype {column.dtype} now: "
                "convert it to numbers."
            )
        values, missing = found
        if missing is not None and not self.has_missing and not ignore:
            raise ValueError(
                f"Column {self.label} has {missing.sum()} missing values and had none in fit: "
                "impute them, fit on data where some are missing, or set "
                "handle_unknown='ignore'."
            )
        known = np.ones(len(values), dtype=bool) if missing is None else ~missing
        flagged = [known & (values == atom) for atom in self.atoms]
        if self.has_missing:
            flagged.append(~known)
        # Where nothing was missing in fit, the zero that stays in `out` is the middle.
        plain = known.copy()
        for rows in flagged:
            plain &= ~rows
        out[plain, spans[0].start] = self.curve.forward(values[plain])
        for position, rows in zip(self.flags(spans), flagged, strict=True):
            out[rows, position] = 1
        if self.group_sizes:
            out[plain, spans[1].start] = 1

    def flags(self, spans: tuple[slice, ...]) -> range:
        """Return the positions of the indicators: of each atom, and of missing values last."""
        return range(spans[1].stop - self.n_flags, spans[1].stop) if self.n_flags else range(0)

    def decode(self, encoded: np.ndarray, spans: tuple[slice, ...]) -> Any:
        """Return the column that `encoded` stands for."""
        values = self.curve.inverse(encoded[:, spans[0].start])
        if not self.n_flags:
            return restore(values, None, self.like, cell=self.cell)
        if self.group_sizes:
            flag = encoded[:, spans[1]].argmax(axis=1) - 1
        else:
            flag = np.where(encoded[:, spans[1].start] >= 0.5, 0, -1)
        for k, atom in enumerate(self.atoms):
            values[flag == k] = atom
        missing = flag == len(self.atoms) if self.has_missing else None
        return restore(values, missing, self.like, cell=self.cell)

    def names(self, label: str) -> list[list[str]]:
        """Return the names of the encoded columns, a list for each span."""
        flags = [f"{label}_{atom}" for atom in self.atoms.tolist()]
        flags += [f"{label}_missing"] * self.has_missing
        names = [[label], [f"{label}_other"] * bool(self.group_sizes) + flags]
        return names[: 1 + bool(flags)]


class LevelColumn:
    """A column of few or of unordered values: nothing, one Bernoulli value, or one-hot groups.

    `codes` and `keys` are those of :func:`factorize`; `numbers` are the distinct numbers in order,
    where the codes count these.

    The levels are kept as a column of the original type, so that decoding is taking rows of it:
    exact for any dtype, with missing values just as they were.
    """

    n_gaussian = 0

    def __init__(
        self,
        column: Any,
        label: str,
        codes: np.ndarray,
        keys: list,
        numbers: np.ndarray | None,
        *,
        numeric: bool,
        mixed: bool,
        max_one_hot: int,
    ) -> None:
        self.label = label
        self.numeric = numeric
        self.mixed = mixed
        counts = np.bincount(codes, minlength=len(keys))
        first = np.zeros(len(keys), dtype=np.intp)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        used = np.flatnonzero(counts)
        k = len(used)
        if k > max_one_hot:
            order = used[np.lexsort((first[used], -counts[used]))]
        elif numbers is not None:  # keys of numbers are in order, and missing is last
            order = used
        else:
            order = used[np.argsort(first[used])]
            order = np.array(_sorted_keys(order.tolist(), keys), dtype=np.intp)
        self.keys = [keys[i] for i in order]
        sizes = [n for n, key in zip(counts.tolist(), keys, strict=True) if not is_missing_key(key)]
        self.n_rare = sum(sizes) - max(sizes, default=0)
        self.levels = take(column, first[order])
        counted = numbers is not None and numbers.size > 0 and k <= max_one_hot
        self.numbers = numbers if counted else None
        self.codes = {key: code for code, key in enumerate(self.keys)}
        for code, key in enumerate(self.keys):
            if is_missing_key(key):
                # A missing value of another type (None for NaN) in new data is the same level.
                for name in ("float", *MISSING_TYPES):
                    self.codes.setdefault(("missing", name), code)
        self.n_bernoulli = int(k == 2)
        self.n_digits = 1
        self.group_sizes: tuple[int, ...] = ()
        if k <= 2:
            self.kind, self.base = ("constant", "binary")[k - 1], k
        else:
            self.kind = "discrete" if numeric else "categorical"
            self.base = k
            while self.base > max_one_hot:
                self.n_digits += 1
                self.base = _root(k, self.n_digits)
            self.group_sizes = (self.base,) * self.n_digits

    @property
    def names_rows(self) -> bool:
        """Tell whether nearly every row has a category of its own, or the one word for none."""
        n_levels = sum(not is_missing_key(key) for key in self.keys)
        many = self.kind == "categorical" and self.n_rare + 1 >= LEAST_ROWS
        return many and n_levels - 1 > OWN_VALUES * self.n_rare

    def encode(
        self, column: Any, out: np.ndarray, spans: tuple[slice, ...], *, ignore: bool
    ) -> None:
        """Write the column into its spans of the zero-filled `out`."""
        if ignore and not spans:
            read_numbers(column, self.label)  # an infinite number is an error in any column
            return
        codes = self._numbered(column)
        if codes is None:
            codes = self._looked_up(column, ignore)
        if self.n_bernoulli:
            out[:, spans[0].start] = np.where(codes < 0, 0.5, codes)
            return
        rows = np.flatnonzero(codes >= 0)
        codes = codes[rows]
        for span in reversed(spans[1:]):
            codes, digit = np.divmod(codes, self.base)
            out[rows, span.start + digit] = 1
        if spans:
            out[rows, spans[0].start + codes] = 1

    def _numbered(self, column: Any) -> np.ndarray | None:
        """Return the codes of numbers that fit saw, of its dtype; None for all other columns."""
        if self.numbers is None or has_several_missing(column):
            return None
        found = read_numbers(column, self.label)
        if found is None or found[1] is not None or found[0].dtype != self.numbers.dtype:
            return None
        values = found[0]
        codes = np.searchsorted(self.numbers[:-1], values)
        return codes if (self.numbers[codes] == values).all() else None

    def _looked_up(self, column: Any, ignore: bool) -> np.ndarray:
        """Return the codes of any cells, level by level; -1 for what fit did not see."""
        found, keys = factorize(column, self.label, mixed=self.mixed)
        codes = np.array([self._code(key) for key in keys], dtype=np.intp)[found]
        known = codes >= 0
        if not known.all():
            unseen = [keys[i] for i in dict.fromkeys(found[~known].tolist())]
            if any(_is_infinite(key) for key in unseen):
                refuse_infinity(self.label)
            seen = set(found[known].tolist())
            if all(is_missing_key(keys[i]) for i in seen):
                self._refuse_change(unseen, column.dtype)
            if not ignore:
                some = ", ".join(spelled(k) for k in self.keys[:5]) + ", ..." * (len(self.keys) > 5)
                raise ValueError(
                    f"Column {self.label} holds the value {spelled(unseen[0])!r}, which fit did "
                    f"not see (known: {some}): fit on data that holds every level, replace the "
                    "value, or set handle_unknown='ignore'."
                )
        return codes

    def _code(self, key: Any) -> int:
        """Return the code of a key; -1 if fit did not see it and no number is near it."""
        code = self.codes.get(key, -1)
        value = _value(key)
        if code >= 0 or is_missing_key(key) or not isinstance(value, int | float):
            return code
        held = _kinds(self.keys)
        if isinstance(value, bool):
            if held != {"numbers"} or not {_value(k) for k in self.keys[:3]} <= {0, 1}:
                return code
            value = int(value)  # where fit saw 0 and 1 alone, True is 1
        for kind in (int, float, bool):  # and where it saw booleans alone, 1 is True
            if kind is not bool or held == {"booleans"}:
                code = max(code, self.codes.get((kind, value), -1))
        code = max(code, self.codes.get(value, -1))
        if code >= 0 or not self.numeric or _is_infinite(value):
            return code
        numbers = [k for k in self.keys if isinstance(k, (int, float))]
        # The user did not say that the column has these values alone: a new number is no error. It
        # counts as the nearest, just as a continuous one counts as the nearest bound.
        return self.codes[min(numbers, key=lambda k: abs(k - value))] if numbers else -1

    def _refuse_change(self, unseen: list, dtype: Any) -> None:
        """Raise if new values, none of which fit saw, are of another type or written otherwise."""
        held, now = _kinds(self.keys), _kinds(unseen)
        if held and now and held.isdisjoint(now):
            kinds = " and ".join(sorted(held))
            raise ValueError(
                f"Column {self.label} held {kinds} in fit and has dtype {dtype} now: convert it to "
                f"{kinds}."
            )
        known = {_bare(key): key for key in self.keys if isinstance(key, str)}
        for text in unseen:
            if isinstance(text, str) and _bare(text) in known:
                raise ValueError(
                    f"Column {self.label} holds none of the values that fit saw: {text!r} was not "
                    f"seen in fit, and {known[_bare(text)]!r} was. Write them as they were."
                )

    def decode(self, encoded: np.ndarray, spans: tuple[slice, ...]) -> Any:
        """Return the column that `encoded` stands for; any combination of digits is some level."""
        codes = np.zeros(len(encoded), dtype=np.intp)
        if self.n_bernoulli:
            codes[:] = encoded[:, spans[0].start] >= 0.5
        else:
            for span in spans:
                codes = codes * self.base + encoded[:, span].argmax(axis=1)
        return take(self.levels, codes % len(self.keys))

    def names(self, label: str) -> list[list[str]]:
        """Return the names of the encoded columns, a list for each span."""
        if self.n_bernoulli:
            return [[f"{label}_{spelled(self.keys[1])}"]]
        if self.n_digits == 1:
            return [[f"{label}_{spelled(key)}" for key in self.keys]] * bool(self.group_sizes)
        return [[f"{label}_digit{i}_{d}" for d in range(self.base)] for i in range(self.n_digits)]


def fit_column(
    column: Any,
    label: str,
    classes: np.ndarray | None,
    *,
    forced: bool,
    continuous: str,
    max_discrete: int,
    max_one_hot: int,
) -> NumberColumn | LevelColumn:
    """Return the codec of one column, its kind detected unless `forced` to be categorical."""
    refuse(column, label)
    found = read_numbers(column, label)
    numbers = None
    if found is not None and not forced:
        numbers = _few_numbers(*found, max_discrete)
        if numbers is None:
            return NumberColumn(column, label, *found, continuous, classes)
    mixed = found is None and has_objects(column)
    numeric = numbers is not None
    if found is None or numbers is None or has_several_missing(column):
        numbers = None
        codes, keys = factorize(column, label, mixed=mixed)
    else:
        codes, keys = number_codes(*found, numbers)
    given = (column, label, codes, keys, numbers)
    return LevelColumn(*given, numeric=numeric, mixed=mixed, max_one_hot=max_one_hot)


def _value(key: Any) -> Any:
    return key[1] if type(key) is tuple else key


def _kinds(keys: list) -> set[str]:
    """Return what kinds of values these are, missing ones apart."""
    names = ((bool, "booleans"), (Number, "numbers"), (str, "strings"), (bytes, "bytes"))
    values = [_value(key) for key in keys if not is_missing_key(key)]
    return {
        next((name for kind, name in names if isinstance(value, kind)), "objects")
        for value in values
    }


def _bare(text: str) -> str:
    """Return a text without surrounding space, leading zeros and a decimal part of zeros."""
    return re.sub(r"^0+(?=\d)|\.0+$", "", text.strip())


def _is_infinite(key: Any) -> bool:
    value = _value(key)
    return isinstance(value, float) and math.isinf(value)


def _few_numbers(
    values: np.ndarray, missing: np.ndarray | None, max_discrete: int
) -> np.ndarray | None:
    """Return the distinct numbers of a column, in order; None if it is a continuous one."""
    present = without(missing, values)
    # Most continuous columns show it on a few rows, spread over the table because it may be sorted.
    step = max(1, present.size // N_PROBED)
    if step > 1 and np.unique(present[::step]).size > max(2, max_discrete):
        return None
    distinct = np.unique(present)
    is_whole = bool((distinct == np.rint(distinct)).all())
    least = (ROWS_A_NUMBER if is_whole else ROWS_A_FRACTION) * distinct.size
    many = distinct.size > max_discrete or present.size < least
    return None if distinct.size > 2 and many else distinct


def _sorted_keys(order: list[int], keys: list) -> list[int]:
    """Sort the positions by their keys where these compare, missing last."""
    present = [i for i in order if not is_missing_key(keys[i])]
    missing = [i for i in order if is_missing_key(keys[i])]
    try:
        return sorted(present, key=lambda i: keys[i]) + missing
    except TypeError:
        return present + missing


def _root(k: int, digits: int) -> int:
    """Return the smallest base in which `digits` digits count to `k`, free of rounding."""
    base = max(2, int(k ** (1 / digits)) - 1)
    while base**digits < k:
        base += 1
    return base

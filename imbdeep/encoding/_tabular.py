"""TabularEncoder: mixed tables to and from a float32 matrix with one likelihood a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from ._codecs import NumberColumn, fit_column
from ._columns import Blueprint, factorize, kind_of
from ._containers import data_array, in_container, is_arrow, refuse_lazy_frame, target_array

#: Classes in each of which values are counted, at the most.
MAX_CLASSES = 1000
#: Cells of a sparse matrix that are made dense at a time, at the most, if a column has fewer.
_CELLS = 2**20


@dataclass(frozen=True)
class Layout:
    """Which columns of an encoded matrix need which likelihood.

    Parameters
    ----------
    n_gaussian : int
        Columns ``0 .. n_gaussian - 1`` hold real numbers of unit scale.
    n_bernoulli : int
        The next `n_bernoulli` columns hold 0 or 1.
    group_sizes : tuple of int
        The remaining columns are one-hot groups of these widths, in this order.
    missing : tuple of (int, int)
        For each indicator of a continuous column the positions of its gaussian column and of the
        indicator, a Bernoulli column or a level of a group, that is 1 where the value is missing or
        an atom (the gaussian column is 0 there and means nothing).

    Examples
    --------
    >>> from imbdeep.encoding import Layout
    >>> Layout(n_gaussian=2, n_bernoulli=1, group_sizes=(3, 4), missing=((1, 2),)).width
    10
    """

    n_gaussian: int
    n_bernoulli: int
    group_sizes: tuple[int, ...]
    missing: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        """Number of columns of the encoded matrix."""
        return self.n_gaussian + self.n_bernoulli + sum(self.group_sizes)


class TabularEncoder(TransformerMixin, BaseEstimator):
    """Encode a table of mixed types for a generative network, and decode it without loss.

    A generative network needs ``float32`` numbers of unit scale and one likelihood a column; a
    table has dates of birth in years, incomes with a heavy tail, zeros in nine rows of ten, labels,
    flags and holes. Each column is encoded by its kind, and decoding returns the container, the
    columns and the dtypes of the fitted table:

    =============  =======================================  =======================================
    kind           columns of this kind                     encoded as
    =============  =======================================  =======================================
    "constant"     one distinct value, or all missing       nothing
    "binary"       two distinct values                      one Bernoulli column of 0 and 1
    "discrete"     at most `max_discrete` numbers, each     a one-hot group
                   three times on average (ten times
                   if some are no whole numbers)
    "categorical"  strings, categories, other objects, and  a one-hot group; above `max_one_hot`
                   `categorical_features`                   levels the digits of the level's rank,
                                                            each a group
    "continuous"   all other numbers                        one gaussian column, and indicators of
                                                            atoms and missing values
    =============  =======================================  =======================================

    A missing value (NaN, None, NA, null, a masked cell) is one more level of the kinds above
    "continuous". Decimals and fractions are numbers.

    An atom of a continuous column is a value that many rows share while others are nearly all
    distinct (no rain, no claims, a top-coded income): at least 10 rows and 10 % of a class, and 5
    times as many as the median value. The 4 most frequent ones get an indicator. One indicator, of
    an atom or of missing values, is a Bernoulli column; several are a one-hot group whose first
    level stands for "neither". The gaussian column is 0, and means nothing, where an indicator is
    1.

    Decoding takes the likelier side of a Bernoulli column (1 from 0.5 on) and the largest entry of
    a group, so that every decoded level was seen in fit. A decoded number lies between the training
    minimum and maximum and on the grid of the column: the coarsest step, of at most six decimals,
    that all its training values are multiples of (1 for integers, 0.25 for quarters, 100 for
    rounded prices), counted from the minimum.

    Unlike :class:`~sklearn.preprocessing.OneHotEncoder` and
    :class:`~sklearn.preprocessing.QuantileTransformer` it needs no column lists, has an exact
    inverse for every dtype, bounds the width whatever the number of levels, and gives a value that
    fills a share of a column the same share of the normal distribution, at either end of the range
    and at any scale.

    Parameters
    ----------
    categorical_features : "auto", array-like of str, int or bool, default="auto"
        Columns to be categorical besides those that cannot be numbers: names, positions, or a mask
        with an entry a column. "auto" and None add none. Booleans, strings, categories (of numbers
        too) and objects other than real numbers are never read as numbers.
    continuous : {"quantile", "standard"}, default="quantile"
        Map of a continuous column to its gaussian column. "quantile" is the empirical distribution
        function on at most 1000 knots, then the normal quantile function: the default because it
        makes any distribution normal, heavy tails and ties included. "standard" subtracts the mean
        and divides by the standard deviation: it keeps distances, and with them the shape of the
        distribution.
    max_discrete : int, default=12
        Most distinct values of a column of numbers that is encoded one-hot. 12 covers months,
        ratings and small counts; a column of more values gains from their order.
    max_one_hot : int, default=64
        Most levels of one group. 100 levels become 2 digits of base 10 (width 20), 50 000 levels 3
        digits of base 37 (width 111): memory stays bounded, at the price that the network sees
        digits.
    handle_unknown : {"error", "ignore"}, default="error"
        What `transform` does with a level that fit did not see, and with a missing value in a
        column that had none in fit. "error" refuses them: a generative model should not learn from
        rows that it cannot write. "ignore" encodes them as nothing in particular, for a classifier
        that must predict for any row: zeros in the groups of a level, 0.5 in its Bernoulli column,
        and 0 in a gaussian column (the median with "quantile", the mean with "standard"); a
        constant column may hold anything. Wrong columns, infinite numbers, and a column whose
        values are of another kind now (no numbers any more, text for numbers, "01" for "1"), none
        of them seen in fit, are errors all the same.

    Attributes
    ----------
    layout_ : Layout
        Numbers of gaussian and Bernoulli columns, group sizes, and the pairs that encode missing
        values.
    kinds_ : list of str, length n_features
        Kind of each column, as in the table above.
    spans_ : list of tuple of slice, length n_features
        Encoded positions of each column, in the order gaussian, Bernoulli, groups; empty if
        constant.
    n_features_in_ : int
        Number of columns seen in fit.
    feature_names_in_ : ndarray of str
        Names of the columns, if all of them are strings.

    See Also
    --------
    ImageScaler : The same for images.

    Notes
    -----
    Levels and atoms come back exactly. So do continuous values that are knots ("quantile"; all of a
    column of up to 1000 rows) or on a grid of which 5000 steps cover the gap between knots; others
    come back to 1e-4 of that gap, and with "standard" to the resolution of float32. Computed values
    may be off their grid by rounding errors (0.1 + 0.2 by 4e-17), and come back on it. Integers are
    counted from the minimum: nanoseconds since 1970 and 64-bit identifiers keep all their digits. A
    polars column with both null and NaN, or an object column with both None and NaN, gets the first
    of the two back where it is continuous.

    What ``handle_unknown="ignore"`` encoded does not come back: it decodes into some value that fit
    saw.

    Up to 200 000 values of a column are sorted, drawn with a fixed seed; minimum, maximum and grid
    are of all.

    Examples
    --------
    >>> import pandas as pd
    >>> from imbdeep.encoding import TabularEncoder
    >>> X = pd.DataFrame({
    ...     "price": [9.5, 12.25, None, 8.75, 101.0, 20.5],
    ...     "smoker": [True, False, False, True, False, False],
    ...     "city": ["Rome", "Oslo", "Oslo", "Lima", "Rome", "Lima"],
    ... })
    >>> encoder = TabularEncoder().fit(X)
    >>> encoder.kinds_
    ['continuous', 'binary', 'categorical']
    >>> encoder.layout_
    Layout(n_gaussian=1, n_bernoulli=2, group_sizes=(3,), missing=((0, 1),))
    >>> encoder.get_feature_names_out().tolist()
    ['price', 'price_missing', 'smoker_True', 'city_Lima', 'city_Oslo', 'city_Rome']
    >>> encoder.transform(X)[:3].round(2)
    array([[-0.52,  0.  ,  1.  ,  0.  ,  0.  ,  1.  ],
           [ 0.  ,  0.  ,  0.  ,  0.  ,  1.  ,  0.  ],
           [ 0.  ,  1.  ,  0.  ,  0.  ,  1.  ,  0.  ]], dtype=float32)
    >>> encoder.inverse_transform(encoder.transform(X)).equals(X)
    True
    >>> encoder.inverse_transform([[0.6, 0.2, 0.9, 0.3, 0.1, 0.6]])  # as a network would generate
       price  smoker  city
    0  30.75    True  Rome
    >>> encoder.set_params(handle_unknown="ignore").transform(X.replace("Rome", "Cuzco"))[0, 3:]
    array([0., 0., 0.], dtype=float32)
    """

    _parameter_constraints: ClassVar[dict] = {
        "categorical_features": ["array-like", StrOptions({"auto"}), None],
        "continuous": [StrOptions({"quantile", "standard"})],
        "max_discrete": [Interval(Integral, 2, None, closed="left")],
        "max_one_hot": [Interval(Integral, 2, None, closed="left")],
        "handle_unknown": [StrOptions({"error", "ignore"})],
    }

    def __init__(
        self,
        *,
        categorical_features: Any = "auto",
        continuous: str = "quantile",
        max_discrete: int = 12,
        max_one_hot: int = 64,
        handle_unknown: str = "error",
    ) -> None:
        self.categorical_features = categorical_features
        self.continuous = continuous
        self.max_discrete = max_discrete
        self.max_one_hot = max_one_hot
        self.handle_unknown = handle_unknown

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> TabularEncoder:
        """Learn the kind, the levels and the distribution of each column.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The table. NaN, None, NA and null are missing values; a sparse matrix is read column by
            column as if dense.
        y : array-like of shape (n_samples,), default=None
            Labels. They let atoms of small classes be found; more than 1000 distinct ones, and
            targets of two dimensions, are left aside.

        Returns
        -------
        TabularEncoder
            This object.

        Raises
        ------
        ValueError
            If `X` is empty, has two columns of one name or holds infinite or complex numbers, or if
            `categorical_features` names a column that it does not have.
        TypeError
            If a column holds dates, times, nested values or cells that are not hashable, or if `X`
            is a polars LazyFrame.
        """
        self._like = X[:0] if is_arrow(X) or isinstance(X, np.ma.MaskedArray) else None
        table, kind = self._read(X, reset=True)
        forced = self._named = self._forced(table)
        classes = _class_codes(y)
        self._labels = self._label(table)
        self._codecs = [
            fit_column(
                column,
                label,
                classes,
                forced=j in forced,
                continuous=self.continuous,
                max_discrete=self.max_discrete,
                max_one_hot=self.max_one_hot,
            )
            for j, (label, column) in enumerate(zip(self._labels, _columns(table), strict=True))
        ]
        self._blueprint = Blueprint(X if kind == "sparse" else table, kind)
        self.kinds_ = [codec.kind for codec in self._codecs]
        self._lay_out()
        return self

    def _read(self, X: Any, *, reset: bool) -> tuple[Any, str]:
        """Return the validated table and the kind of its container; frames stay as they are."""
        if is_arrow(X) or isinstance(X, np.ma.MaskedArray):
            X = data_array(X)
        kind = kind_of(X)
        if kind in ("pandas", "polars"):
            names = list(X.columns)
            if len(set(names)) < len(names):
                twice = sorted({str(name) for name in names if names.count(name) > 1})
                raise ValueError(
                    f"Column names must be unique, and {', '.join(twice)} occur more than once: "
                    "rename them."
                )
            validate_data(self, X, reset=reset, skip_check_array=True)
            for axis, what in enumerate(("sample", "feature")):
                if X.shape[axis] == 0:
                    raise ValueError(
                        f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is "
                        f"required by {type(self).__name__}."
                    )
            return X, kind
        refuse_lazy_frame(X)
        if kind == "list":
            if any(isinstance(row, np.ma.MaskedArray) or hasattr(row, "detach") for row in X):
                X = data_array(X)
            # A common dtype would turn [1, "a"] into strings and 1 into 1.0.
            X = np.array(X, dtype=object)
        X = validate_data(
            self, X, reset=reset, accept_sparse="csc", dtype=None, ensure_all_finite=False
        )
        if kind == "sparse" and not X.has_canonical_format:  # a cell may stand there in parts
            X = X.copy()
            X.sum_duplicates()
        return X, kind

    def _label(self, table: Any) -> list[str]:
        if hasattr(table, "columns"):
            return [repr(name) for name in table.columns]
        return [str(j) for j in range(table.shape[1])]

    def _forced(self, table: Any) -> set[int]:
        """Return the positions of the columns that `categorical_features` names."""
        chosen = self.categorical_features
        if chosen is None or isinstance(chosen, str):
            return set()
        n = table.shape[1]
        names = [name for name in getattr(table, "columns", ()) if isinstance(name, str)]
        known = f"columns {names}" if names else f"{n} columns, 0 to {n - 1}"
        chosen = list(chosen)
        if chosen and all(isinstance(item, (bool, np.bool_)) for item in chosen):
            if len(chosen) != n:
                raise ValueError(
                    f"categorical_features is a mask of {len(chosen)} entries and X has {known}: "
                    "give one entry a column."
                )
            return {j for j, flag in enumerate(chosen) if flag}
        position: dict[Any, int] = {
            name: j for j, name in enumerate(getattr(table, "columns", ())) if isinstance(name, str)
        }
        position.update((j, j) for j in range(n))
        unknown = [
            item for item in chosen if not isinstance(item, (str, Integral)) or item not in position
        ]
        if unknown:
            raise ValueError(
                f"categorical_features has {unknown}, but X has {known}: correct the names or "
                "indices."
            )
        return {position[item] for item in chosen}

    def _lay_out(self) -> None:
        """Give every column its spans: all gaussian, all Bernoulli, then all groups."""
        codecs = self._codecs
        n_gaussian = sum(codec.n_gaussian for codec in codecs)
        n_bernoulli = sum(codec.n_bernoulli for codec in codecs)
        gaussian, bernoulli, group = 0, n_gaussian, n_gaussian + n_bernoulli
        self.spans_, missing = [], []
        for codec in codecs:
            spans = []
            if codec.n_gaussian:
                spans.append(slice(gaussian, gaussian + 1))
                gaussian += 1
            if codec.n_bernoulli:
                spans.append(slice(bernoulli, bernoulli + 1))
                bernoulli += 1
            for size in codec.group_sizes:
                spans.append(slice(group, group + size))
                group += size
            self.spans_.append(tuple(spans))
            if isinstance(codec, NumberColumn):
                missing += [(spans[0].start, flag) for flag in codec.flags(self.spans_[-1])]
        sizes = tuple(size for codec in codecs for size in codec.group_sizes)
        self.layout_ = Layout(n_gaussian, n_bernoulli, sizes, tuple(missing))

    def transform(self, X: Any) -> np.ndarray:
        """Encode a table with the columns seen in fit.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Its container may be another than in fit; values are compared, not dtypes: True and 1
            are the same where fit saw one of the two kinds alone.

        Returns
        -------
        ndarray of shape (n_samples, width), float32
            Columns as `layout_` says. A new number in a column of few numbers counts as the nearest
            of these, a continuous one out of range as the nearest bound (with "quantile").

        Raises
        ------
        ValueError
            If the columns differ from those of fit, if one holds infinite numbers, or if one that
            was continuous holds no numbers. Unless `handle_unknown` is "ignore", also if one holds
            a level that it did not hold in fit, or a missing value where it had none.
        """
        check_is_fitted(self)
        table, _ = self._read(X, reset=False)
        ignore = self.handle_unknown == "ignore"
        out = np.zeros((table.shape[0], self.layout_.width), dtype=np.float32)
        for codec, spans, column in zip(self._codecs, self.spans_, _columns(table), strict=True):
            codec.encode(column, out, spans, ignore=ignore)
        return out

    def inverse_transform(self, X: Any) -> Any:
        """Decode an encoded matrix, or one that a network generated in its likeness.

        Parameters
        ----------
        X : array-like of shape (n_samples, width)
            Real numbers of any size: gaussian values, and probabilities or scores elsewhere.

        Returns
        -------
        ndarray, sparse matrix, DataFrame or list of shape (n_samples, n_features)
            The container, columns and dtypes of the fitted table; a frame has a fresh index.

        Raises
        ------
        ValueError
            If the width is not that of `layout_`, or if a value is NaN.
        """
        check_is_fitted(self)
        encoded = np.asarray(X)
        if encoded.dtype not in (np.float32, np.float64):
            encoded = encoded.astype(np.float32)
        width = self.layout_.width
        if encoded.ndim != 2 or encoded.shape[1] != width:
            raise ValueError(
                f"An encoded table has shape (n, {width}) here, got {encoded.shape}: pass what "
                "transform returns."
            )
        bad = np.isnan(encoded)
        if bad.any():
            raise ValueError(
                f"The encoded table has NaN in column {bad.any(axis=0).argmax()} of {width}, "
                "which stands for no value: look for a generator that diverged."
            )
        columns = (
            codec.decode(encoded, spans)
            for codec, spans in zip(self._codecs, self.spans_, strict=True)
        )
        return in_container(self._like, self._blueprint.build(columns, len(encoded)))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the encoded columns after the columns and levels that they stand for.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns; by default those seen in fit, or x0, x1, ... if there were none.

        Returns
        -------
        ndarray of shape (width,), object
        """
        check_is_fitted(self)
        names = np.empty(self.layout_.width, dtype=object)
        labels = _check_feature_names_in(self, input_features)
        for label, codec, spans in zip(labels, self._codecs, self.spans_, strict=True):
            for span, part in zip(spans, codec.names(label), strict=True):
                names[span] = part
        return names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _class_codes(y: Any) -> NDArray[np.intp] | None:
    """Return the class of each row, None where `y` holds no classes or too many to look at each."""
    labels = None if y is None else target_array(y)
    if labels is None or labels.ndim != 1:
        return None
    codes, keys = factorize(labels, "y", mixed=True)
    return codes if len(keys) <= MAX_CLASSES else None


def _columns(table: Any) -> Iterator[Any]:
    """Yield the columns of a validated table, dense."""
    n, width = table.shape
    if hasattr(table, "iloc"):
        yield from (column for _, column in table.items())
    elif hasattr(table, "columns"):
        yield from table.iter_columns()
    elif hasattr(table, "tocsc"):
        # Many at a time: tables of texts have 20 000 columns. By hand: scipy adds -0.0 up to 0.0.
        most = max(1, _CELLS // n)
        for start in range(0, width, most):
            ends = table.indptr[start : start + most + 1]
            stored = slice(ends[0], ends[-1])
            part = np.zeros((len(ends) - 1, n), table.dtype)
            part[np.arange(len(part)).repeat(np.diff(ends)), table.indices[stored]] = table.data[
                stored
            ]
            yield from part
    else:
        yield from table.T

"""Tables and images to float32 and back: exact inverses, whatever the container and the dtype."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

from imbdeep.encoding import ImageScaler, Layout, TabularEncoder

ESTIMATORS = [
    TabularEncoder(),
    TabularEncoder(continuous="standard"),
    TabularEncoder(handle_unknown="ignore"),
    ImageScaler(),
]


# This check itself shuffles the rows by numpy's global stream.
SHUFFLES = "check_methods_sample_order_invariance"


@pytest.mark.parametrize(
    "estimator, check",
    [
        pytest.param(
            *pair,
            marks=[pytest.mark.changes_global_state] * (pair[1].func.__name__ == SHUFFLES),
            id=f"{pair[0]}-{pair[1].func.__name__}",
        )
        for estimator in ESTIMATORS
        for pair in estimator_checks_generator(estimator)
    ],
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def rng_of(seed):
    return np.random.default_rng(seed)


def there_and_back(X, **params):
    encoder = TabularEncoder(**params).fit(X)
    encoded = encoder.transform(X)
    assert encoded.dtype == np.float32
    assert encoded.shape == (len(X) if isinstance(X, list) else X.shape[0], encoder.layout_.width)
    assert np.isfinite(encoded).all()
    return encoder, encoded, encoder.inverse_transform(encoded)


def noise(layout, n, seed=0):
    """What an untrained network could generate: normal values, random probabilities."""
    rng = rng_of(seed)
    E = rng.uniform(size=(n, layout.width))
    E[:, : layout.n_gaussian] = 2 * rng.normal(size=(n, layout.n_gaussian))
    return E


# ------------------------------------------------------------------- every dtype, random content

FLOATS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy": lambda rng, n: rng.standard_cauchy(n) ** 3,
    "cents": lambda rng, n: np.round(rng.gamma(2, 20, n), 2),
    "zeros": lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, rng.random(n)),
    "huge": lambda rng, n: rng.uniform(-1, 1, n) * 1.7e308,
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-30,
    "subnormal": lambda rng, n: rng.integers(-9, 9, n) * 5e-324,
    "shifted": lambda rng, n: 1e9 + rng.random(n) * 1e-3,
    "constant": lambda rng, n: np.full(n, 0.1),
    "two": lambda rng, n: rng.choice([0.3, -7.1], n),
}
WHOLE = {
    "small": lambda rng, n: rng.integers(0, 5, n),
    "wide": lambda rng, n: rng.integers(0, 120, n),
    "fives": lambda rng, n: 5 * rng.integers(1, 25, n),
}
WORDS = ["b", "a", "", "long word", "é", "1"]


def holes(values, mask, fill):
    return [fill if hole else value for value, hole in zip(values, mask, strict=True)]


def _category(values, mask, rng):
    never = max(values) + type(values[0])(1)  # an unused category: "...1" or one more
    categories = [*dict.fromkeys(values), never]
    dtype = pd.CategoricalDtype(categories, ordered=bool(rng.integers(2)))
    return pd.Series(pd.Categorical(holes(values, mask, None), dtype=dtype))


PANDAS = {
    "float64": lambda f, w, s, m, r: pd.Series(holes(f, m, np.nan)),
    "float32": lambda f, w, s, m, r: pd.Series(
        np.clip(holes(f, m, np.nan), -3e38, 3e38).astype(np.float32)
    ),
    "Float64": lambda f, w, s, m, r: pd.Series(holes(f, m, pd.NA), dtype="Float64"),
    "double[pyarrow]": lambda f, w, s, m, r: pd.Series(holes(f, m, None), dtype="double[pyarrow]"),
    "Sparse": lambda f, w, s, m, r: pd.Series(
        pd.arrays.SparseArray(holes(f, m, np.nan), fill_value=0.0)
    ),
    "int64": lambda f, w, s, m, r: pd.Series(w),
    "uint8": lambda f, w, s, m, r: pd.Series(w).astype(np.uint8),
    "Int64": lambda f, w, s, m, r: pd.Series(holes(w, m, pd.NA), dtype="Int64"),
    "int16[pyarrow]": lambda f, w, s, m, r: pd.Series(holes(w, m, None), dtype="int16[pyarrow]"),
    "object ints": lambda f, w, s, m, r: pd.Series(holes(w.tolist(), m, None), dtype=object),
    "object floats": lambda f, w, s, m, r: pd.Series(holes(f.tolist(), m, None), dtype=object),
    "bool": lambda f, w, s, m, r: pd.Series(w % 2 == 0),
    "boolean": lambda f, w, s, m, r: pd.Series(holes(w % 2 == 0, m, pd.NA), dtype="boolean"),
    "bool[pyarrow]": lambda f, w, s, m, r: pd.Series(
        holes((w % 2 == 0).tolist(), m, None), dtype="bool[pyarrow]"
    ),
    "category": lambda f, w, s, m, r: _category(s, m, r),
    "category of ints": lambda f, w, s, m, r: _category(w.tolist(), m, r),
    "object": lambda f, w, s, m, r: pd.Series(holes(s, m, None), dtype=object),
    "str": lambda f, w, s, m, r: pd.Series(holes(s, m, None), dtype="str"),
    "string": lambda f, w, s, m, r: pd.Series(holes(s, m, None), dtype="string"),
    "string[pyarrow]": lambda f, w, s, m, r: pd.Series(
        holes(s, m, None), dtype=pd.ArrowDtype(pa.string())
    ),
    "mixed": lambda f, w, s, m, r: pd.Series(
        holes(r.choice(np.array([1, True, "1", 1.0, b"1"], dtype=object), len(s)), m, np.nan),
        dtype=object,
    ),
}


def pandas_column(kind, floats, whole, n_words, hole_share, rng, n):
    f, w = FLOATS[floats](rng, n), WHOLE[whole](rng, n)
    words = [str(word) for word in rng.choice(WORDS[:n_words], n)]
    return PANDAS[kind](f, w, words, rng.random(n) < hole_share, rng)


@st.composite
def frames(draw):
    """A pandas frame of any dtypes, of one to forty rows, some twice, some cells missing."""
    rng = rng_of(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([1, 2, 3, 7, 40]))
    column = st.tuples(
        st.sampled_from(sorted(PANDAS)),
        st.sampled_from(sorted(FLOATS)),
        st.sampled_from(sorted(WHOLE)),
        st.integers(1, len(WORDS)),
        st.sampled_from([0.0, 0.3, 1.0]),
    )
    drawn = draw(st.lists(column, min_size=1, max_size=6))
    frame = pd.DataFrame({f"{c[0]} {i}": pandas_column(*c, rng, n) for i, c in enumerate(drawn)})
    return frame.iloc[rng.integers(0, n, n) if draw(st.booleans()) else np.arange(n)]


def cells(column):
    """The cells with their types, so that 1, 1.0 and True differ and None is not NaN."""
    return [(type(v), None if v is pd.NA or v != v else v) for v in column]


def assert_same(back, X):
    pd.testing.assert_frame_equal(back, X.reset_index(drop=True), check_exact=True)
    for name in X:
        # Numbers alone, 1 and 1.0 say, are a column of numbers, and equal is then enough.
        if X[name].dtype == object and set(map(type, X[name].dropna())) != {int, float}:
            assert cells(back[name]) == cells(X[name])


@pytest.mark.parametrize("hole_share", [0.0, 0.3])
@pytest.mark.parametrize("kind", PANDAS)
def test_every_pandas_dtype_comes_back_exactly(kind, hole_share):
    X = pandas_column(kind, "normal", "wide", 5, hole_share, rng_of(0), 60).to_frame("a")
    encoder, _, back = there_and_back(X)
    assert_same(back, X)
    numeric = "loat" in kind or "nt" in kind or kind in ("double[pyarrow]", "Sparse")
    is_continuous = encoder.kinds_ == ["continuous"]
    assert is_continuous == (numeric and not kind.startswith("category"))
    assert bool(encoder.layout_.missing) == (is_continuous and X["a"].isna().any())


@given(frames())
def test_any_pandas_frame_comes_back_exactly(X):
    assert_same(there_and_back(X)[2], X)


@given(frames(), st.sampled_from(["quantile", "standard"]))
def test_noise_decodes_inside_the_range_on_the_grid_and_to_seen_levels(X, continuous):
    encoder = TabularEncoder(continuous=continuous).fit(X)
    rows = encoder.inverse_transform(noise(encoder.layout_, 50))
    pd.testing.assert_series_equal(rows.dtypes, X.dtypes)
    for name, kind in zip(X, encoder.kinds_, strict=True):
        old, new = X[name].dropna(), rows[name].dropna()
        assert X[name].isna().any() or not rows[name].isna().any()
        if kind == "continuous":
            assert new.empty or old.min() <= new.min() <= new.max() <= old.max()
            if "int" in name:
                step = np.gcd.reduce(np.asarray(old - old.min(), dtype=np.int64))
                assert not np.any(np.asarray(new - old.min(), dtype=np.int64) % step)
        else:
            assert set(cells(new)) <= set(cells(old))


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(FLOATS)))
def test_standard_is_affine_and_its_inverse_stays_in_range(seed, name):
    x = FLOATS[name](rng_of(seed), 50)
    encoder, encoded, back = there_and_back(x[:, None], continuous="standard")
    if encoder.kinds_ == ["continuous"]:
        assert abs(encoded.mean()) < 1e-4
        assert encoded.std() == pytest.approx(1, rel=1e-4)
        if name != "heavy":
            np.testing.assert_allclose(back[:, 0] / 2, x / 2, rtol=0, atol=np.ptp(x / 2) * 1e-5)
    assert x.min() <= back.min() <= back.max() <= x.max()


# ----------------------------------------------------------------------------- other containers


def polars_frame(n=60):
    rng = rng_of(0)
    mask = rng.random(n) < 0.2
    words = rng.choice(["x", "y", "z"], n).tolist()
    floats = rng.normal(size=n)
    both = holes(
        holes(rng.choice([1.5, 2.5, 3.5], n).tolist(), rng.random(n) < 0.2, None), mask, np.nan
    )
    columns = {
        "Int8": pl.Series(rng.integers(-100, 100, n), dtype=pl.Int8),
        "UInt32": pl.Series(holes(rng.integers(0, 1000, n).tolist(), mask, None), dtype=pl.UInt32),
        "Float32": pl.Series(floats, dtype=pl.Float32),
        "Float64": pl.Series(holes(floats, mask, None), dtype=pl.Float64),
        "nan": pl.Series(holes(floats, mask, np.nan), dtype=pl.Float64),
        "null and nan": pl.Series(both, dtype=pl.Float64),
        "Boolean": pl.Series(holes((floats > 0).tolist(), mask, None), dtype=pl.Boolean),
        "String": pl.Series(holes(words, mask, None), dtype=pl.String),
        "Categorical": pl.Series(words, dtype=pl.Categorical),
        "Enum": pl.Series(words, dtype=pl.Enum(["z", "never", "y", "x"])),
        "Null": pl.Series([None] * n),
    }
    return pl.DataFrame(columns)


def test_polars_comes_back_with_its_schema():
    X = polars_frame()
    forced = {"categorical_features": ["null and nan", "Int8"]}
    encoder, encoded, back = there_and_back(X, **forced)
    assert back.schema == X.schema
    assert back.equals(X, null_equal=True)
    assert encoder.kinds_[:2] == ["categorical", "continuous"]
    rows = encoder.inverse_transform(noise(encoder.layout_, 300))
    assert rows.schema == X.schema
    assert rows["UInt32"].null_count() > 0
    assert rows["nan"].is_nan().any()
    assert rows["nan"].null_count() == 0
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(encoder)).transform(X), encoded)


@pytest.mark.parametrize("cells", [1, 100, 2**20])
@pytest.mark.parametrize("dtype", [float, np.float32, np.int64, np.uint8, bool])
def test_sparse_is_read_as_dense(monkeypatch, dtype, cells):
    """Explicit and negative zeros, missing values, and columns read some at a time."""
    monkeypatch.setattr("imbdeep.encoding._tabular._CELLS", cells)
    X = sp.random(40, 30, 0.3, format="csc", random_state=0)
    X.data = np.ceil(3 * X.data)
    X.data[::5] = 0
    X = X.astype(dtype)
    if X.dtype.kind == "f":
        X.data[1::5], X.data[2::9] = -0.0, np.nan
    dense = np.zeros(X.shape, dtype)
    dense[X.indices, np.repeat(np.arange(30), np.diff(X.indptr))] = X.data
    encoded = TabularEncoder().fit_transform(X.tocsr())
    encoder = TabularEncoder().fit(dense)
    np.testing.assert_array_equal(encoded, encoder.transform(dense))
    np.testing.assert_array_equal(encoded, encoder.transform(X))
    back = encoder.inverse_transform(encoded)
    np.testing.assert_array_equal(back, dense)


@pytest.mark.parametrize("max_one_hot", [2, 5, 6, 64])
def test_numbers_are_the_same_levels_in_any_dtype(max_one_hot):
    """Numbers in the dtype of fit are found at once; others level by level."""
    X = np.repeat([5.0, 1.0, 2.0, 9.0, 4.0, np.nan], [30, 4, 20, 5, 6, 9])[:, None]
    encoder = TabularEncoder(max_one_hot=max_one_hot).fit(X)
    new = X[:65]  # without missing values
    expected = encoder.transform(X)[:65]
    for table in (new, new.astype(np.float32), new.astype(int), new.astype(object), new.tolist()):
        np.testing.assert_array_equal(encoder.transform(table), expected)
    np.testing.assert_array_equal(encoder.transform([[8.7]]), encoder.transform([[9.0]]))


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array, sp.coo_array, sp.lil_matrix])
def test_sparse_comes_back_sparse(kind):
    rng = rng_of(1)
    dense = np.where(rng.random((80, 3)) < 0.7, 0.0, rng.normal(size=(80, 3))).astype(np.float32)
    _, encoded, back = there_and_back(kind(dense))
    assert type(back) is kind
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back.toarray(), dense)
    np.testing.assert_array_equal(encoded, TabularEncoder().fit_transform(dense))


@pytest.mark.parametrize("dtype", ["i1", "u2", "i8", "u8", "f2", "f4", ">f8", "g", "?", "U3", "S3"])
def test_arrays_come_back_in_their_dtype(dtype):
    X = rng_of(2).integers(0, 100, (50, 2)).astype(dtype)
    X[:, 1] = X[0, 1]
    encoder, _, back = there_and_back(X)
    assert back.dtype == X.dtype
    np.testing.assert_array_equal(back, X)
    assert encoder.spans_[1] == ()
    assert encoder.kinds_[1] == "constant"


def test_lists_come_back_as_lists_of_python_values():
    X = [[i % 7, i / 8, "ab"[i % 2], i % 3 == 0, None if i == 4 else 10 * i] for i in range(50)]
    encoder, _, back = there_and_back(X)
    assert encoder.kinds_ == ["discrete", "continuous", "binary", "binary", "continuous"]
    assert back == X
    assert [list(map(type, row)) for row in back] == [list(map(type, row)) for row in X]
    assert {
        row[4] % 10 for row in encoder.inverse_transform(noise(encoder.layout_, 99)) if row[4]
    } == {0}


def test_columns_without_string_names_and_new_containers_for_a_fitted_encoder():
    X = pd.DataFrame({3: pd.Categorical([1, 2, 3] * 9), 1: np.arange(27) / 4}, index=range(5, 32))
    encoder, encoded, back = there_and_back(X)
    pd.testing.assert_frame_equal(back, X.reset_index(drop=True))
    array = np.column_stack([X[3].astype(int), X[1]])
    for other in (array, array.astype(object), array.tolist(), sp.csr_array(array)):
        np.testing.assert_array_equal(encoder.transform(other), encoded)


def test_any_missing_marker_is_the_missing_level():
    X = np.array([["a"], ["b"], [None], ["a"]], dtype=object)
    encoder = TabularEncoder().fit(X)
    other = np.array([["a"], ["b"], [np.nan], ["a"]], dtype=object)
    np.testing.assert_array_equal(encoder.transform(other), encoder.transform(X))
    assert encoder.inverse_transform(encoder.transform(other))[2, 0] is None
    two = np.array([["a"], [np.nan], [None], ["a"]], dtype=object)
    assert there_and_back(two)[2][1:3, 0].tolist() == [pytest.approx(np.nan, nan_ok=True), None]


# ---------------------------------------------------------------------------- kinds and layout


def test_layout_kinds_spans_and_names():
    n = 90
    X = pd.DataFrame(
        {
            "city": np.array(["a", "b", "c"])[np.arange(n) % 3],
            "flag": np.arange(n) % 2 == 0,
            "size": np.where(np.arange(n) % 9 == 0, np.nan, np.arange(n) / 7),
            "none": 1,
            "rank": np.arange(n) % 12,
            "months": np.arange(n) % 13,
            "id": np.arange(n).astype(str),
        }
    )
    encoder, encoded, _ = there_and_back(X)
    assert encoder.kinds_ == [
        *("categorical", "binary", "continuous", "constant", "discrete", "continuous"),
        "categorical",
    ]
    layout = Layout(2, 2, (3, 12, 10, 10), ((0, 3),))
    assert encoder.layout_ == layout
    assert hash(encoder.layout_) == hash(pickle.loads(pickle.dumps(layout)))
    assert encoder.spans_ == [
        (slice(4, 7),),
        (slice(2, 3),),
        (slice(0, 1), slice(3, 4)),
        (),
        (slice(7, 19),),
        (slice(1, 2),),
        (slice(19, 29), slice(29, 39)),
    ]
    names = encoder.get_feature_names_out()
    assert names[:9].tolist() == [
        *("size", "months", "flag_True", "size_missing"),
        *("city_a", "city_b", "city_c", "rank_0", "rank_1"),
    ]
    assert names[[19, 38]].tolist() == ["id_digit0_0", "id_digit1_9"]
    assert len(set(names)) == layout.width
    assert set(np.unique(encoded[:, 2:])) == {0, 1}
    assert np.all(encoded[encoded[:, 3] == 1, 0] == 0)
    start = 4
    for size in layout.group_sizes:
        np.testing.assert_array_equal(encoded[:, start : start + size].sum(axis=1), 1)
        start += size
    assert clone(encoder).set_output(transform="pandas").fit_transform(X).columns.tolist() == list(
        names
    )


@pytest.mark.parametrize(
    "chosen", [["b", "c"], [1, 2], np.array([1, 2]), [False, True, True], np.array([0, 1, 1], bool)]
)
def test_categorical_features_adds_to_what_is_found(chosen):
    X = pd.DataFrame({c: np.arange(40) * 3 % 37 + 0.5 for c in "abc"})
    assert TabularEncoder(categorical_features=chosen).fit(X).kinds_ == [
        *("continuous", "categorical", "categorical")
    ]
    assert TabularEncoder(categorical_features=None).fit(X).kinds_ == ["continuous"] * 3


@pytest.mark.parametrize("n_levels, max_one_hot, sizes", [
    (2, 64, ()), (64, 64, (64,)), (65, 64, (9, 9)), (4096, 64, (64, 64)), (4097, 64, (17,) * 3),
    (50_000, 64, (37,) * 3), (9, 2, (2,) * 4), (8, 2, (2,) * 3), (125, 5, (5,) * 3),
])  # fmt: skip
def test_many_levels_become_few_digits(n_levels, max_one_hot, sizes):
    levels = np.array([f"id{i}" for i in rng_of(0).permutation(n_levels)], dtype=object)
    X = np.concatenate([levels, levels[-3:]])[:, None]
    encoder, _, back = there_and_back(X, max_one_hot=max_one_hot)
    assert encoder.layout_.group_sizes == sizes
    np.testing.assert_array_equal(back, X)
    decoded = encoder.inverse_transform(noise(encoder.layout_, 500))
    assert set(decoded[:, 0]) <= set(levels)
    if len(sizes) > 1:  # ranked by frequency, then first occurrence; ranks too large wrap around
        ranked = [*levels[-3:], *levels[:-3]]
        ends = np.zeros((2, sum(sizes)))
        ends[0, np.cumsum((0, *sizes[:-1]))] = 1
        ends[1, np.cumsum(sizes) - 1] = 1
        last = (sizes[0] ** len(sizes) - 1) % n_levels
        assert encoder.inverse_transform(ends)[:, 0].tolist() == [ranked[0], ranked[last]]


# ------------------------------------------------------------------------------ numeric columns


def test_quantile_makes_a_column_standard_normal():
    x = np.exp(3 * rng_of(0).normal(size=5000))
    _, encoded, back = there_and_back(x[:, None])
    z = np.sort(encoded[:, 0])
    assert np.abs(z - np.sort(np.log(x) / 3))[250:-250].max() < 0.1
    assert (
        3.7 < np.abs(z).max() < 3.72
    )  # the ends, at a probability of 1e-4, as a prior reaches them
    # Exact on the knots; elsewhere to 1e-4 of the gap between the two knots around.
    knots = np.sort(x)[np.rint(np.linspace(0, 4999, 1000)).astype(int)]
    np.testing.assert_array_equal(back[np.isin(x, knots), 0], x[np.isin(x, knots)])
    j = np.clip(np.searchsorted(knots, x), 1, 999)
    assert np.all(np.abs(back[:, 0] - x) <= 1.01e-4 * (knots[j] - knots[j - 1]))


@pytest.mark.parametrize("low", [0.0, -1.0, -0.5], ids=["lower end", "upper end", "middle"])
@pytest.mark.parametrize("n", [200, 250_000])
def test_an_atom_owns_its_share_of_the_normal_distribution(low, n):
    rng = rng_of(0)
    x = np.where(rng.random(n) < 0.6, 0.0, rng.uniform(low, low + 1, n))
    encoder, encoded, back = there_and_back(x[:, None])
    assert encoder.layout_ == Layout(1, 1, (), ((0, 1),))
    np.testing.assert_array_equal(encoded[x == 0], [[0, 1]] * (x == 0).sum())
    np.testing.assert_array_equal(back[x == 0], 0)
    # The others have the whole normal distribution to themselves.
    assert abs(encoded[x != 0, 0].mean()) < 0.02
    assert encoded[x != 0, 0].std() == pytest.approx(1, abs=0.05)
    assert not (encoder.inverse_transform([[z, 0.4] for z in rng.normal(size=1000)]) == 0).any()


@pytest.mark.parametrize("continuous", ["quantile", "standard"])
def test_a_tied_value_owns_its_share_of_the_normal_distribution(continuous):
    rng = rng_of(0)
    x = np.arange(20.0).repeat(rng.integers(100, 400, 20))
    encoder = TabularEncoder(continuous=continuous).fit(x[:, None])
    assert encoder.layout_.width == 1
    decoded = encoder.inverse_transform(rng.normal(size=(20_000, 1)))[:, 0]
    if continuous == "quantile":
        for value in range(20):
            assert np.mean(decoded == value) == pytest.approx(np.mean(x == value), abs=0.015)
    assert np.isin(decoded, x).all()


@pytest.mark.parametrize("step", [1e-6, 0.01, 0.1, 0.25, 0.125, 1.0, 5.0, 100.0, 3e5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("continuous", ["quantile", "standard"])
def test_decoded_numbers_lie_on_the_grid(step, dtype, continuous):
    whole = rng_of(0).integers(-50, 200, 3000)
    digits = max(0, int(np.ceil(-np.log10(step)))) + 2 * (step in (0.25, 0.125))
    grid = np.array([round(k * step + 2 * step, digits) for k in range(-50, 200)], dtype=dtype)
    X = grid[whole + 50][:, None]
    encoder, _, back = there_and_back(X, continuous=continuous)
    np.testing.assert_array_equal(back, X)
    decoded = encoder.inverse_transform(noise(encoder.layout_, 3000))
    assert decoded.dtype == dtype
    assert np.isin(decoded, grid).all()
    assert len(np.unique(decoded)) > 100


def test_scales_far_apart_share_a_table_without_warning():
    rng = rng_of(3)
    X = rng.normal(size=(500, 5)) * np.array([1e30, 1e-30, 1.7e307, 1e-310, 1.0])
    X[0] = [1e30, 0, 1.7e308, 5e-324, -1e9]
    for continuous in ("quantile", "standard"):
        encoder, encoded, back = there_and_back(X, continuous=continuous)
        if continuous == "quantile":
            np.testing.assert_array_equal(back, X)
        assert np.all(np.ptp(encoded, axis=0) > 1)
        beyond = encoder.transform(np.full((1, 5), 1.7e308))
        top = encoder.inverse_transform(beyond)[0]
        np.testing.assert_allclose(top, X.max(axis=0), rtol=0 if continuous == "quantile" else 1e-6)
        ends = encoder.inverse_transform(np.array([[-np.inf], [np.inf]]) * np.ones(5))
        np.testing.assert_array_equal(ends, [X.min(axis=0), X.max(axis=0)])


def test_a_new_number_counts_as_the_nearest_known_one():
    X = np.column_stack(
        [np.arange(60) % 4, np.arange(60) % 2, np.zeros(60), np.linspace(0, 1, 60) ** 2]
    )
    encoder = TabularEncoder().fit(X)
    encoded = encoder.transform([[9.0, 0.8, 7.0, 5.0], [1.2, -3.0, 0.0, -1.0]])
    np.testing.assert_array_equal(encoder.inverse_transform(encoded), [[3, 1, 0, 1], [1, 0, 0, 0]])


def test_long_columns_keep_their_ends_and_their_rare_values():
    x = rng_of(0).normal(size=(300_000, 1))
    x[[0, 7]] = [[-50.0], [60.0]]
    encoder = TabularEncoder().fit(x)
    ends = encoder.inverse_transform(np.array([[-6.0], [6.0]]))
    np.testing.assert_array_equal(ends, [[-50.0], [60.0]])
    sorted_codes = np.sort(rng_of(0).integers(0, 40, 100_000))[:, None]
    assert TabularEncoder().fit(sorted_codes).kinds_ == ["continuous"]


# --------------------------------------------------------------------------------------- errors


def frame(**columns):
    return pd.DataFrame({"fine": [1.5, 2.5, 3.5], **columns})


INT128 = getattr(pl, "Int128", pl.Decimal(9))  # not in the oldest polars


@pytest.mark.parametrize("X, error, match", [
    (frame(a=[1, np.inf, 2]), ValueError, "'a' contains infinity.*replace"),
    (np.array([[1.0], [np.longdouble("1e4000")]]), ValueError, "Column 0 contains infinity"),
    (frame(a=[1j, 2, 3]), ValueError, "Complex data not supported: column 'a'"),
    (frame(a=pd.Series([1j, "b", 3], dtype=object)), ValueError, "not supported: column 'a'"),
    (frame(a=pd.to_datetime(["2020"] * 3)), TypeError, "'a' holds dates.*seconds since an epoch"),
    (frame(a=pd.period_range("2020", periods=3, freq="M").astype(object)), TypeError, "'a' holds"),
    (frame(a=pd.Series([1, 2, 3], dtype="date32[pyarrow]")), TypeError, "'a' holds dates"),
    (np.array([["2020"]], dtype="M8[D]"), TypeError, "Column 0 holds dates"),
    (frame(a=[[1], [2], [3]]), TypeError, "'a' holds cells that cannot be categories.*list"),
    (frame(a=pd.Series([1, 10**400, 2], dtype=object)), ValueError, "'a' holds an integer beyond"),
    (pl.DataFrame({"a": [[1], [2]]}), TypeError, "'a' has dtype List.*unnest"),
    (pl.DataFrame({"a": pl.Series([1]).cast(pl.Int128)}), TypeError, "cast it"),
    (pl.DataFrame({"a": pl.Series([1], dtype=INT128)}), TypeError, "dtype (Int128|Decimal)"),
    (pl.DataFrame({"a": pl.Series([1]).cast(pl.Date)}), TypeError, "'a' holds dates"),
    (pl.DataFrame({"a": [1.0, float("inf")]}), ValueError, "'a' contains infinity"),
    (pl.DataFrame({"a": [1]}).lazy(), TypeError, r"LazyFrame.*\.collect\(\)"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, "names must be unique, and a occur"),
    (frame().iloc[:0], ValueError, r"0 sample\(s\) \(shape=\(0, 1\)\) while a minimum of 1"),
    (frame()[[]], ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\)"),
    (np.zeros((0, 2)), ValueError, r"0 sample\(s\)"),
    (np.zeros(3), ValueError, "Expected 2D array"),
])  # fmt: skip
def test_fit_refuses(X, error, match):
    with pytest.raises(error, match=match):
        TabularEncoder().fit(X)


@pytest.mark.parametrize("chosen, match", [
    (["b", "zz"], r"\['zz'\], but X has columns \['a', 'b'\]"),
    ([2], r"\[2\], but X has columns \['a', 'b'\]"),
    ([-1], r"\[-1\], but"),
    ([["a"]], r"\[\['a'\]\], but"),
    ([True], "mask of 1 entries"),
])  # fmt: skip
def test_unknown_categorical_features(chosen, match):
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    with pytest.raises(ValueError, match=match):
        TabularEncoder(categorical_features=chosen).fit(X)
    with pytest.raises(ValueError, match="but X has 2 columns, 0 to 1"):
        TabularEncoder(categorical_features=["a"]).fit(X.to_numpy())


def test_transform_refuses_what_fit_did_not_see():
    n = 40
    X = pd.DataFrame({
        "s": np.array(["a", "b", "c"])[np.arange(n) % 3], "x": np.arange(n) / 3,
        "f": np.arange(n) / 3, "many": [f"m{i}" for i in range(n)], "empty": np.full(n, np.nan),
    })  # fmt: skip
    encoder = TabularEncoder(categorical_features=["f"]).fit(X)
    for name, value, match in [
        ("s", "new", r"'s' holds the value 'new'.*\(known: a, b, c\)"),
        ("s", None, "'s' holds the value 'missing'"),
        ("many", "new", r"'many' .*\(known: m0, m1, m10, m11, m12, \.\.\.\)"),
        ("f", 0.5, "'f' holds the value '0.5'"),
        ("empty", 0.5, "'empty' holds the value '0.5'.*known: missing"),
        ("x", np.nan, "'x' has 1 missing values and had none in fit"),
    ]:
        other = X.copy()
        other.loc[3, name] = value
        with pytest.raises(ValueError, match=match):
            encoder.transform(other)
    with pytest.raises(ValueError, match="'x' held numbers in fit"):
        encoder.transform(X.assign(x="1"))
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(X[X.columns[::-1]])
    with pytest.raises(ValueError, match="X has 3 features, but TabularEncoder is expecting 2"):
        TabularEncoder().fit(np.ones((3, 2))).transform(np.ones((3, 3)))


def test_inverse_transform_refuses_other_widths_and_nan():
    encoder = TabularEncoder()
    with pytest.raises(NotFittedError):
        encoder.inverse_transform([[0.0]])
    encoder.fit([[1.5], [2.5], [3.25]])
    for E in ([[1.0, 2.0]], [1.0]):
        with pytest.raises(ValueError, match=r"shape \(n, 1\) here, got"):
            encoder.inverse_transform(E)
    with pytest.raises(ValueError, match=r"NaN in column 0 of 1.*diverged"):
        encoder.inverse_transform([[np.nan]])
    assert encoder.inverse_transform(np.array([[0]])) == [[2.5]]


# --------------------------------------------------------------------------------------- images


@given(st.integers(0, 2**32 - 1), st.sampled_from([(4, 3, 5, 5), (7, 30)]))
def test_bytes_come_back_exactly(seed, shape):
    X = rng_of(seed).integers(100, 200, shape).astype(np.uint8)
    scaler = ImageScaler().fit(X)
    scaled = scaler.transform(X)
    assert (scaler.data_min_, scaler.data_max_, scaler.dtype_) == (0, 255, np.uint8)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, X / 255, rtol=1e-6)
    back = scaler.inverse_transform(scaled)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, X)
    wild = scaler.inverse_transform(3 * rng_of(seed).normal(size=shape))
    assert {0, 255} <= set(wild.ravel()) or wild.size < 50


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i2", "u2", "i8", "?"])
def test_images_of_other_dtypes(dtype):
    X = rng_of(0).integers(0, 2 if dtype == "?" else 1000, (6, 1, 4, 4)).astype(dtype)
    scaler = ImageScaler().fit(X)
    scaled = scaler.transform(X)
    assert (scaled.min(), scaled.max()) == (0, 1)
    back = scaler.inverse_transform(scaled)
    assert back.dtype == X.dtype
    np.testing.assert_allclose(
        back.astype(float), X.astype(float), rtol=1e-3 if dtype == "f2" else 1e-5
    )
    wild = scaler.inverse_transform(np.array([[-9.0, 9.0, 0.5]]))
    np.testing.assert_array_equal(wild[0, :2], [X.min(), X.max()])


@pytest.mark.parametrize("scale", [1.7e308, 1e-310, 1.0])
def test_images_of_any_scale_in_blocks(scale, monkeypatch):
    monkeypatch.setattr("imbdeep.encoding._image.BLOCK", 40)
    X = scale * rng_of(0).uniform(-1, 1, (9, 1, 4, 4))
    scaler = ImageScaler().fit(X)
    back = scaler.inverse_transform(scaler.transform(X))
    np.testing.assert_allclose(back / scale, X / scale, atol=1e-6)
    beyond = scaler.transform(np.full((1, 1, 4, 4), 1.7e308))
    np.testing.assert_array_equal(beyond, 1)


@pytest.mark.parametrize("value", [0.0, -3.5, 1e300])
def test_constant_images(value):
    X = np.full((2, 1, 3, 3), value)
    scaler = ImageScaler().fit(X)
    np.testing.assert_array_equal(scaler.transform(X), 0)
    np.testing.assert_array_equal(scaler.inverse_transform(rng_of(0).random(X.shape)), X)


def test_value_range():
    X = np.array([[0.25, 0.5]])
    scaler = ImageScaler(value_range=(-1, 1)).fit(X)
    np.testing.assert_allclose(scaler.transform(X), [[0.625, 0.75]])
    np.testing.assert_array_equal(scaler.inverse_transform([[-1.0, 2.0]]), [[-1, 1]])
    for value_range in [(1, 0), (0, np.inf), (0, 1, 2)]:
        with pytest.raises(ValueError, match="value_range must be two finite numbers"):
            ImageScaler(value_range=value_range).fit(X)
    wide = ImageScaler(value_range=(-9.5, 300)).fit(np.array([[3, 200]], dtype=np.uint8))
    np.testing.assert_array_equal(wide.inverse_transform([[-1.0, 2.0]]), [[0, 255]])
    with pytest.raises(ValueError, match=r"run from 0.25 to 0.5, outside value_range=\(0, 0.4\)"):
        ImageScaler(value_range=(0, 0.4)).fit(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_images_must_be_finite(bad):
    X = np.ones((2, 1, 2, 2))
    scaler = ImageScaler().fit(X)
    X[1, 0, 1, 1] = bad
    for method in (scaler.fit, scaler.transform):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            method(X)
    with pytest.raises(ValueError, match="The scaled images have NaN"):
        scaler.inverse_transform(np.array([[np.nan]]))

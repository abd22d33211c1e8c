"""From the user's container to the network and back, whatever the method in between."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context

from imbdeep.encoding import TabularEncoder
from imbdeep.over_sampling import MGVAESampler, base
from imbdeep.over_sampling.base import DeepOverSampler

N, N_MAJORITY = 40, 30
Y = np.r_[np.zeros(N_MAJORITY, int), np.ones(N - N_MAJORITY, int)]
A = np.random.default_rng(0).normal(size=(N, 3))
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 6, 6), dtype=np.uint8)
COUNTER = np.arange(N)
#: Rows as the method makes them, not filtered.
PLAIN = {"row_filter": None, "random_state": 0}


def quick(**params):
    """The sampler with next to no training: what it learns is no matter here."""
    few = {"pretrain_steps": 2, "finetune_steps": 2, "hidden_layer_sizes": (8,), "latent_dim": 2}
    return MGVAESampler(**{**few, **PLAIN, "device": "cpu", **params})


class Resampling(DeepOverSampler):
    """The shortest method: hands out the rows that it was given."""

    trains = True

    def _fit_generator(self, x, y, *, shape, n_new, **rest):
        assert self.trains, "it trained first"
        self.given, self.asked = (x, y, shape, n_new), []

    def _generate(self, code, n):
        self.asked.append((code, n))
        rows = self.given[0][self.given[1] == code]
        return rows[torch.arange(n) % len(rows)]


# ------------------------------------------------------------------------------ the two hooks


def test_method_gets_float32_rows_and_class_codes_and_gives_rows_back():
    labels = np.array(["b", "a"])[Y]
    sampler = Resampling(**PLAIN)
    X_res, y_res = sampler.fit_resample(A, labels)
    x, codes, shape, n_new = sampler.given
    assert (x.dtype, codes.dtype) == (torch.float32, torch.int64)
    assert (x.shape, shape, n_new) == (A.shape, (3,), {0: 20})
    assert codes.tolist() == (1 - Y).tolist()  # in the order of the sorted labels
    assert sampler.asked == [(0, 20)]
    np.testing.assert_allclose(X_res[N:], np.tile(A[Y == 1], (2, 1)), rtol=1e-6)
    assert (y_res[N:] == "a").all()
    assert sampler.classes_.tolist() == ["a", "b"]
    assert sampler.class_counts_.tolist() == [10, 30]


def test_method_gets_images_in_their_shape():
    for X, hint in [(IMAGES, {}), (IMAGES.reshape(N, -1), {"image_shape": (1, 6, 6)})]:
        sampler = Resampling(**PLAIN, **hint)
        sampler.fit_resample(X, Y)
        x, _, shape, _ = sampler.given
        assert (x.shape, shape) == ((N, 36), (1, 6, 6))
        assert (x.min(), x.max()) == (0, 1)


@pytest.mark.parametrize("kind", [list, iter, lambda parts: torch.cat(list(parts))])
def test_method_may_give_its_rows_in_parts_of_any_kind(kind):
    class InParts(Resampling):
        def _generate(self, code, n):
            return kind([super(InParts, self)._generate(code, 3) for _ in range(n // 3 + 1)][:7])

    X_res, _ = InParts(**PLAIN, sampling_strategy={1: 31}).fit_resample(A, Y)
    np.testing.assert_allclose(X_res[N:], np.tile(A[Y == 1][:3], (7, 1)), rtol=1e-6)
    with pytest.raises(RuntimeError, match="InParts made 21 rows instead of 25"):
        InParts(**PLAIN, sampling_strategy={1: 35}).fit_resample(A, Y)


def test_many_new_rows_are_decoded_some_at_a_time(monkeypatch):
    sizes = []
    decode = TabularEncoder.inverse_transform

    def spied(encoder, x):
        sizes.append(len(x))
        return decode(encoder, x)

    monkeypatch.setattr(TabularEncoder, "inverse_transform", spied)
    monkeypatch.setattr(base, "_CHUNK", 7)
    X_res, y_res = Resampling(**PLAIN).fit_resample(A, Y)
    assert sizes == [7, 7, 6]
    np.testing.assert_allclose(X_res[N:], np.tile(A[Y == 1], (2, 1)), rtol=1e-6)
    assert len(y_res) == 2 * N_MAJORITY


# -------------------------------------------------------------- originals first, and unchanged

DTYPES = ["f2", "f4", "f8", "g", ">f4", ">f8", "i1", "i8", ">i4", "u1", "u8", "?", "O", "U"]


def table_of(dtype):
    if dtype == "?":
        return A > 0
    numbers = np.round(np.abs(A) * 20) if np.dtype(dtype).kind in "iuU" else A
    return numbers.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_array_keeps_dtype_and_original_rows(dtype):
    X = table_of(dtype)
    before = X.copy()
    X_res, y_res = quick().fit_resample(X, Y)
    assert type(X_res) is np.ndarray
    assert X_res.dtype == X.dtype
    assert X_res.shape == (2 * N_MAJORITY, 3)
    np.testing.assert_array_equal(X_res[:N], before)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(y_res, np.r_[Y, np.ones(20)])
    if np.dtype(dtype).kind in "fiu":
        assert np.isfinite(X_res).all()
        assert (X_res >= X.min(axis=0)).all()
        assert (X_res <= X.max(axis=0)).all()


@pytest.mark.parametrize("dtype", ["f4", "i8"])
@pytest.mark.parametrize(
    "layout",
    [
        lambda X: X[::-1].copy()[::-1],  # negative strides
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],  # gaps
    ],
    ids=["reversed", "fortran", "strided"],
)
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame], ids=["array", "frame"])
def test_memory_layout_does_not_matter(dtype, layout, container):
    X = table_of(dtype)
    plain, _ = quick().fit_resample(X, Y)
    other, _ = quick().fit_resample(container(layout(X)), layout(Y[:, None])[:, 0])
    np.testing.assert_array_equal(plain, other)


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


@pytest.mark.parametrize("X", [A, A.astype("f4"), IMAGES, IMAGES / np.float32(255)], ids=repr)
def test_read_only_arrays_are_read_only_read(X):
    X_res, _ = quick().fit_resample(read_only(X), read_only(Y))
    np.testing.assert_array_equal(X_res[:N], X)
    rows = quick()
    rows.fit_resample(X, Y)
    assert len(rows.translate(read_only(X[:3]), 1)) == 3


@pytest.mark.parametrize("interface", ["sparray", "spmatrix"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "?"])
@pytest.mark.parametrize(
    "kind",
    [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix, sp.csc_matrix, sp.coo_matrix],
    ids=lambda kind: kind.__name__,
)
def test_sparse_container_comes_back(kind, dtype, interface):
    X = kind((A * (A > 0) * 20).astype(dtype))
    with config_context(sparse_interface=interface):
        X_res, _ = quick().fit_resample(X, Y)
    assert type(X_res) is kind
    assert X_res.dtype == X.dtype
    np.testing.assert_array_equal(X_res.toarray()[:N], X.toarray())
    plain, _ = quick().fit_resample(X.toarray(), Y)
    np.testing.assert_array_equal(X_res.toarray(), plain)


@pytest.mark.parametrize(
    "dtype",
    [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int32, torch.uint8],
    ids=str,
)
def test_tensor_comes_back_in_its_dtype(dtype):
    X = torch.tensor(np.abs(A) * 20).to(dtype)
    X_res, y_res = quick().fit_resample(X, torch.tensor(Y))
    assert X_res.dtype == dtype
    assert y_res.dtype == torch.int64
    assert torch.equal(X_res[:N], X)
    assert torch.isfinite(X_res).all()
    assert (X_res >= X.amin(0)).all()
    assert (X_res <= X.amax(0)).all()
    assert y_res.bincount().tolist() == [N_MAJORITY, N_MAJORITY]


def test_tensor_that_requires_a_gradient():
    X = torch.tensor(A, requires_grad=True)
    X_res, _ = quick().fit_resample(X, Y)
    X_res[:N].sum().backward()
    assert torch.equal(X.grad, torch.ones_like(X))
    assert torch.equal(X_res[:N].detach(), X.detach())


# ----------------------------------------------------------------------------------- data frames


def pandas_columns():
    third, seventh = COUNTER % 3 == 0, COUNTER % 7 == 0
    words = np.array([f"s{i % 5}" for i in range(N)], dtype=object)
    return {
        "float32": A[:, 0].astype("f4"),
        "holes": np.where(third, np.nan, A[:, 1]),
        "int64": COUNTER * 3,
        "uint8": (COUNTER * 5).astype("u1"),
        "small": COUNTER % 4,
        "bool": third,
        "Int64": pd.array(np.where(seventh, None, COUNTER), dtype="Int64"),
        "Int8": pd.array(COUNTER, dtype="Int8"),
        "boolean": pd.array(np.where(seventh, None, third), dtype="boolean"),
        "Float64": pd.array(np.where(seventh, None, COUNTER / 7), dtype="Float64"),
        "category": pd.Categorical(words, categories=["s4", "s3", "s2", "s1", "s0", "never"]),
        "ordered": pd.Categorical(COUNTER % 3, ordered=True),
        "category of holes": pd.Categorical(np.where(third, None, words)),
        "object": np.where(third, None, words),
        "str": pd.array(words, dtype="str"),
        "string": pd.array(np.where(third, None, words), dtype="string"),
        "arrow": pd.array(np.where(third, None, COUNTER), dtype="int64[pyarrow]"),
        "constant": 1.5,
        "nothing": np.full(N, np.nan),
        "sparse": pd.arrays.SparseArray(np.where(third, A[:, 2], 0.0), fill_value=0.0),
    }


NUMBERS = {"float32", "holes", "int64", "uint8", "Int64", "Int8", "Float64", "arrow", "sparse"}


@pytest.mark.parametrize("name", pandas_columns())
def test_pandas_column_comes_back(name):
    X = pd.DataFrame({"a": A[:, 0], name: pandas_columns()[name]}, index=COUNTER * 2 + 5)
    y = pd.Series(Y, name="target", index=X.index)
    before = X.copy(deep=True)
    X_res, y_res = quick().fit_resample(X, y)
    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_frame_equal(X_res.head(N), before.reset_index(drop=True))
    assert X_res.dtypes.equals(X.dtypes)
    assert X_res.index.equals(pd.RangeIndex(2 * N_MAJORITY))
    assert y_res.index.equals(X_res.index)
    assert y_res.name == "target"
    assert y_res.dtype == y.dtype
    new, seen = X_res[name].iloc[N:], X[name]
    if name not in NUMBERS:
        assert set(new.dropna()) <= set(seen.dropna())
    if not seen.isna().any():
        assert not new.isna().any()


@pytest.mark.parametrize(
    "columns",
    [[0, 1, 2], pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")], names=["k", "l"])],
    ids=["integers", "levels"],
)
def test_pandas_column_names_of_any_kind_come_back(columns):
    X = pd.DataFrame(A, columns=columns)
    X_res, _ = quick().fit_resample(X, Y)
    pd.testing.assert_index_equal(X_res.columns, X.columns)


def test_subclass_of_a_frame_comes_back():
    class Frame(pd.DataFrame):
        @property
        def _constructor(self):
            return Frame

    X_res, _ = quick().fit_resample(Frame(A, columns=list("abc")), Y)
    assert type(X_res) is Frame
    assert X_res.columns.tolist() == ["a", "b", "c"]


# ---------------------------------------------------------------------------------------- labels

WORDS = np.array(["minor", "Major"])[1 - Y]  # sorts the other way round


def test_labels_are_named_by_the_user_afterwards():
    sampler = quick(sampling_strategy={"minor": 33})
    X_res, y_res = sampler.fit_resample(A, WORDS)
    assert (y_res == "minor").sum() == 33
    assert list(sampler.generator_) == ["minor"]
    assert sampler.majority_class_ == "Major"
    assert sampler.sample(2, "minor").shape == (2, 3)
    assert len(X_res) == 63


# ------------------------------------------------------------------------------- how many rows

THREE = np.r_[np.zeros(20, int), np.ones(5, int), np.full(15, 2)]
STRATEGIES = {
    "auto": (Y, "auto", [30, 30]),
    "float": (Y, 0.5, [30, 15]),
    "ratio of one": (Y, 1.0, [30, 30]),
    "callable": (Y, lambda y: {1: len(y) - 15}, [30, 25]),
    "dict": (Y, {0: 30, 1: 12}, [30, 12]),
    "dict of the majority": (Y, {0: 35}, [35, 10]),
    "dict of both": (Y, {0: 36, 1: 40}, [36, 40]),
    "dict without a class": (THREE, {1: 9}, [20, 9, 15]),
    "empty dict": (Y, {}, [30, 10]),
    "nothing to do": (Y, {0: 30, 1: 10}, [30, 10]),
    "balanced": (COUNTER % 2, "auto", [20, 20]),
    "three": (THREE, "auto", [20, 20, 20]),
    "minority": (THREE, "minority", [20, 20, 15]),
    "not minority": (THREE, "not minority", [20, 5, 20]),
    "all": (THREE, "all", [20, 20, 20]),
    "two largest": (np.r_[[0] * 15, [1] * 15, [2] * 10], "auto", [15, 15, 15]),
    "two smallest": (np.r_[[0] * 10, [1] * 20, [2] * 10], "auto", [20, 20, 20]),
    "three equals, one grows": (np.r_[COUNTER[:39] % 3, 0], {1: 20, 2: 13}, [14, 20, 13]),
}


@pytest.mark.parametrize("case", STRATEGIES)
def test_every_class_gets_what_the_strategy_says(case):
    y, strategy, counts = STRATEGIES[case]
    sampler = quick(sampling_strategy=strategy)
    X_res, y_res = sampler.fit_resample(A, y)
    assert np.bincount(y_res).tolist() == counts
    np.testing.assert_array_equal(X_res[:N], A)
    np.testing.assert_array_equal(y_res[:N], y)
    assert np.isfinite(X_res).all()
    added = np.array(counts) - np.bincount(y)
    assert {k: n for k, n in sampler.sampling_strategy_.items() if n} == {
        k: n for k, n in enumerate(added.tolist()) if n
    }


# -------------------------------------------------------------------------------- strange data


def minority_of(n):
    return np.r_[np.zeros(N - n, int), np.ones(n, int)]


STRANGE = {
    "minority of one row": (A, minority_of(1), {}),
    "minority of two rows": (A, minority_of(2), {}),
    "minority of one row repeated": (np.where(Y[:, None] == 1, A[35], A), Y, {}),
    "majority of one row repeated": (np.where(Y[:, None] == 0, A[0], A), Y, {}),
    "majority of one row": (A[:2], Y[-2:] * 0 + [0, 1], {"sampling_strategy": {0: 3, 1: 6}}),
    "one feature": (A[:, :1], Y, {}),
    "twenty rows": (A[:20], np.r_[np.zeros(15, int), np.ones(5, int)], {}),
    "three rows": (A[:3], np.array([0, 0, 1]), {}),
    "nearly all held out": (A, Y, {"validation_fraction": 0.99}),
    "batches of one": (A, Y, {"batch_size": 1}),
    "huge": (A * 1e30, Y, {}),
    "huge float32": ((A * 1e30).astype("f4"), Y, {}),
    "near the largest number": (A / abs(A).max() * 1.7e308, Y, {}),
    "tiny": (A * 1e-30, Y, {}),
    "denormal": (A * 1e-318, Y, {}),
    "huge and tiny": (A * [1e30, 1e-30, 1], Y, {}),
    "a constant column": (A * [1, 0, 1] + [0, 7, 0], Y, {}),
    "only constant columns": (np.full((N, 2), 3.5), Y, {}),
    "an outlier": (np.where(COUNTER[:, None] == 3, 1e12, A), Y, {}),
}


@pytest.mark.parametrize("case", STRANGE)
def test_strange_data_give_finite_rows_within_the_data(case):
    X, y, params = STRANGE[case]
    X_res, y_res = quick(**params).fit_resample(X, y)
    assert len(X_res) == len(y_res) > len(X)
    np.testing.assert_array_equal(X_res[: len(X)], X)
    assert np.isfinite(X_res).all()
    assert (X_res >= X.min(axis=0)).all()
    assert (X_res <= X.max(axis=0)).all()


def test_only_constant_columns_can_be_sampled_later():
    sampler = quick()
    sampler.fit_resample(np.full((N, 2), 3.5), Y)
    assert sampler.sample(2, 1).tolist() == [[3.5, 3.5]] * 2


# ----------------------------------------------------------------------------------- bad input


@pytest.fixture
def no_training(monkeypatch):
    """Training would take minutes; whatever can be refused is refused before."""

    def fail(*args, **kwargs):
        pytest.fail("it trained first")

    monkeypatch.setattr(MGVAESampler, "_fit_generator", fail)
    monkeypatch.setattr("imbdeep.over_sampling._mgvae.model.run", fail)


FRAME = pd.DataFrame(A, columns=["a", "b", "c"])
BAD_X = {
    "infinity": (np.where(A[3, 1] == A, np.inf, A), ValueError, "Column 1 contains infinity"),
    "infinity in a frame": (FRAME.replace(A[3, 1], -np.inf), ValueError, "'b' contains infinity"),
    "infinity in polars": (
        pl.DataFrame({"u": A[:, 0], "v": np.where(Y, np.inf, 1.0)}),
        ValueError,
        "'v' contains infinity",
    ),
    "infinity in a list": ([[np.inf], *A[1:, :1].tolist()], ValueError, "0 contains infinity"),
    "infinity in sparse": (
        sp.csr_array(np.where(Y[:, None], np.inf, A)),
        ValueError,
        "contains infinity",
    ),
    "complex": (A * 1j, ValueError, "Complex data not supported"),
    "complex in a frame": (FRAME * 1j, ValueError, "Complex data not supported: column 'a'"),
    "dates": (FRAME.assign(t=pd.date_range("2020", periods=N)), TypeError, "'t' holds dates"),
    "spans": (FRAME.assign(t=pd.to_timedelta(COUNTER, "D")), TypeError, "'t' holds dates or times"),
    "polars dates": (
        pl.DataFrame({"a": A[:, 0]}).with_columns(t=pl.date(2020, 1, 1)),
        TypeError,
        "'t' holds dates or times",
    ),
    "dates in an array": (COUNTER.astype("M8[D]")[:, None], TypeError, "holds dates or times"),
    "two columns of one name": (
        pd.DataFrame(A, columns=["a", "a", "b"]),
        ValueError,
        "unique.*'?a'? ",
    ),
    "lazy": (pl.LazyFrame({"a": A[:, 0]}), TypeError, r"LazyFrame.*X\.collect\(\)"),
    "one dimension": (A[:, 0], ValueError, "Expected 2D array, got 1D array"),
    "three dimensions": (A[:, :, None], ValueError, r"shape \(40, 3, 1\).*grey images need"),
    "no column": (A[:, :0], ValueError, r"0 feature\(s\)"),
    "no column in a frame": (FRAME[[]], ValueError, r"0 feature\(s\)"),
    "fewer rows": (A[:-1], ValueError, "inconsistent numbers of samples"),
    "fewer rows in a frame": (FRAME[:-1], ValueError, "inconsistent numbers of samples"),
    "fewer rows in polars": (
        pl.DataFrame({"a": A[1:, 0]}),
        ValueError,
        "inconsistent numbers of samples",
    ),
    "fewer images": (IMAGES[1:], ValueError, "inconsistent numbers of samples"),
    "missing pixels": (np.where(IMAGES > 99, np.nan, 1), ValueError, "contains NaN"),
    "infinite pixels": (np.where(IMAGES > 99, np.inf, 1), ValueError, "contains infinity"),
    "nothing": (None, ValueError, "Expected 2D array"),
}


@pytest.mark.parametrize("case", BAD_X)
def test_bad_data_are_refused_before_training(no_training, case):
    X, error, message = BAD_X[case]
    sampler = quick()
    with pytest.raises(error, match="(?s)" + message):
        sampler.fit_resample(X, Y)
    assert vars(sampler) == quick().get_params()


def with_missing(values, missing, **kwargs):
    return pd.Series([missing, *values[1:]], **kwargs)


MISSING = {
    "None": np.array([None, *WORDS[1:]], dtype=object),
    "None in a list": [None, *WORDS[1:].tolist()],
    "NaN": np.where(COUNTER == 0, np.nan, Y),
    "NaN among words": np.array([np.nan, *WORDS[1:]], dtype=object),
    "tensor": torch.tensor(np.where(COUNTER == 0, np.nan, Y)),
    "series": with_missing(WORDS.tolist(), None),
    "string": with_missing(WORDS.tolist(), None, dtype="string"),
    "Int64": with_missing(Y.tolist(), None, dtype="Int64"),
    "boolean": with_missing((Y == 1).tolist(), None, dtype="boolean"),
    "category": with_missing(WORDS.tolist(), None, dtype="category"),
    "polars": pl.Series([None, *Y[1:].tolist()]),
    "polars words": pl.Series([None, *WORDS[1:].tolist()]),
    "frame": with_missing(WORDS.tolist(), None).to_frame(),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_labels_are_refused_before_training(no_training, kind):
    with pytest.raises(ValueError, match="y holds missing labels: drop those rows"):
        quick().fit_resample(A, MISSING[kind])


BAD_Y = {
    "one class": (np.zeros(N, int), "needs to have more than 1 class"),
    "numbers": (A[:, 0], "Unknown label type"),
    "two labels a row": (np.ones((N, 2), int), "Multilabel and multioutput targets are not"),
    "fewer": (Y[1:], "inconsistent numbers of samples"),
    "nothing": (None, "Unknown label type|label|1d array"),
}


@pytest.mark.parametrize("case", BAD_Y)
def test_bad_labels_are_refused_before_training(no_training, case):
    y, message = BAD_Y[case]
    with pytest.raises(ValueError, match=message):
        quick().fit_resample(A, y)


BAD_SHAPES = {
    "two numbers": (IMAGES.reshape(N, -1), (6, 6), r"image_shape=\(6, 6\) must be three positive"),
    "a negative one": (IMAGES.reshape(N, -1), (-1, 6, -6), "must be three positive integers"),
    "a fraction": (IMAGES.reshape(N, -1), (1, 6.0, 6), "must be three positive integers"),
    "too few values": (IMAGES.reshape(N, -1), (1, 5, 5), r"does not fit X of shape \(\d+, 36\)"),
    "of images": (IMAGES, (1, 5, 5), r"does not fit X of shape \(\d+, 1, 6, 6\)"),
    "of turned images": (IMAGES, (6, 6, 1), r"does not fit X of shape \(\d+, 1, 6, 6\)"),
    "a frame": (pd.DataFrame(IMAGES.reshape(N, -1)), (1, 6, 6), r"pass X.to_numpy\(\)"),
    "sparse": (sp.csr_array(IMAGES.reshape(N, -1)), (1, 6, 6), r"or X.toarray\(\)"),
    "words": (IMAGES.reshape(N, -1).astype(str), (1, 6, 6), "X is no numeric array"),
}


@pytest.mark.parametrize("case", BAD_SHAPES)
def test_image_shape_that_does_not_fit_is_refused_before_training(no_training, case):
    X, shape, message = BAD_SHAPES[case]
    with pytest.raises(ValueError, match=message):
        quick(image_shape=shape).fit_resample(X, Y)


BAD_STRATEGIES = {
    "unknown class": (Y, {7: 50}, r"\{7\} target class is/are not present"),
    "unknown class of a callable": (Y, lambda y: {7: 50}, r"\{7\} target class is/are not present"),
    "too few": (Y, {1: 3}, "should be greater or equal to the original number of samples"),
    "ratio below": (Y, 0.1, "ratio required to remove samples"),
    "ratio of three": (THREE, 0.9, "only when the type of target is binary"),
    "list": (Y, [1], "The 'sampling_strategy' parameter of MGVAESampler must be"),
    "word": (Y, "majority", "The 'sampling_strategy' parameter of MGVAESampler must be"),
    "ratio above": (Y, 1.5, "The 'sampling_strategy' parameter of MGVAESampler must be"),
}


@pytest.mark.parametrize("case", BAD_STRATEGIES)
def test_bad_strategies_are_refused_before_training(no_training, case):
    y, strategy, message = BAD_STRATEGIES[case]
    with pytest.raises(ValueError, match=message):
        quick(sampling_strategy=strategy).fit_resample(A, y)


# ------------------------------------------------------------------------- promises, on any table

COLUMNS = {
    "float": lambda rng, n: rng.normal(size=n),
    "money": lambda rng, n: np.round(rng.gamma(2, 30, n), 2),
    "holes": lambda rng, n: np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
    "int": lambda rng, n: rng.integers(-50, 900, n),
    "few": lambda rng, n: rng.integers(0, 3, n),
    "uint8": lambda rng, n: rng.integers(0, 256, n).astype("u1"),
    "Int32": lambda rng, n: pd.array(np.where(rng.random(n) < 0.2, None, 7), dtype="Int32"),
    "bool": lambda rng, n: rng.random(n) < 0.1,
    "boolean": lambda rng, n: pd.array(rng.choice([True, False, None], n), dtype="boolean"),
    "word": lambda rng, n: rng.choice(["x", "y", "z", "rare"], n),
    "category": lambda rng, n: pd.Categorical(rng.choice(["x", "y"], n), categories=["y", "x"]),
    "mixed": lambda rng, n: rng.choice(np.array([1, "one", None], dtype=object), n),
}
CONTINUOUS = {"float", "money", "holes", "int", "uint8"}


@given(
    kinds=st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=5),
    counts=st.lists(st.integers(1, 25), min_size=2, max_size=4),
    extra=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=15)
def test_promises_hold_on_any_table(kinds, counts, extra, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    X = pd.DataFrame({f"{k}{i}": COLUMNS[k](rng, len(y)) for i, k in enumerate(kinds)})
    before = X.copy(deep=True)
    wanted = {k: c + e for k, (c, e) in enumerate(zip(counts, extra, strict=False))}
    X_res, y_res = quick(sampling_strategy=wanted).fit_resample(X, y)

    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_frame_equal(X_res.head(len(y)), X)
    np.testing.assert_array_equal(y_res[: len(y)], y)
    assert np.bincount(y_res).tolist() == list(wanted.values())
    assert X_res.dtypes.equals(X.dtypes)
    new = X_res.iloc[len(y) :]
    for kind, name in zip(kinds, X, strict=True):
        values, seen = new[name].dropna(), X[name].dropna()
        if kind in CONTINUOUS and len(values):
            assert seen.min() <= values.min()
            assert values.max() <= seen.max()
        elif kind not in CONTINUOUS:
            assert set(values) <= set(seen)
        assert X[name].isna().any() or not new[name].isna().any()


def test_no_warning_of_pandas_or_torch_reaches_the_user():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quick().fit_resample(pd.DataFrame(pandas_columns()), pd.Series(Y))
    assert [str(w.message) for w in caught] == []


def test_fit_alone_names_missing_labels():
    with pytest.raises(ValueError, match="y holds missing labels"):
        quick().fit(np.ones((3, 1)), ["a", None, "b"])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_global_output_setting_changes_nothing(library):
    images = np.random.default_rng(0).integers(0, 256, (N, 1, 6, 6), dtype=np.uint8)
    for data in (np.random.default_rng(0).normal(size=(N, 3)), images):
        with sklearn.config_context(transform_output=library):
            found, _ = quick().fit_resample(data, Y)
        np.testing.assert_array_equal(found, quick().fit_resample(data, Y)[0])

"""From the user's container to the network and back, whatever the method in between."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
import torch
from sklearn import config_context

from imbdeep.over_sampling import MGVAESampler
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


# -------------------------------------------------------------- originals first, and unchanged


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


LAYOUTS = {
    "reversed": lambda X: X[::-1].copy()[::-1],  # negative strides
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],  # gaps
    "read-only": read_only,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame], ids=["array", "frame"])
def test_memory_layout_does_not_matter(layout, container):
    for X in (A.astype("f4"), np.round(A * 20).astype(int)):
        plain, _ = quick().fit_resample(X, Y)
        laid = (LAYOUTS[layout](part) for part in (X, Y[:, None]))
        other, _ = quick().fit_resample(container(next(laid)), next(laid)[:, 0])
        np.testing.assert_array_equal(plain, other)


def test_read_only_images_are_read():
    X_res, _ = quick().fit_resample(read_only(IMAGES), read_only(Y))
    np.testing.assert_array_equal(X_res[:N], IMAGES)


@pytest.mark.parametrize("interface", ["sparray", "spmatrix"])
@pytest.mark.parametrize("kind", [sp.csr_array, sp.coo_array, sp.csc_matrix, sp.coo_matrix])
def test_sparse_container_comes_back(kind, interface):
    X = kind((A * (A > 0) * 20).astype("f4"))
    with config_context(sparse_interface=interface):
        X_res, _ = quick().fit_resample(X, Y)
    assert type(X_res) is kind
    plain, _ = quick().fit_resample(X.toarray(), Y)
    np.testing.assert_array_equal(X_res.toarray(), plain)


def test_tensor_that_requires_a_gradient():
    X = torch.tensor(A, requires_grad=True)
    X_res, _ = quick().fit_resample(X, Y)
    X_res[:N].sum().backward()
    assert torch.equal(X.grad, torch.ones_like(X))
    assert torch.equal(X_res[:N].detach(), X.detach())


# ----------------------------------------------------------------------------------- data frames


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


# ------------------------------------------------------------------------------- how many rows

THREE = np.r_[np.zeros(20, int), np.ones(5, int), np.full(15, 2)]
STRATEGIES = {
    "dict of both": (Y, {0: 36, 1: 40}, [36, 40]),
    "empty dict": (Y, {}, [30, 10]),
    "balanced": (COUNTER % 2, "auto", [20, 20]),
    "minority": (THREE, "minority", [20, 20, 15]),
    "not minority": (THREE, "not minority", [20, 5, 20]),
    "all": (THREE, "all", [20, 20, 20]),
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


# -------------------------------------------------------------------------------- strange data


def minority_of(n):
    return np.r_[np.zeros(N - n, int), np.ones(n, int)]


STRANGE = {
    "minority of one row": (A, minority_of(1), {}),
    "minority of one row repeated": (np.where(Y[:, None] == 1, A[35], A), Y, {}),
    "majority of one row repeated": (np.where(Y[:, None] == 0, A[0], A), Y, {}),
    "majority of one row": (A[:2], Y[-2:] * 0 + [0, 1], {"sampling_strategy": {0: 3, 1: 6}}),
    "one feature": (A[:, :1], Y, {}),
    "nearly all held out": (A, Y, {"validation_fraction": 0.99}),
    "batches of one": (A, Y, {"batch_size": 1}),
    "huge": (A * 1e30, Y, {}),
    "near the largest number": (A / abs(A).max() * 1.7e308, Y, {}),
    "tiny": (A * 1e-30, Y, {}),
    "denormal": (A * 1e-318, Y, {}),
    "huge and tiny": (A * [1e30, 1e-30, 1], Y, {}),
    "a constant column": (A * [1, 0, 1] + [0, 7, 0], Y, {}),
    "only constant columns": (np.full((N, 2), 3.5), Y, {}),
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
    "complex": (A * 1j, ValueError, "Complex data not supported"),
    "dates": (FRAME.assign(t=pd.date_range("2020", periods=N)), TypeError, "'t' holds dates"),
    "lazy": (pl.LazyFrame({"a": A[:, 0]}), TypeError, r"LazyFrame.*X\.collect\(\)"),
    "three dimensions": (A[:, :, None], ValueError, r"shape \(40, 3, 1\).*grey images need"),
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


BAD_STRATEGIES = {
    "unknown class": (Y, {7: 50}, r"\{7\} target class is/are not present"),
    "too few": (Y, {1: 3}, "should be greater or equal to the original number of samples"),
    "ratio below": (Y, 0.1, "ratio required to remove samples"),
    "ratio of three": (THREE, 0.9, "only when the type of target is binary"),
    "word": (Y, "majority", "The 'sampling_strategy' parameter of MGVAESampler must be"),
}


@pytest.mark.parametrize("case", BAD_STRATEGIES)
def test_bad_strategies_are_refused_before_training(no_training, case):
    y, strategy, message = BAD_STRATEGIES[case]
    with pytest.raises(ValueError, match=message):
        quick(sampling_strategy=strategy).fit_resample(A, y)


# ------------------------------------------------------------------------- promises, on any table


def test_fit_alone_names_missing_labels():
    with pytest.raises(ValueError, match="y holds missing labels"):
        quick().fit(np.ones((3, 1)), ["a", None, "b"])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_global_output_setting_changes_nothing(library):
    for data in (A, IMAGES):
        with sklearn.config_context(transform_output=library):
            found, _ = quick().fit_resample(data, Y)
        np.testing.assert_array_equal(found, quick().fit_resample(data, Y)[0])

"""RAESampler: which RAE it uses, from where its rows are decoded, and what it promises of them."""

import io
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.pipeline import make_pipeline
from scipy import stats
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV

from imbdeep.classifiers import RAEClassifier
from imbdeep.classifiers._rae.net import RAENet
from imbdeep.over_sampling import RAESampler
from imbdeep.over_sampling._rae import _unwrapped
from imbdeep.training import DivergedError

N, N_MAJORITY = 40, 30
Y = np.r_[np.zeros(N_MAJORITY, int), np.ones(N - N_MAJORITY, int)]
A = np.random.default_rng(0).normal(size=(N, 3)) + Y[:, None]
THREE = np.r_[np.zeros(20, int), np.ones(5, int), np.full(15, 2)]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 6, 6), dtype=np.uint8)
FLAT = IMAGES.reshape(N, -1)
COUNTER = np.arange(N)
FRAME = pd.DataFrame(A, columns=["a", "b", "c"])
WORDS = np.array(["u", "v", "w"], dtype=object)[COUNTER % 3]

SMALL = {
    "encoder_steps": 2,
    "critic_steps": 1,
    "max_steps": 2,
    "batch_size": 8,
    "latent_dim": 3,
    "hidden_layer_sizes": (16,),
    "mixer_layer_sizes": (16,),
    "critic_layer_sizes": (16,),
}
#: Rows as they are decoded, judged by nobody.
PLAIN = {"row_filter": None, "random_state": 0}


def small(**params):
    """An RAE with next to no training: what it learns is no matter here."""
    return RAEClassifier(**{**SMALL, "device": "cpu", **params})


def quick(estimator=None, **params):
    return RAESampler(small() if estimator is None else estimator, **{**PLAIN, **params})


def fitted(X=A, y=Y, **params):
    return small(**{"random_state": 0, **params}).fit(X, y)


def state_of(rae):
    """The bytes of everything that the networks of an RAE hold."""
    found = rae.net_.module_.state_dict().items()
    return {name: value.numpy().tobytes() for name, value in found}


@pytest.fixture
def brief_default(monkeypatch):
    """The RAE of estimator=None, with next to no training."""
    made = RAESampler._made
    monkeypatch.setattr(RAESampler, "_made", lambda self: made(self).set_params(**SMALL))


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail("it trained")

    monkeypatch.setattr(RAENet, "train_step", fail)


# -------------------------------------------------------------- originals first, and unchanged


def estimators(X, y, **params):
    """The two ways to give an RAE: to be trained, and trained."""
    return [small(**params), fitted(X, y, **params)]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "u1", "?", "O", "U"])
def test_array_comes_back_in_its_dtype(dtype):
    numbers = A if dtype[0] in "fO" else np.round(np.abs(A) * 20)
    X = (A > 0) if dtype == "?" else numbers.astype(dtype)
    before = X.copy()
    for estimator in estimators(X, Y):
        X_res, y_res = quick(estimator).fit_resample(X, Y)
        assert type(X_res) is np.ndarray
        assert X_res.dtype == X.dtype
        assert X_res.shape == (2 * N_MAJORITY, 3)
        np.testing.assert_array_equal(X_res[:N], before)
        np.testing.assert_array_equal(X, before)
        np.testing.assert_array_equal(y_res, np.r_[Y, np.ones(20)])
        if dtype[0] in "fiu":
            assert np.isfinite(X_res).all()
            assert (X_res >= X.min(axis=0)).all()
            assert (X_res <= X.max(axis=0)).all()


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix])
def test_sparse_container_comes_back(kind):
    X = kind(A * (A > 0))
    for estimator in estimators(X, Y):
        X_res, _ = quick(estimator).fit_resample(X, Y)
        assert type(X_res) is kind
        assert X_res.dtype == X.dtype
        np.testing.assert_array_equal(X_res.toarray()[:N], X.toarray())
        assert X_res.shape == (2 * N_MAJORITY, 3)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64], ids=str
)
def test_tensor_comes_back_in_its_dtype(dtype):
    X, y = torch.tensor(np.abs(A) * 20).to(dtype), torch.tensor(Y)
    for estimator in estimators(X, y):
        X_res, y_res = quick(estimator).fit_resample(X, y)
        assert X_res.dtype == dtype
        assert y_res.dtype == torch.int64
        assert torch.equal(X_res[:N], X)
        assert y_res.bincount().tolist() == [N_MAJORITY, N_MAJORITY]


def test_lists_stay_lists_and_keep_words_beside_numbers():
    X = [[float(a), "u" if b > 0 else "v", int(10 * c)] for a, b, c in A]
    for estimator in estimators(X, Y.tolist()):
        X_res, y_res = quick(estimator).fit_resample(X, Y.tolist())
        assert isinstance(X_res, list)
        assert X_res[:N] == X
        assert y_res == [*Y.tolist(), *[1] * 20]
        assert {tuple(map(type, row)) for row in X_res} == {(float, str, int)}
        assert {row[1] for row in X_res[N:]} <= {"u", "v"}


def mixed_frame():
    third, seventh = COUNTER % 3 == 0, COUNTER % 7 == 0
    columns = {
        "float32": A[:, 0].astype("f4"),
        "holes": np.where(third, np.nan, A[:, 1]),
        "int64": COUNTER * 3,
        "small": COUNTER % 4,
        "bool": third,
        "Int64": pd.array(np.where(seventh, None, COUNTER), dtype="Int64"),
        "boolean": pd.array(np.where(seventh, None, third), dtype="boolean"),
        "Float64": pd.array(np.where(seventh, None, COUNTER / 7), dtype="Float64"),
        "category": pd.Categorical(WORDS, categories=["w", "never", "v", "u"]),
        "ordered": pd.Categorical(COUNTER % 3, ordered=True),
        "object": np.where(third, None, WORDS),
        "string": pd.array(np.where(seventh, None, WORDS), dtype="string"),
        "constant": 1.5,
        "nothing": np.full(N, np.nan),
    }
    return pd.DataFrame(columns, index=COUNTER * 2 + 5)


def test_pandas_frame_of_many_dtypes_comes_back():
    X = mixed_frame()
    y = pd.Series(Y, name="target", index=X.index)
    before = X.copy(deep=True)
    for estimator in estimators(X, y):
        sampler = quick(estimator)
        X_res, y_res = sampler.fit_resample(X, y)
        pd.testing.assert_frame_equal(X, before)
        pd.testing.assert_frame_equal(X_res.head(N), before.reset_index(drop=True))
        assert X_res.dtypes.equals(X.dtypes)
        assert y_res.name == "target"
        assert y_res.tolist() == [*Y.tolist(), *[1] * 20]
        new = X_res.iloc[N:]
        for name in ("small", "bool", "boolean", "category", "ordered", "object", "string"):
            assert set(new[name].dropna()) <= set(X[name].dropna())
        for name in X.columns[~X.isna().any()]:
            assert not new[name].isna().any()
        assert (new["constant"] == 1.5).all()
        assert new["nothing"].isna().all()
        assert sampler.feature_names_in_.tolist() == X.columns.tolist()


def test_subclass_of_a_frame_comes_back():
    class Frame(pd.DataFrame):
        @property
        def _constructor(self):
            return Frame

    X = Frame(A, columns=list("abc"))
    for estimator in estimators(X, Y):
        assert type(quick(estimator).fit_resample(X, Y)[0]) is Frame


def test_polars_frame_comes_back():
    third = COUNTER % 3 == 0
    X = pl.DataFrame(
        {
            "f64": A[:, 0],
            "f32": A[:, 1].astype("f4"),
            "holes": [None if t else float(a) for t, a in zip(third, A[:, 2], strict=True)],
            "whole holes": [None if t else i for i, t in enumerate(third)],
            "bool": third,
            "str": WORDS.tolist(),
            "cat": pl.Series(WORDS.tolist(), dtype=pl.Categorical),
            "enum": pl.Series(WORDS.tolist(), dtype=pl.Enum(["never", "u", "v", "w"])),
        }
    )
    before, y = X.clone(), pl.Series("target", Y)
    for estimator in estimators(X, y):
        X_res, y_res = quick(estimator).fit_resample(X, y)
        assert X_res.schema == X.schema
        assert X_res.head(N).equals(before)
        assert len(X_res) == 2 * N_MAJORITY
        assert y_res.name == "target"
        assert set(X_res["cat"]) == set(WORDS)
        assert X_res["str"].null_count() == 0


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8", "i2"])
@pytest.mark.parametrize("flat", [False, True], ids=["images", "flattened"])
def test_images_come_back(dtype, flat):
    X = (IMAGES / 255 if dtype[0] == "f" else IMAGES).astype(dtype)
    X = X.reshape(N, -1) if flat else X
    hint = {"image_shape": (1, 6, 6)} if flat else {}
    for estimator in estimators(X, Y, **hint):
        sampler = quick(estimator)
        X_res, y_res = sampler.fit_resample(X, Y)
        assert X_res.dtype == X.dtype
        assert X_res.shape == (2 * N_MAJORITY, *X.shape[1:])
        np.testing.assert_array_equal(X_res[:N], X)
        assert np.bincount(y_res).tolist() == [N_MAJORITY, N_MAJORITY]
        assert (X_res.min(), X_res.max()) == (X.min(), X.max())
        assert sampler.sample(3, 1).shape == (3, *X.shape[1:])


def test_flattened_images_give_the_same_images(brief_default):
    images, _ = quick().fit_resample(IMAGES, Y)
    by_estimator, _ = quick(small(image_shape=(1, 6, 6))).fit_resample(FLAT, Y)
    np.testing.assert_array_equal(images.reshape(len(images), -1), by_estimator)
    made_here = RAESampler(image_shape=(1, 6, 6), device="cpu", **PLAIN)
    np.testing.assert_array_equal(made_here.fit_resample(FLAT, Y)[0], by_estimator)


def test_images_go_through_convolutions():
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 16, 16), dtype=np.uint8)
    sampler = quick(small(batch_size=2))
    X_res, _ = sampler.fit_resample(images, np.r_[[0] * 9, [1] * 3])
    assert type(sampler.estimator_.net_.module_.encoder).__name__ == "ConvCodeEncoder"
    assert X_res.shape == (18, 3, 16, 16)
    assert X_res.dtype == np.uint8


@pytest.mark.parametrize("container", ["tensor", "list"])
def test_images_in_other_containers(container):
    X = torch.tensor(IMAGES) if container == "tensor" else IMAGES.tolist()
    X_res, _ = quick().fit_resample(X, Y)
    assert type(X_res) is type(X)
    found = np.asarray(X_res)
    assert found.shape == (2 * N_MAJORITY, 1, 6, 6)
    np.testing.assert_array_equal(found[:N], IMAGES)


@pytest.mark.parametrize(
    "y",
    [
        np.array(["minor", "Major"])[1 - Y],
        (Y == 1).tolist(),
        pd.Series(pd.Categorical(np.array(["b", "a"])[Y])),
        pl.Series("y", Y),
        np.eye(2, dtype=int)[Y],
    ],
    ids=["words", "list", "category", "polars", "one-hot"],
)
def test_labels_of_any_kind_come_back(y):
    X_res, y_res = quick().fit_resample(A, y)
    assert type(y_res) is type(y)
    assert getattr(y_res, "dtype", None) == getattr(y, "dtype", None)
    found, before = np.asarray(y_res).tolist(), np.asarray(y).tolist()
    assert found == before + [before[-1]] * 20
    assert len(X_res) == len(found)


# ------------------------------------------------------------------------------- how many rows

STRATEGIES = {
    "auto": (Y, "auto", [30, 30]),
    "float": (Y, 0.5, [30, 15]),
    "callable": (Y, lambda y: {1: len(y) - 15}, [30, 25]),
    "dict": (Y, {0: 30, 1: 12}, [30, 12]),
    "dict of both": (Y, {0: 36, 1: 40}, [36, 40]),
    "three": (THREE, "auto", [20, 20, 20]),
    "minority": (THREE, "minority", [20, 20, 15]),
    "not minority": (THREE, "not minority", [20, 5, 20]),
    "not majority": (THREE, "not majority", [20, 20, 20]),
    "all": (THREE, "all", [20, 20, 20]),
}


@pytest.mark.parametrize("case", STRATEGIES)
def test_every_class_gets_what_the_strategy_says(case):
    y, strategy, counts = STRATEGIES[case]
    for estimator in estimators(A, y):
        sampler = quick(estimator, sampling_strategy=strategy)
        X_res, y_res = sampler.fit_resample(A, y)
        assert np.bincount(y_res).tolist() == counts
        np.testing.assert_array_equal(X_res[:N], A)
        np.testing.assert_array_equal(y_res[:N], y)
        assert np.isfinite(X_res).all()
        assert sampler.class_counts_.tolist() == np.bincount(y).tolist()
        added = {k: n for k, n in enumerate((np.array(counts) - np.bincount(y)).tolist()) if n}
        assert {k: n for k, n in sampler.sampling_strategy_.items() if n} == added
        for target in range(len(counts)):
            if target in added:
                assert sampler.sample(3, target).shape == (3, 3)
            else:
                with pytest.raises(ValueError, match="is not a class that rows were added to"):
                    sampler.sample(3, target)


@pytest.mark.parametrize("strategy", ["auto", {}, {0: 20, 1: 20}], ids=str)
def test_without_rows_to_add_nothing_is_trained(no_training, strategy):
    balanced = COUNTER % 2
    for estimator in (None, small(), small(image_shape=(1, 6, 6))):
        sampler = RAESampler(estimator, sampling_strategy=strategy, random_state=0)
        X_res, y_res = sampler.fit_resample(FLAT, balanced)
        np.testing.assert_array_equal(X_res, FLAT)
        np.testing.assert_array_equal(y_res, balanced)
        assert not hasattr(sampler, "estimator_")
        with pytest.raises(ValueError, match=r"rows were added to \(those are \[\]\)"):
            sampler.sample(1, 0)


@pytest.mark.parametrize("trained", [False, True], ids=["unfitted", "fitted"])
def test_a_fit_without_deficit_drops_the_estimator_of_an_earlier_one(trained):
    sampler = quick(fitted() if trained else small())
    sampler.fit_resample(A, Y)
    assert hasattr(sampler, "estimator_")
    sampler.fit_resample(A, COUNTER % 2)
    assert not hasattr(sampler, "estimator_")
    sampler.fit_resample(A, Y)
    assert hasattr(sampler, "estimator_")


# -------------------------------------------------------------------------- which RAE it uses


def test_none_trains_one_with_its_defaults(monkeypatch):
    made, fit = [], RAEClassifier.fit

    def spied(rae, *args):
        made.append(rae.get_params())
        return fit(rae.set_params(**SMALL), *args)

    monkeypatch.setattr(RAEClassifier, "fit", spied)
    sampler = RAESampler(categorical_features=[0], device="cpu", **PLAIN)
    X_res, _ = sampler.fit_resample(np.round(A), Y)
    expected = RAEClassifier(categorical_features=[0], device="cpu").get_params()
    assert isinstance(made[0]["random_state"], int)
    assert made == [{**expected, "random_state": made[0]["random_state"]}]
    assert sampler.estimator is None
    assert isinstance(sampler.estimator_, RAEClassifier)
    assert set(X_res[N:, 0]) <= set(np.round(A[:, 0]))  # the first column is of categories


def test_none_hands_on_the_shape_of_images_and_the_report(brief_default, capsys):
    sampler = RAESampler(image_shape=(1, 6, 6), device="cpu", verbose=True, **PLAIN)
    sampler.fit_resample(FLAT, Y)
    assert sampler.estimator_.image_shape == (1, 6, 6)
    assert "loss" in capsys.readouterr().out


def test_frozen_one_that_is_not_fitted_is_refused():
    with pytest.raises(ValueError, match="frozen and not fitted: fit it before"):
        quick(FrozenEstimator(small())).fit_resample(A, Y)


def test_unfitted_one_is_copied_and_trained():
    mine = small(max_steps=4, n_mixed=3, mixing=2.0, callbacks=[])
    before = dict(vars(mine))
    sampler = quick(mine)
    sampler.fit_resample(A, Y)
    assert vars(mine) == before  # no fitted attribute, and the parameters are the same objects
    assert _unwrapped(sampler.estimator) is mine
    assert sampler.estimator_ is not mine
    found = sampler.estimator_.get_params()
    assert isinstance(found.pop("random_state"), int)
    assert found.items() <= mine.get_params().items()
    assert sampler.encoder_ is sampler.estimator_.encoder_
    assert sampler.device_ == torch.device("cpu")
    assert sampler.estimator_.history_
    assert "separability" in sampler.estimator_.diagnostics_


@pytest.mark.parametrize("wrap", [lambda rae: rae, FrozenEstimator], ids=["plain", "frozen"])
def test_fitted_one_is_used_as_it_is(wrap, monkeypatch):
    mine = fitted()
    before, weights, net = dict(vars(mine)), state_of(mine), mine.net_
    sampler = quick(wrap(mine))
    monkeypatch.setattr(RAENet, "train_step", lambda *args: pytest.fail("a second training"))
    X_res, _ = sampler.fit_resample(A, Y)
    sampler.sample(5, 1)
    assert sampler.estimator_ is mine
    assert mine.net_ is net
    assert vars(mine) == before
    assert state_of(mine) == weights
    assert not any(module.training for module in net.module_.modules())
    assert len(X_res) == 2 * N_MAJORITY
    # Other rows of the same columns: the codes are theirs, the networks are the old ones.
    other, _ = sampler.fit_resample(A[5:], Y[5:])
    assert len(other) == 2 * (N_MAJORITY - 5)
    assert state_of(mine) == weights


def test_fitted_and_unfitted_ones_give_the_same_rows_of_the_same_networks():
    sampler = quick()
    sampler.fit_resample(A, Y)
    mine = fitted(random_state=sampler.estimator_.random_state)
    assert state_of(mine) == state_of(sampler.estimator_)
    other = quick(mine)
    other.fit_resample(A, Y)
    np.testing.assert_array_equal(
        other.sample(9, 1, random_state=3), sampler.sample(9, 1, random_state=3)
    )


def test_clone_drops_what_is_fitted_unless_it_is_frozen():
    mine = fitted()
    plain, frozen = clone(quick(mine)), clone(quick(FrozenEstimator(mine)))
    assert not hasattr(plain.estimator, "net_")
    assert frozen.estimator.estimator is mine
    frozen.fit_resample(A, Y)
    assert frozen.estimator_ is mine
    plain.fit_resample(A, Y)
    assert plain.estimator_ is not mine


def test_changed_parameters_of_a_fitted_one_do_not_change_what_was_fitted():
    mine = fitted(mixing=1.0, random_state=1)
    expected, _ = quick(mine).fit_resample(A, Y)
    mine.set_params(mixing="mixer", n_mixed=5, decoder=False, encode=False)
    np.testing.assert_array_equal(quick(mine).fit_resample(A, Y)[0], expected)
    with pytest.raises(ValueError, match=r"needs a mixer, and estimator has mixing=1\.0"):
        quick(mine, mixing="mixer").fit_resample(A, Y)


# --------------------------------------------------------- nested parameters, pipelines, searches


def test_parameters_of_the_estimator_are_parameters_of_the_sampler():
    mine = small()
    sampler = quick(mine).set_params(estimator__max_steps=4, estimator__n_mixed=3)
    assert (mine.max_steps, mine.n_mixed) == (4, 3)
    assert sampler.get_params()["estimator__n_mixed"] == 3
    sampler.fit_resample(A, Y)
    assert sampler.estimator_.net_.module_.sizes.n_mixed == 3
    assert sampler.estimator_.max_steps == 4
    with pytest.raises(ValueError, match="Invalid parameter 'steps'"):
        sampler.set_params(estimator__steps=3)
    assert "estimator__n_mixed" not in RAESampler().get_params()


def test_refused_parameter_of_the_estimator_is_named():
    with pytest.raises(ValueError, match="The 'n_mixed' parameter of RAEClassifier must be"):
        quick(small(n_mixed=1)).fit_resample(A, Y)


def test_grid_over_the_number_of_mixed_rows():
    pipe = make_pipeline(quick(), LogisticRegression())
    grid = {"raesampler__estimator__n_mixed": [2, 3]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(A, Y)
    best = search.best_estimator_[0]
    wanted = search.best_params_["raesampler__estimator__n_mixed"]
    assert best.estimator_.net_.module_.sizes.n_mixed == wanted
    assert pipe[0].estimator.n_mixed == 2
    again = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(A, Y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"]
    )


def test_frozen_one_serves_every_fold_of_a_search(request):
    mine = fitted()
    weights = state_of(mine)
    request.getfixturevalue("no_training")
    pipe = make_pipeline(quick(FrozenEstimator(mine)), LogisticRegression())
    grid = {"raesampler__mixing": ["mixer", 1.0], "logisticregression__C": [0.1, 1]}
    search = GridSearchCV(pipe, grid, cv=3, error_score="raise").fit(A, Y)
    assert search.best_estimator_[0].estimator_ is mine
    assert state_of(mine) == weights


def test_pipeline_resamples_while_fitting_only():
    for estimator in (small(), FrozenEstimator(fitted())):
        pipe = make_pipeline(quick(estimator), LogisticRegression()).fit(A, Y)
        balanced, labels = quick(estimator).fit_resample(A, Y)
        alone = LogisticRegression().fit(balanced, labels)
        np.testing.assert_array_equal(pipe[-1].coef_, alone.coef_)
        assert pipe.predict(A).shape == (N,)


# ------------------------------------------------------------------------------------- refusals


def images_of(size):
    return np.zeros((N, 1, size, size), dtype=np.uint8)


def as_category(*levels):
    return FRAME.assign(a=pd.Categorical(WORDS, categories=levels))


OTHER_DATA = {
    "fewer columns": (A, A[:, :2], r"X has 2 features, but RAEClassifier is expecting 3"),
    "more columns": (A, A[:, [0, 1, 2, 0]], r"X has 4 features, but RAEClassifier is expecting 3"),
    "fewer columns of a frame": (FRAME, FRAME[["a", "b"]], "feature names should match"),
    "other names": (FRAME, FRAME.rename(columns={"a": "z"}), "feature names should match"),
    "names in another order": (FRAME, FRAME[["b", "a", "c"]], "in the same order"),
    "frame for an array": (A, FRAME, r"fitted on numpy\.ndarray, and X is pandas\.\S*DataFrame"),
    "array for a frame": (FRAME, A, r"fitted on pandas\.\S*DataFrame, and X is numpy\.ndarray"),
    "polars for pandas": (
        FRAME,
        pl.DataFrame({name: FRAME[name].to_numpy() for name in FRAME}),
        r"fitted on pandas\.\S*DataFrame, and X is polars\.\S*DataFrame: convert X, or give an un",
    ),
    "dense for sparse": (sp.csr_array(A), A, r"fitted on scipy\.\S*csr_array, and X is numpy"),
    "another sparse one": (sp.csr_array(A), sp.csc_array(A), r"csr_array, and X is \S*csc_array"),
    "integers for numbers": (A, np.arange(3 * N).reshape(N, 3), "on columns of 'f', and X has 'i'"),
    "numbers for integers": (np.arange(3 * N).reshape(N, 3), A, "on columns of 'i', and X has 'f'"),
    "another precision in a frame": (
        FRAME,
        FRAME.astype({"b": "f4"}),
        r"on column 'b' of dtype\('float64'\), and X has dtype\('float32'\) there: convert X",
    ),
    "words for numbers": (FRAME, FRAME.assign(b=WORDS), "Column 'b' held numbers in fit"),
    "more categories": (
        as_category("u", "v", "w"),
        as_category("u", "v", "w", "x"),
        "on column 'a' of CategoricalDtype.*, and X has CategoricalDtype.*'x'",
    ),
    "images for a table": (A, IMAGES, "RAEClassifier was fitted on a table"),
    "a table for images": (IMAGES, FLAT[:, :1], r"fitted on images of shape \(1, 6, 6\)"),
    "images of another size": (images_of(6), images_of(12), r"of shape \(1, 12, 12\), and RAECl"),
    "images in another unit": (IMAGES, IMAGES / 255, "images of dtype float64, and the encoder"),
    "flattened images": (
        IMAGES,
        FLAT,
        r"on rows of shape \(1, 6, 6\), and those of X have shape \(36,\): reshape X",
    ),
    "infinity": (A, np.where(A[3, 1] == A, np.inf, A), "Column 1 contains infinity"),
}


@pytest.mark.parametrize("case", OTHER_DATA)
@pytest.mark.parametrize("wrap", [lambda rae: rae, FrozenEstimator], ids=["plain", "frozen"])
def test_estimator_of_other_data_is_refused(case, wrap):
    before, X, message = OTHER_DATA[case]
    sampler = quick(wrap(fitted(before)))
    own = dict(vars(sampler))
    with pytest.raises(ValueError, match="(?s)" + message):
        sampler.fit_resample(X, Y)
    assert vars(sampler) == own


def test_unflattened_images_for_flattened_ones_are_refused():
    with pytest.raises(ValueError, match=r"shape \(36,\), and those of X have shape \(1, 6, 6\)"):
        quick(fitted(FLAT, image_shape=(1, 6, 6))).fit_resample(IMAGES, Y)


def test_the_same_categories_in_another_order_are_the_same():
    X = as_category("w", "u", "v")
    X_res, _ = quick(fitted(as_category("u", "v", "w"))).fit_resample(X, Y)
    assert X_res.dtypes.equals(X.dtypes)
    pd.testing.assert_frame_equal(X_res.head(N), X)


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_another_precision_of_an_array_is_the_same_data(dtype):
    X_res, _ = quick(fitted()).fit_resample(A.astype(dtype), Y)
    assert X_res.dtype == dtype
    np.testing.assert_array_equal(X_res[:N], A.astype(dtype))


@pytest.mark.parametrize(
    "before, y, message",
    [
        (Y, Y + 1, r"fitted on the classes \[0, 1\], and y holds \[1, 2\]: fit it on these data"),
        (THREE, Y, r"fitted on the classes \[0, 1, 2\], and y holds \[0, 1\]"),
        (Y, THREE, r"fitted on the classes \[0, 1\], and y holds \[0, 1, 2\]"),
        (np.array(["a", "b"])[Y], np.array(["a", "c"])[Y], r"\['a', 'b'\].*\['a', 'c'\]"),
    ],
    ids=["others", "more", "fewer", "words"],
)
def test_estimator_of_other_classes_is_refused(before, y, message):
    with pytest.raises(ValueError, match=message):
        quick(fitted(A, before)).fit_resample(A, y)


UNSUITED = {
    "no decoder": ({"decoder": False}, {}, "has decoder=False, and rows must be decoded"),
    "no encoder": ({"encode": False}, {}, "has encode=False, and rows must be decoded"),
    "no mixer": ({"mixing": None}, {"mixing": "mixer"}, "needs a mixer.* has mixing=None"),
    "Dirichlet": ({"mixing": 2.0}, {"mixing": "mixer"}, r"needs a mixer.* has mixing=2\.0: give"),
}


@pytest.mark.parametrize("case", UNSUITED)
@pytest.mark.parametrize("trained", [False, True], ids=["unfitted", "fitted"])
def test_unsuited_estimator_is_refused_before_training(request, case, trained):
    params, own, message = UNSUITED[case]
    estimator = fitted(**params) if trained else small(**params)
    request.getfixturevalue("no_training")
    for wrapped in (estimator, *([FrozenEstimator(estimator)] if trained else [])):
        with pytest.raises(ValueError, match=message):
            quick(wrapped, **own).fit_resample(A, Y)


def test_decoder_that_was_switched_on_after_the_fit_is_missed():
    estimator = fitted(decoder=False).set_params(decoder=True)
    with pytest.raises(ValueError, match="estimator has decoder=False"):
        quick(estimator).fit_resample(A, Y)


def test_another_frozen_classifier_is_refused():
    frozen = FrozenEstimator(LogisticRegression().fit(A, Y))
    with pytest.raises(ValueError, match="a frozen LogisticRegression: freeze an RAEClassifier"):
        RAESampler(frozen).fit_resample(A, Y)


OF_THE_ESTIMATOR = [
    ("categorical_features", [0]),
    ("categorical_features", np.array([0, 1])),
    ("categorical_features", None),
    ("image_shape", (1, 1, 3)),
    ("image_shape", [1, 1, 3]),
    ("device", "cpu"),
    ("device", torch.device("cpu")),
    ("verbose", True),
    ("verbose", 1),
]


@pytest.mark.parametrize("name, value", OF_THE_ESTIMATOR, ids=repr)
@pytest.mark.parametrize("trained", [False, True], ids=["unfitted", "fitted"])
def test_parameter_of_the_estimator_given_beside_it_is_refused(request, name, value, trained):
    estimator = fitted() if trained else small()
    request.getfixturevalue("no_training")
    message = rf"(?s){name}=.*and estimator is given: set it there, .*RAEClassifier\({name}="
    with pytest.raises(ValueError, match=message):
        quick(estimator, **{name: value}).fit_resample(A, Y)


@pytest.mark.parametrize("verbose", [0, False, np.False_], ids=repr)
def test_silence_may_be_asked_for_beside_an_estimator(verbose, capsys):
    quick(verbose=verbose).fit_resample(A, Y)
    assert capsys.readouterr().out == ""


RANGES = [
    ("estimator", LogisticRegression(), RAEClassifier),
    ("sampling_strategy", "majority", 1.5),
    ("mixing", "uniform", 0.0),
    ("mixing", None, -1),
    ("categorical_features", "all", 3),
    ("image_shape", 28, "28"),
    ("row_filter", "trees", Ridge()),
    ("n_candidates", 0, 2.5),
    ("device", 0, None),
    ("random_state", "seed", -1),
    ("verbose", "loud", -1),
]


@pytest.mark.parametrize(
    "name, value", [(name, value) for name, *values in RANGES for value in values]
)
def test_type_and_range_of_every_parameter_are_checked(no_training, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of RAESampler must be"):
        quick().set_params(**{name: value}).fit_resample(A, Y)


def test_every_parameter_has_its_range_tested():
    assert {name for name, *_ in RANGES} == set(RAESampler().get_params())


def test_only_constant_columns_are_refused():
    with pytest.raises(ValueError, match="All 2 columns of X are constant: there is nothing to"):
        quick().fit_resample(np.full((N, 2), 3.5), Y)


# ------------------------------------------------------------------------------- more rows, later


def test_sample_before_fitting_is_refused():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        quick(fitted()).sample(3, 1)


def test_sample_of_every_class_that_got_rows():
    labels = np.array(["big", "tiny", "mid"])[THREE]
    sampler = quick()
    sampler.fit_resample(FRAME, labels)
    for target in ("tiny", "mid"):
        rows = sampler.sample(4, target)
        assert list(rows.columns) == ["a", "b", "c"]
        assert rows.index.tolist() == [0, 1, 2, 3]
    for target in ("big", "none", 1, None):
        with pytest.raises(ValueError, match=rf"target={target!r} is not a class that rows were"):
            sampler.sample(4, target)
    for n in (0, -1, 2.0, "3", None):
        with pytest.raises(ValueError, match="must be a positive integer"):
            sampler.sample(n, "tiny")


def test_sample_repeats_with_a_seed_and_goes_on_without():
    sampler = quick()
    sampler.fit_resample(A, Y)
    first = sampler.sample(5, 1, random_state=3)
    np.testing.assert_array_equal(sampler.sample(5, 1, random_state=3), first)
    assert not np.array_equal(sampler.sample(5, 1, random_state=4), first)
    assert not np.array_equal(sampler.sample(5, 1), sampler.sample(5, 1))
    state = np.random.RandomState(3)
    np.testing.assert_array_equal(sampler.sample(5, 1, random_state=state), first)


def test_rows_are_encoded_and_generated_some_at_a_time(monkeypatch):
    mine = fitted()
    sizes = []
    whole = mine.net_.codes(mine.encoder_.transform(A))
    decoder = mine.net_.module_.averaged["decoder"]
    decoder.register_forward_hook(lambda _, inputs, output: sizes.append(len(output)))
    monkeypatch.setattr("imbdeep.classifiers._rae.net._GENERATED_ROWS", 7)
    torch.testing.assert_close(mine.net_.codes(mine.encoder_.transform(A)), whole)
    X_res, _ = quick(mine).fit_resample(A, Y)
    assert sizes == [7, 7, 6]
    assert len(X_res) == 2 * N_MAJORITY
    assert len(np.unique(X_res[N:], axis=0)) > 10


# ------------------------------------------------------------------------------------ repeatability


def test_same_seed_same_bytes():
    first, twice = quick(), quick()
    a, b, c = (s.fit_resample(A, Y)[0].tobytes() for s in (first, first, twice))
    assert a == b == c
    assert first.sample(5, 1).tobytes() == twice.sample(5, 1).tobytes()
    assert state_of(first.estimator_) == state_of(twice.estimator_)
    assert quick(random_state=1).fit_resample(A, Y)[0].tobytes() != a


def test_same_seed_same_bytes_without_an_estimator(brief_default):
    found = [
        RAESampler(device="cpu", **{**PLAIN, "random_state": seed}).fit_resample(A, Y)[0].tobytes()
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]


def test_random_state_instance_goes_on():
    sampler = quick(random_state=np.random.RandomState(0))
    first, second = (sampler.fit_resample(A, Y)[0] for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, quick().fit_resample(A, Y)[0])


def test_no_random_state_differs_every_time():
    """And draws from no global stream: the guard of conftest.py watches."""
    sampler = quick(random_state=None)
    first, second = (sampler.fit_resample(A, Y)[0] for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("trained", [False, True], ids=["unfitted", "fitted"])
def test_seed_of_the_estimator_is_of_the_training_and_that_of_the_sampler_of_the_draws(trained):
    estimator = fitted(random_state=5) if trained else small(random_state=5)
    samplers = [quick(estimator, random_state=seed) for seed in (0, 1, None)]
    rows = [sampler.fit_resample(A, Y)[0] for sampler in samplers]
    states = [state_of(sampler.estimator_) for sampler in samplers]
    assert states[0] == states[1] == states[2] == state_of(fitted(random_state=5))
    assert [sampler.estimator_.random_state for sampler in samplers] == [5] * 3
    assert len({part.tobytes() for part in rows}) == 3
    np.testing.assert_array_equal(samplers[0].fit_resample(A, Y)[0], rows[0])
    same = [sampler.sample(5, 1, random_state=3).tobytes() for sampler in samplers]
    assert len(set(same)) == 1


def test_draws_do_not_depend_on_whose_seed_trained():
    """Giving the estimator the seed that it would have got changes nothing."""
    sampler = quick()
    rows, _ = sampler.fit_resample(A, Y)
    seeded = quick(small(random_state=sampler.estimator_.random_state))
    np.testing.assert_array_equal(seeded.fit_resample(A, Y)[0], rows)


def test_what_the_user_drew_before_does_not_matter():
    plain, _ = quick().fit_resample(A, Y)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        again, _ = quick().fit_resample(A, Y)
    np.testing.assert_array_equal(plain, again)


# ------------------------------------------------------------- convex combinations of codes (Eq. 1)


@pytest.fixture
def decoded():
    """Draw rows of a class, and return the codes and classes that the decoder was given."""
    caught = []

    def generate(sampler, n, target):
        decoder = sampler.estimator_.net_.module_.averaged["decoder"]
        hook = decoder.register_forward_pre_hook(lambda _, inputs: caught.append(inputs))
        try:
            sampler.sample(n, target, random_state=0)
        finally:
            hook.remove()
        z, y = (torch.cat(part).double().numpy() for part in zip(*caught, strict=True))
        caught.clear()
        return z, y

    return generate


def codes_of(sampler, X):
    return sampler.estimator_.penultimate_features(X).astype(np.float64)


def weights_between(z, ends):
    """Least-squares weights of codes between the ends, (n, m) and (t, m) -> (n, t), and misfit."""
    t = len(ends)
    # Weights sum to 1: the last end is subtracted.
    free = np.linalg.lstsq((ends[:-1] - ends[-1]).T, (z - ends[-1]).T, rcond=None)[0].T
    weights = np.c_[free, 1 - free.sum(axis=1)]
    assert weights.shape == (len(z), t)
    return weights, np.abs(weights @ ends - z).max(axis=1)


@pytest.mark.parametrize("mixing", ["mixer", 1.0, 0.3], ids=str)
@pytest.mark.parametrize("target", [1, 2])
def test_codes_of_two_lie_on_a_segment_between_two_rows_of_the_class(decoded, mixing, target):
    sampler = quick(small(latent_dim=5, mixing=mixing))
    sampler.fit_resample(A, THREE)
    z, y = decoded(sampler, 200, target)
    assert (y == target).all()
    own = codes_of(sampler, A[target == THREE])
    found = np.zeros(len(z), dtype=bool)
    for i in range(len(own)):
        for j in range(i):
            weights, misfit = weights_between(z, own[[i, j]])
            on = (misfit < 1e-5) & (weights > -1e-4).all(axis=1)
            found |= on
    assert found.all()
    # They are no copies, and not all between the same two.
    assert len(np.unique(z.round(6), axis=0)) > 20


@pytest.mark.parametrize("mixing", ["mixer", 1.0], ids=str)
def test_codes_lie_in_the_convex_hull_of_the_class(decoded, mixing):
    sampler = quick(small(latent_dim=8, n_mixed=3, mixing=mixing))
    sampler.fit_resample(A, Y)
    z, _ = decoded(sampler, 50, 1)
    own = codes_of(sampler, A[Y == 1])
    scale = np.abs(own).max()
    for code in z:
        # Non-negative weights that sum to 1.
        weights, misfit = nnls(np.c_[own / scale, np.ones(len(own))].T, np.r_[code / scale, 1])
        assert misfit < 1e-5
        assert weights.sum() == pytest.approx(1, abs=1e-4)
    other = codes_of(sampler, A[Y == 0]) / scale
    outside = [
        nnls(np.c_[own / scale, np.ones(len(own))].T, np.r_[code, 1])[1] > 1e-3 for code in other
    ]
    assert np.mean(outside) > 0.5  # the hull is small: to lie in it says something


def two_rows(**params):
    """A class of two rows: their codes are the ends of every combination."""
    y = np.r_[np.zeros(N - 2, int), [1, 1]]
    sampler = quick(small(**params), sampling_strategy={1: 40})
    sampler.fit_resample(A, y)
    return sampler, codes_of(sampler, A[-2:])


@pytest.mark.parametrize("concentration", [1, 0.5, 2.0, 20.0])
def test_dirichlet_of_two_is_a_beta_distribution(decoded, concentration):
    sampler, ends = two_rows(mixing="mixer")
    sampler.set_params(mixing=concentration)
    sampler.fit_resample(A, np.r_[np.zeros(N - 2, int), [1, 1]])
    weights, misfit = weights_between(decoded(sampler, 3000, 1)[0], ends)
    assert misfit.max() < 1e-5
    expected = stats.beta(concentration, concentration)
    assert stats.kstest(weights[:, 0].clip(0, 1), expected.cdf).pvalue > 1e-3


def test_dirichlet_of_three_is_uniform_on_the_simplex(decoded):
    y = np.r_[np.zeros(N - 3, int), [1, 1, 1]]
    sampler = quick(small(n_mixed=3, mixing=None), sampling_strategy={1: 40})
    sampler.fit_resample(A, y)
    weights, misfit = weights_between(decoded(sampler, 3000, 1)[0], codes_of(sampler, A[-3:]))
    assert misfit.max() < 1e-5
    for i in range(3):  # each weight alone is Beta(1, 2)
        assert stats.kstest(weights[:, i].clip(0, 1), stats.beta(1, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("trained", [None, "mixer", 20.0], ids=str)
def test_weights_are_uniform_by_default_however_the_estimator_mixed(decoded, trained):
    sampler, ends = two_rows(mixing=trained)
    assert sampler.mixing == 1.0
    weights, _ = weights_between(decoded(sampler, 3000, 1)[0], ends)
    assert stats.kstest(weights[:, 0].clip(0, 1), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("mixing, asked", [("mixer", True), (1.0, False)])
def test_mixer_is_asked_where_it_shall_be(mixing, asked):
    sampler = quick(fitted(), mixing=mixing)
    seen = []
    mixer = sampler.estimator.net_.module_.mixer
    mixer.register_forward_hook(lambda *args: seen.append(1))
    sampler.fit_resample(A, Y)
    assert bool(seen) == asked


def test_weights_of_the_mixer_are_used(decoded):
    """A mixer that is made to always name the first row copies it."""
    sampler, ends = two_rows()
    sampler.set_params(mixing="mixer").fit_resample(A, np.r_[np.zeros(N - 2, int), [1, 1]])
    mixer = sampler.estimator_.net_.module_.mixer
    mixer.register_forward_hook(lambda _, inputs, alpha: torch.eye(2)[0].expand_as(alpha))
    z, _ = decoded(sampler, 400, 1)
    first = np.abs(z - ends[0]).max(axis=1) < 1e-5
    assert (first | (np.abs(z - ends[1]).max(axis=1) < 1e-5)).all()
    assert stats.binomtest(int(first.sum()), 400).pvalue > 1e-3  # groups are in random order


def test_mixing_is_fixed_by_the_fit():
    sampler = quick(fitted(mixing=None))
    sampler.fit_resample(A, Y)
    before = sampler.sample(5, 1, random_state=0)
    sampler.set_params(mixing="mixer")
    np.testing.assert_array_equal(sampler.sample(5, 1, random_state=0), before)


ONE_ROW = np.r_[np.zeros(N - 1, int), 1]
FEW = "Classes with fewer rows than n_mixed=2 repeat them in their combinations: {1: 1}"


@pytest.mark.parametrize("mixing", ["mixer", 1.0], ids=str)
def test_of_a_class_of_one_row_all_codes_are_one(decoded, mixing):
    sampler = quick(small(mixing=mixing))
    with pytest.warns(UserWarning, match=FEW):
        X_res, _ = sampler.fit_resample(A, ONE_ROW)
    new = X_res[N:]
    np.testing.assert_allclose(new, np.tile(new[:1], (N - 2, 1)), rtol=1e-5)
    z, _ = decoded(sampler, 30, 1)
    np.testing.assert_allclose(z, np.tile(codes_of(sampler, A[-1:]), (30, 1)), atol=1e-5)


def test_a_class_of_one_row_in_a_fitted_estimator_warns_no_more():
    with pytest.warns(UserWarning, match=FEW):
        mine = fitted(A, ONE_ROW)
    X_res, y_res = quick(mine).fit_resample(A, ONE_ROW)
    assert np.bincount(y_res).tolist() == [N - 1, N - 1]
    assert np.ptp(X_res[N:], axis=0).max() < 1e-4


def test_rows_of_the_result_are_the_decoded_codes():
    """Numbers are the decoder's own: nothing is added."""
    sampler = quick(small(latent_dim=2, mixing=1.0))
    sampler.fit_resample(A, Y)
    caught = []
    decoder = sampler.estimator_.net_.module_.averaged["decoder"]
    hook = decoder.register_forward_hook(lambda _, inputs, output: caught.append(output))
    rows = sampler.sample(6, 1)
    hook.remove()
    expected = sampler.encoder_.inverse_transform(torch.cat(caught).numpy())
    np.testing.assert_allclose(rows, expected, rtol=1e-6)


def test_rows_of_a_trained_one_lie_where_their_class_does():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 40])
    X = rng.normal(size=(len(y), 4)) + 6 * y[:, None]
    # A decoder that reconstructs needs far fewer steps than one that only convinces a critic.
    estimator = small(
        hidden_layer_sizes=(32,),
        dropout=0.0,
        learning_rate=5e-3,
        ema_decay=0.9,
        encoder_steps=1,
        max_steps=100,
        batch_size=16,
        decoder_mae_lambda=100.0,
    )
    new = quick(estimator).fit_resample(X, y)[0][len(X) :]
    np.testing.assert_allclose(new.mean(axis=0), 6, atol=1.5)
    assert (np.abs(new - 6) < np.abs(new)).mean() > 0.97


# ----------------------------------------------------------------- all or nothing, pickles, levels


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


def interrupt(*args, **kwargs):
    raise Interrupted


@pytest.mark.parametrize(
    "owner, hook",
    [(RAENet, "_encoder_step"), (RAENet, "codes"), (RAENet, "generate")],
    ids=["training", "encoding", "generating"],
)
def test_interrupted_call_leaves_the_sampler_as_it_was(monkeypatch, owner, hook):
    sampler, twin = quick(), quick()
    before = dict(vars(sampler))
    with monkeypatch.context() as patch:
        patch.setattr(owner, hook, interrupt)
        with pytest.raises((Interrupted, KeyboardInterrupt)):
            sampler.fit_resample(A, Y)
    assert vars(sampler) == before
    with pytest.raises(NotFittedError):
        sampler.sample(1, 1)
    sampler.fit_resample(A, Y)
    twin.fit_resample(A, Y)
    before = dict(vars(sampler))
    with monkeypatch.context() as patch:
        patch.setattr(owner, hook, interrupt)
        with pytest.raises((Interrupted, KeyboardInterrupt)):
            sampler.fit_resample(FRAME[["a", "b"]], THREE)
    assert vars(sampler) == before
    np.testing.assert_array_equal(sampler.sample(5, 1), twin.sample(5, 1))


def test_failed_call_leaves_the_earlier_fit():
    sampler = quick()
    sampler.fit_resample(FRAME, Y)
    before = dict(vars(sampler))
    with pytest.raises(ValueError, match="infinity"):
        sampler.fit_resample(np.full((N, 2), np.inf), Y)
    assert vars(sampler) == before
    sampler.set_params(estimator__learning_rate=1e30, estimator__max_steps=20)
    with pytest.raises(DivergedError, match="became nan in epoch 1"):
        sampler.fit_resample(A[:, :2], Y)
    assert vars(sampler) == before
    assert sampler.sample(3, 1).shape == (3, 3)


def test_refused_estimator_leaves_the_earlier_fit():
    sampler = quick()
    sampler.fit_resample(A, Y)
    sampler.estimator = small(decoder=False)
    before = dict(vars(sampler))
    with pytest.raises(ValueError, match="decoder=False"):
        sampler.fit_resample(A, Y)
    assert vars(sampler) == before
    assert sampler.sample(3, 1).shape == (3, 3)


@pytest.mark.parametrize("dump", [pickle, joblib], ids=["pickle", "joblib"])
@pytest.mark.parametrize("given", ["unfitted", "fitted", "frozen"])
def test_pickled_sampler_goes_on_where_it_stood(dump, given):
    mine = small() if given == "unfitted" else fitted(A, THREE)
    sampler = quick(FrozenEstimator(mine) if given == "frozen" else mine)
    sampler.fit_resample(A, THREE)
    file = io.BytesIO()
    dump.dump(sampler, file)
    file.seek(0)
    copy = dump.load(file)
    for target in (1, 2):
        np.testing.assert_array_equal(copy.sample(7, target), sampler.sample(7, target))
    assert copy.device_ == torch.device("cpu")
    assert state_of(copy.estimator_) == state_of(sampler.estimator_)
    assert copy.estimator_.history_ == sampler.estimator_.history_
    assert (copy.estimator_ is _unwrapped(copy.estimator)) == (given != "unfitted")
    np.testing.assert_array_equal(copy.fit_resample(A, THREE)[0], sampler.fit_resample(A, THREE)[0])


def test_pickle_of_another_device_goes_on_where_its_networks_do():
    sampler = quick()
    sampler.fit_resample(A, Y)
    sampler.device_ = torch.device("cuda", 0)  # as if fitted there; the networks come back here
    copy = pickle.loads(pickle.dumps(sampler))
    assert copy.device_ == torch.device("cpu")
    assert copy.sample(3, 1).shape == (3, 3)


def test_pickle_before_fitting():
    copy = pickle.loads(pickle.dumps(quick()))
    np.testing.assert_array_equal(copy.fit_resample(A, Y)[0], quick().fit_resample(A, Y)[0])


def test_unfitted_clone_forgets_and_repeats():
    sampler = quick(small(n_mixed=3), mixing=0.5)
    expected, _ = sampler.fit_resample(A, Y)
    copy = clone(sampler)
    assert set(vars(copy)) == set(RAESampler().get_params())
    np.testing.assert_array_equal(copy.fit_resample(A, Y)[0], expected)


def test_nothing_is_printed_and_nothing_warns_on_plain_data(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick().fit_resample(mixed_frame(), pd.Series(Y))
        quick(fitted(FRAME)).fit_resample(FRAME, Y)
    assert capfd.readouterr() == ("", "")


COLUMNS = {
    "few": lambda rng, n: rng.integers(0, 3, n),
    "bool": lambda rng, n: rng.random(n) < 0.1,
    "boolean": lambda rng, n: pd.array(rng.choice([True, False, None], n), dtype="boolean"),
    "word": lambda rng, n: rng.choice(["x", "y", "z", "rare"], n),
    "category": lambda rng, n: pd.Categorical(
        rng.choice(["x", "y"], n), categories=["q", "y", "x"]
    ),
    "mixed": lambda rng, n: rng.choice(np.array([1, "one", None], dtype=object), n),
    "many": lambda rng, n: pd.Categorical(rng.integers(0, 200, n).astype(str)),
}


@given(
    kinds=st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4),
    counts=st.lists(st.integers(1, 25), min_size=2, max_size=4),
    extra=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    mixing=st.sampled_from(["mixer", 0.1, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=20)
def test_decoded_categories_are_levels_of_the_training_data(kinds, counts, extra, mixing, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    X = pd.DataFrame({f"{k}{i}": COLUMNS[k](rng, len(y)) for i, k in enumerate(kinds)})
    X["number"] = rng.normal(size=len(y))
    before = X.copy(deep=True)
    wanted = {k: c + e for k, (c, e) in enumerate(zip(counts, extra, strict=False))}
    sampler = quick(sampling_strategy=wanted, mixing=mixing)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Classes with fewer rows than n_mixed")
        X_res, y_res = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_frame_equal(X_res.head(len(y)), X)
    np.testing.assert_array_equal(y_res[: len(y)], y)
    assert np.bincount(y_res).tolist() == list(wanted.values())
    assert X_res.dtypes.equals(X.dtypes)
    new = X_res.iloc[len(y) :]
    for name in X.columns[:-1]:
        assert set(new[name].dropna()) <= set(X[name].dropna())
        assert X[name].isna().any() or not new[name].isna().any()
    if len(new):
        assert X["number"].min() <= new["number"].min()
        assert new["number"].max() <= X["number"].max()

"""From the user's rows and labels to the network and back, whatever is trained in between."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

from imbdeep.classifiers import ERMClassifier
from imbdeep.classifiers._net import (
    ClassifierNet,
)
from imbdeep.classifiers.base import DeepClassifier
from imbdeep.encoding import TabularEncoder

N, N_MAJORITY = 40, 30
Y = np.r_[np.zeros(N_MAJORITY, int), np.ones(N - N_MAJORITY, int)]
A = np.random.default_rng(0).normal(size=(N, 3)) + 3 * Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 6, 6), dtype=np.uint8)
COUNTER = np.arange(N)
THIRD, SEVENTH = COUNTER % 3 == 0, COUNTER % 7 == 0
WORDS = np.array([f"s{i % 5}" for i in range(N)], dtype=object)
FRAME = pd.DataFrame(A, columns=["a", "b", "c"])


def quick(**params):
    """Next to no training: what is learned is no matter here."""
    few = {"max_epochs": 2, "batch_size": 16, "hidden_layer_sizes": (4,)}
    return ERMClassifier(**{**few, "device": "cpu", "random_state": 0, **params})


def able(**params):
    """Enough training for blobs that lie apart."""
    return quick(**{"max_epochs": 40, "learning_rate": 0.03, "warmup_epochs": 0, **params})


@pytest.fixture
def no_training(monkeypatch):
    """Training would take minutes; whatever can be refused is refused before."""

    def fail(*args, **kwargs):
        pytest.fail("it trained first")

    monkeypatch.setattr(ClassifierNet, "fit_loop", fail)


# -------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", "g", ">f4", ">f8", "i1", "i8", ">i4", "u1", "?"]
)
@pytest.mark.parametrize("encode", [True, False])
def test_array_of_any_dtype_is_read_and_left_as_it_was(dtype, encode):
    X = A > 1 if dtype == "?" else np.round(np.abs(A) * 20).astype(dtype)
    before = X.copy()
    classifier = quick(encode=encode).fit(X, Y)
    probabilities = classifier.predict_proba(X)
    np.testing.assert_array_equal(X, before)
    assert probabilities.shape == (N, 2)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-12)
    np.testing.assert_array_equal(classifier.predict(X), probabilities.argmax(1))
    if dtype in ("f8", "i8", "u1"):
        twin = quick(encode=encode).fit(X.astype("f4"), Y)
        np.testing.assert_array_equal(twin.predict_proba(X.astype("f4")), probabilities)


CONTAINERS = {
    "reversed": lambda X: X[::-1].copy()[::-1],
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "list": lambda X: X.tolist(),
    "tuple": lambda X: tuple(map(tuple, X.tolist())),
    "tensor": torch.tensor,
    "gradient": lambda X: torch.tensor(X, requires_grad=True),
    "csr": sp.csr_array,
    "csc": sp.csc_array,
    "csr matrix": sp.csr_matrix,
    "csc matrix": sp.csc_matrix,
    "coo": sp.coo_array,
    "pandas": pd.DataFrame,
    "named": lambda X: pd.DataFrame(X, columns=["a", "b", "c"], index=COUNTER[::-1] * 2),
    "polars": lambda X: pl.DataFrame(X, schema=["a", "b", "c"]),
}


@pytest.mark.parametrize("params", [{}, {"encode": False}], ids=str)
@pytest.mark.parametrize("kind", CONTAINERS)
def test_container_does_not_matter(kind, params):
    # a csc or reversed array may not keep the order of the sums within a row
    plain = quick(**params).fit(A, Y).predict_proba(A)
    X = CONTAINERS[kind](A)
    classifier = quick(**params).fit(X, Y)
    np.testing.assert_allclose(classifier.predict_proba(X), plain, rtol=1e-6)
    if kind in ("named", "polars"):
        assert classifier.feature_names_in_.tolist() == ["a", "b", "c"]
    assert classifier.n_features_in_ == 3


@pytest.mark.parametrize(
    "fitted, new",
    [
        ("csr", "csc"),
        ("csc", "list"),
        ("list", "csr"),
        ("named", "polars"),
        ("polars", "named"),
        ("pandas", "list"),
        ("tensor", "coo"),
    ],
)
def test_rows_to_predict_may_come_in_another_container(fitted, new):
    X = CONTAINERS[fitted](A)
    classifier = quick().fit(X, Y)
    found = classifier.predict_proba(CONTAINERS[new](A))
    np.testing.assert_array_equal(found, classifier.predict_proba(X))


def mixed_frame():
    return pd.DataFrame(
        {
            "float": A[:, 0],
            "holes": np.where(THIRD, np.nan, A[:, 1]),
            "int": COUNTER * 3,
            "bool": THIRD,
            "Int64": pd.array(np.where(SEVENTH, None, COUNTER), dtype="Int64"),
            "boolean": pd.array(np.where(SEVENTH, None, THIRD), dtype="boolean"),
            "category": pd.Categorical(WORDS, categories=["s4", "s3", "s2", "s1", "s0", "never"]),
            "object": np.where(THIRD, None, WORDS),
            "str": pd.array(WORDS, dtype="str"),
            "constant": 1.5,
            "nothing": np.full(N, np.nan),
        },
        index=COUNTER * 2 + 5,
    )


@pytest.mark.parametrize("early_stopping", [False, True])
def test_mixed_frame_with_missing_values(early_stopping):
    X = mixed_frame()
    y = pd.Series(Y, index=X.index)
    before = X.copy(deep=True)
    classifier = able(early_stopping=early_stopping).fit(X, y)
    assert classifier.score(X, y) > 0.9
    pd.testing.assert_frame_equal(X, before)
    assert (y == Y).all()
    shuffled = np.random.default_rng(0).permutation(N)
    np.testing.assert_allclose(
        classifier.predict_proba(X.iloc[shuffled]),
        classifier.predict_proba(X)[shuffled],
        rtol=1e-5,
    )


def test_unseen_levels_and_new_missing_values_at_predict():
    X = mixed_frame()
    classifier = quick().fit(X, Y)
    new = X.copy()
    new["str"] = pd.array(["unseen"] * N, dtype="str")
    new["category"] = pd.Categorical(["unseen"] * N)
    new["object"] = "unseen"
    new["float"] = np.nan  # had no missing values
    new["int"] = pd.array([None] * N, dtype="Int64")
    new["bool"] = pd.array([None] * N, dtype="boolean")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        probabilities = classifier.predict_proba(new)
    assert [str(w.message) for w in caught] == []
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(1), 1)
    # a level is unseen whatever it is called
    other = new.assign(str=pd.array(["also unseen"] * N, dtype="str"))
    np.testing.assert_array_equal(classifier.predict_proba(other), probabilities)


def test_polars_frame_with_missing_values():
    X = pl.DataFrame(
        {
            "f": A[:, 0],
            "holes": [None if t else float(a) for t, a in zip(THIRD, A[:, 1], strict=True)],
            "str": [None if t else w for t, w in zip(THIRD, WORDS, strict=True)],
            "enum": pl.Series(WORDS.tolist(), dtype=pl.Enum(sorted(set(WORDS)))),
            "bool": THIRD,
        }
    )
    before = X.clone()
    classifier = able().fit(X, pl.Series(Y))
    assert classifier.score(X, pl.Series(Y)) > 0.9
    assert X.equals(before)
    unseen = X.with_columns(str=pl.lit("unseen"), f=pl.lit(None, dtype=pl.Float64))
    assert np.isfinite(classifier.predict_proba(unseen)).all()
    same = pd.DataFrame({name: X[name].to_list() for name in X.columns})
    twin = able().fit(same, Y)
    np.testing.assert_allclose(
        twin.predict_proba(same), classifier.predict_proba(X), rtol=1e-5, atol=1e-12
    )


def test_columns_may_be_named_as_categories():
    X = np.c_[COUNTER, A[:, 0]]
    widths = {"auto": 2, (0,): N + 1, (True, False): N + 1, (0, 1): 2 * N}
    for named, width in widths.items():
        named = named if named == "auto" else list(named)
        classifier = quick(categorical_features=named).fit(X, Y)
        assert classifier.net_.module_.body[0].in_features == width


# -------------------------------------------------------------------------------------- images


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8", "i2", "?"])
@pytest.mark.parametrize("encode", [True, False])
def test_images_and_flattened_images_are_the_same(dtype, encode):
    X = IMAGES > 127 if dtype == "?" else IMAGES / 255 if dtype[0] == "f" else IMAGES
    X = X.astype(dtype)
    params = {"encode": encode, "module": "mlp", "early_stopping": True}
    images = quick(**params).fit(X, Y)
    flat = quick(image_shape=[1, 6, 6], **params).fit(X.reshape(N, -1), Y)
    np.testing.assert_array_equal(images.predict_proba(X), flat.predict_proba(X.reshape(N, -1)))
    assert images.n_features_in_ == 1
    assert flat.n_features_in_ == 36


def test_images_of_another_shape_are_refused():
    classifier = quick(module="mlp").fit(IMAGES, Y)
    message = r"rows of shape \(1, 5, 6\), and ERMClassifier was fitted on .* \(1, 6, 6\)"
    with pytest.raises(ValueError, match=message):
        classifier.predict(IMAGES[:, :, 1:])
    with pytest.raises(ValueError, match=r"shape|features"):
        classifier.predict(IMAGES[:, :, 0])
    with pytest.raises(ValueError, match=r"shape|features"):
        classifier.predict(np.repeat(IMAGES, 3, axis=1))


def test_images_for_a_classifier_of_tables_are_refused():
    X = IMAGES[:, 0, 0]
    with pytest.raises(ValueError, match="was fitted on a table: pass rows of shape"):
        quick().fit(X, Y).predict(X[:, :, None, None])


BAD_SHAPES = {
    "two numbers": (IMAGES.reshape(N, -1), (6, 6), r"image_shape=\(6, 6\) must be three positive"),
    "too few values": (IMAGES.reshape(N, -1), (1, 5, 5), r"does not fit X of shape \(\d+, 36\)"),
    "of images": (IMAGES, (1, 5, 5), r"does not fit X of shape \(\d+, 1, 6, 6\)"),
    "a frame": (pd.DataFrame(IMAGES.reshape(N, -1)), (1, 6, 6), r"pass X.to_numpy\(\)"),
    "sparse": (sp.csr_array(IMAGES.reshape(N, -1)), (1, 6, 6), r"or X.toarray\(\)"),
    "three dimensions": (IMAGES[:, 0], None, "grey images need"),
}


@pytest.mark.parametrize("case", BAD_SHAPES)
def test_image_shape_that_does_not_fit_is_refused_before_training(no_training, case):
    X, shape, message = BAD_SHAPES[case]
    with pytest.raises(ValueError, match=message):
        quick(image_shape=shape).fit(X, Y)


# -------------------------------------------------------------------------------------- labels

NAMES = np.array(["minor", "Major"])[1 - Y]  # sorts the other way round
TARGETS = {
    "int32": Y.astype("i4"),
    "float": Y.astype("f8"),
    "bool": Y == 1,
    "words": NAMES,
    "objects": NAMES.astype(object),
    "list": Y.tolist(),
    "series": pd.Series(Y, name="y", index=COUNTER[::-1] + 7),
    "string": pd.Series(NAMES, dtype="string"),
    "arrow": pd.Series(NAMES, dtype="string[pyarrow]"),
    "Int64": pd.Series(Y, dtype="Int64"),
    "boolean": pd.Series(Y == 1, dtype="boolean"),
    "category": pd.Series(pd.Categorical(NAMES, categories=["minor", "never", "Major"])),
    "polars": pl.Series("y", Y),
    "polars words": pl.Series("y", NAMES),
    "tensor": torch.tensor(Y),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_labels_of_any_kind(kind):
    y = TARGETS[kind]
    plain = y.numpy() if isinstance(y, torch.Tensor) else np.asarray(y)
    classifier = able().fit(A, y)
    expected = sorted(set(plain.tolist()))
    assert classifier.classes_.tolist() == expected
    assert classifier.class_counts_.tolist() == [plain.tolist().count(k) for k in expected]
    predicted = classifier.predict(A)
    assert np.mean(predicted == plain) > 0.9
    probabilities = classifier.predict_proba(A)
    np.testing.assert_array_equal(classifier.classes_[probabilities.argmax(1)], predicted)
    # The network does not know what the classes are called, only their order.
    order = [plain.tolist()[0], plain.tolist()[-1]]
    if order == expected:
        twin = able().fit(A, Y)
        np.testing.assert_array_equal(probabilities, twin.predict_proba(A))


def with_missing(values, missing, **kwargs):
    return pd.Series([missing, *values[1:]], **kwargs)


BAD_Y = {
    "None": (None, "requires y to be passed, but the target y is None"),
    "one class": (np.full(N, 7), "y holds one class, 7: a classifier needs rows of two classes"),
    "one word": (["a"] * N, "y holds one class, .*'a'.*"),
    "numbers": (A[:, 0], "Unknown label type"),
    "multilabel": (np.eye(2, dtype=int)[Y], "Multilabel and multioutput targets are not supported"),
    "several columns": (
        np.c_[Y, Y, Y + 1],
        "Multilabel and multioutput targets are not supported",
    ),
    "fewer": (Y[1:], "inconsistent numbers of samples"),
    "missing": ([None, *NAMES[1:].tolist()], "y holds missing labels: drop those rows"),
    "NaN": (np.where(COUNTER == 0, np.nan, Y), "y holds missing labels"),
    "missing word": (with_missing(NAMES.tolist(), None, dtype="string"), "y holds missing labels"),
    "missing Int64": (with_missing(Y.tolist(), None, dtype="Int64"), "y holds missing labels"),
    "missing level": (with_missing(NAMES.tolist(), None, dtype="category"), "holds missing labels"),
    "missing polars": (pl.Series([None, *Y[1:].tolist()]), "y holds missing labels"),
    "infinite": (np.where(COUNTER == 0, np.inf, Y), "y contains infinity"),
}


@pytest.mark.parametrize("X", [A, FRAME], ids=["array", "frame"])
@pytest.mark.parametrize("case", BAD_Y)
def test_bad_labels_are_refused_before_training(no_training, case, X):
    y, message = BAD_Y[case]
    classifier = quick()
    with pytest.raises(ValueError, match=message):
        classifier.fit(X, y)
    assert vars(classifier) == quick().get_params()


BAD_X = {
    "infinity": (np.where(A[3, 1] == A, np.inf, A), {}, ValueError, "contains infinity"),
    "infinity as it is": (
        np.where(A[3, 1] == A, np.inf, A),
        {"encode": False},
        ValueError,
        "infinity",
    ),
    "infinity in a frame": (
        FRAME.replace(A[3, 1], -np.inf),
        {},
        ValueError,
        "'b' contains infinity",
    ),
    "missing as it is": (
        np.where(A[3, 1] == A, np.nan, A),
        {"encode": False},
        ValueError,
        "X contains NaN",
    ),
    "missing in a frame as it is": (
        FRAME.replace(A[3, 1], np.nan),
        {"encode": False},
        ValueError,
        "X contains NaN",
    ),
    "words as they are": (np.c_[A.astype(object), NAMES], {"encode": False}, ValueError, "convert"),
    "dates": (
        FRAME.assign(t=pd.date_range("2020", periods=N)),
        {},
        TypeError,
        "'t' holds dates or times",
    ),
    "lazy": (pl.LazyFrame({"a": A[:, 0]}), {}, TypeError, r"LazyFrame.*X\.collect\(\)"),
    "one dimension": (A[:, 0], {}, ValueError, "Expected 2D array, got 1D array"),
    "no column": (A[:, :0], {}, ValueError, r"0 feature\(s\)"),
    "fewer rows": (A[:-1], {}, ValueError, "inconsistent numbers of samples"),
    "fewer rows in a frame": (FRAME[:-1], {}, ValueError, "inconsistent numbers of samples"),
    "only constants": (np.full((N, 2), 3.5), {}, ValueError, "All 2 columns of X are constant"),
    "missing pixels": (np.where(IMAGES > 99, np.nan, 1), {}, ValueError, "contains NaN"),
}


@pytest.mark.parametrize("case", BAD_X)
def test_bad_rows_are_refused_before_training(no_training, case):
    X, params, error, message = BAD_X[case]
    classifier = quick(**params)
    with pytest.raises(error, match=message):
        classifier.fit(X, Y)
    assert vars(classifier) == quick(**params).get_params()


# ------------------------------------------------------------------------------------- features


@pytest.mark.parametrize("params", [{}, {"criterion": "ldam"}, {"hidden_layer_sizes": (7, 5)}])
@pytest.mark.parametrize("X", [A, FRAME, IMAGES], ids=["array", "frame", "images"])
def test_features_are_what_the_last_layer_is_given(X, params):
    classifier = quick(module="mlp", **params).fit(X, Y)
    features = classifier.penultimate_features(X)
    module = classifier.net_.module_
    network = module[1] if isinstance(module, nn.Sequential) else module
    width = classifier.hidden_layer_sizes[-1]
    assert features.shape == (N, width)
    assert features.dtype == np.float32
    x = torch.from_numpy(np.asarray(classifier.encoder_.transform(X))).view(-1, *np.shape(X)[1:])
    with torch.no_grad():
        x = module[0](x) if isinstance(module, nn.Sequential) else x
        np.testing.assert_allclose(features, network.body(x.flatten(1)), rtol=1e-5, atol=1e-6)
        logits = network.head(torch.from_numpy(features)).double()
    scale = classifier.ldam_scale if params.get("criterion") == "ldam" else 1
    np.testing.assert_allclose(
        classifier.predict_proba(X), torch.softmax(scale * logits, 1), rtol=1e-3
    )
    assert not network.head._forward_pre_hooks  # nothing is left behind


# ------------------------------------------------------------------------ a call is all or nothing


class Broken(nn.Module):
    """Fails in the middle of the training."""

    def __init__(self, n_features, n_classes, error=RuntimeError):
        super().__init__()
        self.layer, self.error, self.calls = nn.Linear(n_features, n_classes), error, 0

    def forward(self, x):
        self.calls += self.training
        if self.calls == 4:
            raise self.error
        return self.layer(x)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failed_fit_leaves_no_trace(error):
    classifier = quick(module=Broken, module_params={"error": error})
    with pytest.raises(error):
        classifier.fit(A, Y)
    assert vars(classifier) == quick(module=Broken, module_params={"error": error}).get_params()

    fitted = quick().fit(FRAME, Y)
    expected = fitted.predict_proba(FRAME)
    fitted.set_params(module=Broken, module_params={"error": error})
    before = dict(vars(fitted))
    with pytest.raises(error):
        fitted.fit(IMAGES.reshape(N, -1), NAMES)
    assert vars(fitted) == before
    assert all(vars(fitted)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(fitted.set_params(module="auto").predict_proba(FRAME), expected)


# ---------------------------------------------------------------------------------- early stopping


class Rows(Callback):
    """Notes which rows are seen, by a column that tells them apart."""

    def initialize(self):
        self.seen_ = {True: [], False: []}
        return self

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.seen_[training] += batch[0][:, -1].int().tolist()


def noise(n, n_classes=3, seed=0):
    """Labels that cannot be learned: the validation score goes up and down."""
    rng = np.random.default_rng(seed)
    X = np.c_[rng.normal(size=(n, 4)), np.arange(n)]
    return X, np.sort(rng.integers(0, n_classes, n))


@pytest.mark.parametrize("params", [{}, {"sampling": "balanced"}], ids=str)
def test_held_out_rows_are_never_trained_on(params):
    X, y = noise(90)
    spy = Rows()
    classifier = quick(
        early_stopping=True, validation_fraction=0.2, encode=False, callbacks=[spy], **params
    ).fit(X, y)
    trained, held_out = set(spy.seen_[True]), set(spy.seen_[False])
    assert not trained & held_out
    assert len(held_out) == 18
    assert len(spy.seen_[True]) == 2 * 72
    expected = np.bincount(y) - np.bincount(y[sorted(held_out)])
    assert classifier.class_counts_.tolist() == expected.tolist()
    if not params:
        assert len(trained) == 72
    # stratified: each class gives its share
    np.testing.assert_allclose(np.bincount(y[sorted(held_out)]), np.bincount(y) / 5, atol=1)


def split_of(monkeypatch, classifier, X, y):
    """Fit, and return the rows that the training and the validation got."""
    found, split = [], DeepClassifier._split

    def spied(self, codes, stream):
        found.append(split(self, codes, stream))
        return found[-1]

    with monkeypatch.context() as patch:
        patch.setattr(DeepClassifier, "_split", spied)
        classifier.fit(X, y)
    return found[0]


def test_the_best_epoch_is_kept(monkeypatch):
    X, y = noise(120)
    classifier = quick(
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=4,
        max_epochs=100,
        learning_rate=0.05,
        warmup_epochs=0,
    )
    _, held_out = split_of(monkeypatch, classifier, X, y)
    scores = [epoch["validation_balanced_accuracy"] for epoch in classifier.history_]
    best = int(np.argmax(scores))
    assert len(scores) < 100
    assert len(scores) - 1 - best == 4
    assert scores[-1] < scores[best]
    found = balanced_accuracy_score(y[held_out], classifier.predict(X[held_out]))
    assert found == pytest.approx(scores[best])


def test_only_classes_of_one_row_cannot_be_held_out(no_training):
    with pytest.raises(ValueError, match="early_stopping"):
        quick(early_stopping=True, validation_fraction=0.5).fit(A[:4], [0, 1, 2, 3])


def test_encoder_sees_training_rows_only(monkeypatch):
    X, y = noise(90)
    classifier = quick(early_stopping=True)
    train, held_out = split_of(monkeypatch, classifier, X, y)
    expected = TabularEncoder().fit(X[train])
    np.testing.assert_array_equal(classifier.encoder_.transform(X), expected.transform(X))
    assert len(train) == 81
    assert len(held_out) == 9


# ----------------------------------------------------------------------------------- friends


def test_grid_search_in_worker_processes():
    X, y = load_iris(return_X_y=True)
    X, y = X[:110], y[:110]  # 50, 50, 10
    grid = {"hidden_layer_sizes": [(), (8,)], "class_weight": [None, "balanced"]}
    search = GridSearchCV(able(max_epochs=15), grid, cv=2, scoring="balanced_accuracy")
    serial = clone(search).fit(X, y)
    assert serial.best_score_ > 0.7
    parallel = clone(search).set_params(n_jobs=2).fit(X, y)
    expected = serial.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(parallel.cv_results_["mean_test_score"], expected)


def test_tags_follow_the_encoding():
    for encode in (True, False):
        tags = quick(encode=encode).__sklearn_tags__()
        assert tags.input_tags.allow_nan is encode
        assert tags.input_tags.string is encode
        assert tags.input_tags.sparse
        assert tags.estimator_type == "classifier"


@pytest.mark.parametrize("unit", [255.0, 1.0])
def test_images_of_another_kind_of_number_are_refused(unit):
    classifier = quick(module="mlp").fit(IMAGES, Y)
    with pytest.raises(ValueError, match=r"dtype float64, and the encoder was fitted on uint8"):
        classifier.predict(IMAGES / unit)
    assert len(classifier.predict(IMAGES)) == N

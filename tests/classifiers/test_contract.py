"""What all classifiers promise: rows and labels of any kind, seeds, refits, failures."""

import datetime
import enum
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from skorch.callbacks import Callback
from torch.optim.optimizer import register_optimizer_step_pre_hook

from imbdeep.encoding import TabularEncoder
from imbdeep.seeding import abort_on_interrupt
from imbdeep.training import DivergedError
from tests.test_common import CLASSIFIERS, VOTING, changed

# What so little training, on so few rows, is warned of.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}:UserWarning")
    for message in ("The generator has", "Only .* marked rows", "The mixing weights", "Classes ")
]

N = 40
Y = np.r_[np.zeros(30, int), np.ones(10, int)]
A = np.random.default_rng(0).normal(size=(N, 3)) + 3 * Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 6, 6), dtype=np.uint8)
FRAME = pd.DataFrame(A, columns=["a", "b", "c"])
COUNTER = np.arange(N)
THIRD, SEVENTH = COUNTER % 3 == 0, COUNTER % 7 == 0
WORDS = np.array([f"s{i % 5}" for i in range(N)], dtype=object)
NAMES = np.where(Y, "Major", "minor")  # sorts the other way round

#: Next to no training: what is learned is no matter here.
BRIEF = [
    changed(CLASSIFIERS[0], max_epochs=2, module="mlp"),
    changed(CLASSIFIERS[1], max_epochs=2, module="mlp", gamma=0.0),
    changed(CLASSIFIERS[2], max_steps=5),
    changed(CLASSIFIERS[3], max_steps=3),
]
each, each_able = (
    pytest.mark.parametrize("classifier", some, indirect=True, ids=lambda c: type(c).__name__)
    for some in (BRIEF, CLASSIFIERS)
)


@pytest.fixture
def classifier(request):
    return clone(request.param)


class Untrained(Callback):
    """Fails a test in which a training begins."""

    def on_train_begin(self, net, **kwargs):
        pytest.fail("it trained first")


@pytest.fixture
def untrained(classifier):
    return changed(classifier, callbacks=[Untrained()])


def fresh(classifier):
    """Whether nothing of a fit is left."""
    return vars(classifier).keys() == classifier.get_params(deep=False).keys()


# ------------------------------------------------------------------------------------------- rows

CONTAINERS = {
    "reversed": lambda X: X[::-1].copy()[::-1],
    "fortran": np.asfortranarray,
    "list": lambda X: X.tolist(),
    "tuple": lambda X: tuple(map(tuple, X.tolist())),
    "tensor": lambda X: torch.tensor(X, requires_grad=True),
    "masked": np.ma.masked_array,
    "csr": sp.csr_array,
    "csc matrix": sp.csc_matrix,
    "coo": sp.coo_array,
    "pandas": pd.DataFrame,
    "named": lambda X: pd.DataFrame(X, columns=["a", "b", "c"], index=COUNTER[::-1] * 2),
    "polars": lambda X: pl.DataFrame(X, schema=["a", "b", "c"]),
    "pyarrow": lambda X: pa.table({name: X[:, j] for j, name in enumerate("abc")}),
}


@each
@pytest.mark.parametrize("encode", [True, False])
def test_container_of_the_rows_does_not_matter(classifier, encode):
    classifier = changed(classifier, encode=encode)
    expected = classifier.fit(A, Y).predict_proba(A)
    for kind, make in CONTAINERS.items():
        if encode or kind not in ("masked", "pyarrow"):
            X = make(A)
            found = clone(classifier).fit(X, Y)
            # A csc or reversed array may not keep the order of the sums within a row.
            np.testing.assert_allclose(found.predict_proba(X), expected, rtol=1e-4, err_msg=kind)
            assert found.n_features_in_ == 3
            if kind in ("named", "polars", "pyarrow"):
                assert found.feature_names_in_.tolist() == ["a", "b", "c"]
            if kind in ("csr", "tuple", "tensor", "pandas"):  # rows to predict in another one
                assert found.predict_proba(A.tolist()).tobytes() == found.predict_proba(X).tobytes()


@each
def test_rows_stay_as_they_are_whatever_their_dtype(classifier):
    for dtype in ("f2", ">f8", "g", "i1", "i8", "u1", "?"):
        X = A > 1 if dtype == "?" else np.round(np.abs(A) * 20).astype(dtype)
        before = X.copy()
        probabilities = classifier.fit(X, Y).predict_proba(X)
        np.testing.assert_array_equal(X, before)
        assert (probabilities.shape, probabilities.dtype) == ((N, 2), np.float64)
        np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-12)
        np.testing.assert_array_equal(classifier.predict(X), probabilities.argmax(1))


def mixed_frame():
    return pd.DataFrame(
        {
            "float": A[:, 0],
            "holes": np.where(THIRD, np.nan, A[:, 1]),
            "int": COUNTER * 3 % 11,
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


@each_able
def test_mixed_frames_with_missing_values_and_unseen_levels(classifier):
    X = mixed_frame()
    before, y = X.copy(deep=True), pd.Series(Y, index=X.index)
    classifier = clone(classifier).fit(X, y)
    assert balanced_accuracy_score(Y, classifier.predict(X)) > 0.8
    pd.testing.assert_frame_equal(X, before)
    new = X.assign(
        str=pd.array(["unseen"] * N, dtype="str"),
        category=pd.Categorical(["unseen"] * N),
        object="unseen",
        float=np.nan,  # had no missing values
        int=pd.array([None] * N, dtype="Int64"),
        bool=pd.array([None] * N, dtype="boolean"),
    )
    probabilities = classifier.predict_proba(new)
    assert np.isfinite(probabilities).all()
    # A level is unseen whatever it is called.
    other = new.assign(str=pd.array(["also unseen"] * N, dtype="str"))
    np.testing.assert_array_equal(classifier.predict_proba(other), probabilities)


@each
def test_columns_may_be_named_as_categories(classifier):
    X = np.c_[COUNTER, A[:, 0]]
    widths = {"auto": 2, (0,): N + 1, (True, False): N + 1, (0, 1): 2 * N}
    for named, width in widths.items():
        named = named if named == "auto" else list(named)
        encoder = changed(classifier, categorical_features=named).fit(X, Y).encoder_
        assert len(encoder.get_feature_names_out()) == width


BAD_X = {
    "infinity": (np.where(A[3, 1] == A, np.inf, A), {}, "contains infinity"),
    "infinity as it is": (np.where(A[3, 1] == A, np.inf, A), {"encode": False}, "infinity"),
    "infinity in a frame": (FRAME.replace(A[3, 1], -np.inf), {}, "'b' contains infinity"),
    "missing as it is": (np.where(A[3, 1] == A, np.nan, A), {"encode": False}, "X contains NaN"),
    "words as they are": (np.c_[A.astype(object), NAMES], {"encode": False}, "convert"),
    "dates": (FRAME.assign(t=pd.date_range("2020", periods=N)), {}, "'t' holds dates or times"),
    "lazy": (pl.LazyFrame({"a": A[:, 0]}), {}, r"LazyFrame.*X\.collect\(\)"),
    "one dimension": (A[:, 0], {}, "Expected 2D array, got 1D array"),
    "no column": (A[:, :0], {}, r"0 feature\(s\)"),
    "fewer rows": (A[:-1], {}, "inconsistent numbers of samples"),
    "fewer rows in a frame": (FRAME[:-1], {}, "inconsistent numbers of samples"),
    "only constants": (np.full((N, 2), 3.5), {}, "All 2 columns of X are constant"),
    "missing pixels": (np.where(IMAGES > 99, np.nan, 1), {}, "contains NaN"),
    "masked pixels": (np.ma.masked_less(IMAGES / 255, 0.1), {}, "pixels are masked"),
    "categories of images": (
        IMAGES,
        {"categorical_features": [0]},
        "is for tables that are encoded here",
    ),
}
BAD_Y = {
    "None": (None, "requires y to be passed, but the target y is None"),
    "one class": (np.full(N, 7), "y holds one class, 7: a classifier needs rows of two classes"),
    "one word": (["a"] * N, "y holds one class, .*'a'.*"),
    "numbers": (A[:, 0], "Unknown label type"),
    "multilabel": (np.eye(2, dtype=int)[Y], "Multilabel and multioutput targets are not supported"),
    "several columns": (np.c_[Y, Y, Y + 1], "Multilabel and multioutput targets are not supported"),
    "fewer": (Y[1:], "inconsistent numbers of samples"),
    "missing": ([None, *NAMES[1:].tolist()], "y holds missing labels: drop those rows"),
    "masked": (np.ma.masked_array(Y, Y == 1), "missing labels"),
    "infinite": (np.where(COUNTER == 0, np.inf, Y), "y contains infinity"),
    "several types": (pd.Series(["1" if v else 0 for v in Y], dtype=object), "several types"),
    "no order": ([enum.Enum("Colour", "RED BLUE")(v + 1) for v in Y.tolist()], "no order"),
    "two levels": (pd.MultiIndex.from_arrays([Y, Y]), "MultiIndex"),
}
BAD_PARAMETERS = {
    "hidden_layer_sizes": ((4, 0), r"hidden_layer_sizes=\(4, 0\) must be positive integers"),
    "device": ("abacus", "device='abacus' is not a device"),
    "training_params": (
        {"speed": 3},
        r"training_params has \['speed'\], which it does not take: give some of \['",
    ),
    "weight_decay": (-1, "'weight_decay' parameter of .* must be a float in the range"),
}


@each
def test_what_does_not_fit_is_refused_before_training(classifier, untrained):
    cases = [
        *((X, Y, params, message) for X, params, message in BAD_X.values()),
        *((X, y, {}, message) for y, message in BAD_Y.values() for X in (A, FRAME)),
    ]
    for X, y, params, message in cases:
        bad = changed(untrained, **params)
        with pytest.raises((ValueError, TypeError), match=message):
            bad.fit(X, y)
        assert fresh(bad)
    for name, (value, message) in BAD_PARAMETERS.items():
        bad = changed(untrained)
        if name in bad._TRAINING:
            name, value = "training_params", {name: value}
        bad = changed(bad, **{name: value})
        with pytest.raises((ValueError, TypeError), match=message):
            bad.fit(A, Y)
        assert fresh(bad)


@each
def test_a_class_of_one_row_is_never_held_out(classifier, untrained):
    with pytest.raises(ValueError, match="early_stopping holds rows out, and every class has one"):
        changed(untrained, early_stopping=True).fit(A[:4], [0, 1, 2, 3])
    y = np.where(COUNTER == 0, 2, Y)
    stopped = changed(classifier, early_stopping=True, validation_fraction=0.5).fit(A, y)
    assert stopped.class_counts_.tolist() == [15, 5, 1]


# ------------------------------------------------------------------------------------------ images


@each
def test_images_and_flattened_images_are_the_same(classifier):
    for dtype in ("u1", "f4", "f8", "i2", "?"):
        X = IMAGES > 127 if dtype == "?" else IMAGES / 255 if dtype[0] == "f" else IMAGES
        X, encode = X.astype(dtype), dtype != "f4"
        images = changed(classifier, encode=encode, early_stopping=True)
        flat = changed(images, image_shape=[1, 6, 6]).fit(X.reshape(N, -1), Y)
        images.fit(X, Y)
        expected = images.predict_proba(X)
        assert flat.predict_proba(X.reshape(N, -1)).tobytes() == expected.tobytes()
        assert flat.predict_proba(X).tobytes() == expected.tobytes()
        assert (images.n_features_in_, flat.n_features_in_) == (1, 36)
        if hasattr(flat, "translate"):
            assert flat.translate(X.reshape(N, -1), 1).shape == (N, 36)


@each
def test_images_of_another_kind_are_refused(classifier):
    name = type(classifier).__name__
    classifier.fit(IMAGES, Y)
    message = rf"rows of shape \(1, 5, 6\), and {name} was fitted on .* \(1, 6, 6\)"
    with pytest.raises(ValueError, match=message):
        classifier.predict(IMAGES[:, :, 1:])
    for other in (IMAGES[:, :, 0], np.repeat(IMAGES, 3, axis=1)):
        with pytest.raises(ValueError, match=r"shape|features"):
            classifier.predict(other)
    with pytest.raises(ValueError, match=r"dtype float64, and the encoder was fitted on uint8"):
        classifier.predict(IMAGES / 255)
    with pytest.raises(ValueError, match="pixels are masked"):
        classifier.predict(np.ma.masked_less(IMAGES, 9))
    with pytest.raises(ValueError, match="was fitted on a table: pass rows of shape"):
        clone(classifier).fit(A, Y).predict(A[:, :, None, None])


# ------------------------------------------------------------------------------------------ labels

DAYS = pd.to_datetime(np.where(Y, "2020-01-01", "2021-06-05"))
LABELS = {
    "int32": Y.astype("i4"),
    "float": Y.astype("f8"),
    "bool": Y == 1,
    "words": NAMES,
    "objects": NAMES.astype(object),
    "list": Y.tolist(),
    "series": pd.Series(Y, name="y", index=COUNTER[::-1] + 7),
    "Int64": pd.Series(Y, dtype="Int64"),
    "boolean": pd.Series(Y == 1, dtype="boolean"),
    "category": pd.Series(pd.Categorical(NAMES, categories=["minor", "never", "Major"])),
    "tensor": torch.tensor(Y),
    "dates": pd.Series(DAYS),
    "decimals": [Decimal(int(v)) for v in Y],
    "tuples": [("a", int(v)) for v in Y],
    "bytes": NAMES.astype("S"),
    "pyarrow": pa.array(NAMES.tolist()),
    "polars": pl.Series([datetime.date(2020, 1, 1 + int(v)) for v in Y]),
    "masked": np.ma.masked_array(Y),
}


@each
def test_labels_of_any_kind_are_predicted_and_scored(classifier):
    up = clone(classifier).fit(A, Y).predict_proba(A)
    down = clone(classifier).fit(A, 1 - Y).predict_proba(A)
    for kind, y in LABELS.items():
        found = clone(classifier).fit(A, y)
        given = (y.to_pylist() if kind == "pyarrow" else list(y))[-1]
        predicted = found.predict(A).tolist()
        classes = found.classes_.tolist()
        assert set(predicted) <= set(classes)
        rare = classes[int(np.argmin(found.class_counts_))]
        assert rare == given or np.datetime64(rare) == np.datetime64(given), kind
        expected = up if rare == classes[1] else down  # the order of the labels is all that counts
        assert found.predict_proba(A).tobytes() == expected.tobytes()
        accuracy = np.mean((found.predict_proba(A).argmax(1) == classes.index(rare)) == Y)
        assert found.score(A, y) == pytest.approx(accuracy)


# ------------------------------------------------------------------------- seeds, refits, pickles


@each
def test_the_seed_decides(classifier):
    expected = clone(classifier).fit(A, Y).predict_proba(A).tobytes()
    stream = changed(classifier, random_state=np.random.RandomState(0))
    found = [stream.fit(A, Y).predict_proba(A).tobytes() for _ in range(2)]
    assert found[0] == expected != found[1]  # it goes on
    for other in (1, None):
        found = changed(classifier, random_state=other).fit(A, Y)
        assert found.predict_proba(A).tobytes() != expected


@each
def test_a_refit_leaves_nothing_of_an_earlier_fit(classifier):
    for X, y in ((A, Y), (FRAME, NAMES), (mixed_frame(), Y), (IMAGES, np.where(SEVENTH, 2, Y))):
        new = clone(classifier).fit(X, y)
        classifier.fit(X, y)
        assert vars(classifier).keys() == vars(new).keys()
        assert len(classifier.history_) == len(new.history_)
        assert classifier.predict_proba(X).tobytes() == new.predict_proba(X).tobytes()
        again = pickle.loads(pickle.dumps(classifier))
        assert again.predict_proba(X).tobytes() == new.predict_proba(X).tobytes()
    classifier.set_params(random_state=7)
    assert classifier.predict_proba(X).tobytes() == new.predict_proba(X).tobytes()


@each
def test_a_pickle_holds_no_training_rows_but_the_anchors(classifier):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [150, 30, 20])
    X = rng.normal(size=(200, 8)).astype("f4")
    for early_stopping in (False, True):
        found = changed(classifier, encode=False, early_stopping=early_stopping).fit(X, y)
        held = pickle.dumps(found)
        anchors = y > 0 if type(found).__name__ == "GAMOClassifier" else y > 2
        assert not any(row.tobytes() in held for row in X[~anchors])


@each
def test_held_out_rows_are_a_share_of_each_class_and_not_encoded(classifier):
    X = np.c_[A, COUNTER]
    seen = []

    class Rows(Callback):
        def on_train_begin(self, net, X=None, y=None, **kwargs):
            seen.extend([X, net.train_split(X)[1].X])

    stopped = changed(
        classifier, early_stopping=True, validation_fraction=0.2, callbacks=[Rows()]
    ).fit(X, Y)
    train, held_out = (x.shape[0] for x in seen)
    assert (train, held_out) == (32, 8)
    assert stopped.class_counts_.tolist() == [24, 8]
    whole = torch.cat(seen)[:, -1]
    kept = np.argsort(np.argsort(whole.numpy()))[:32]  # the counter says which rows these are
    expected = TabularEncoder().fit(X[kept], Y[kept]).transform(X)
    np.testing.assert_array_equal(stopped.encoder_.transform(X), expected)


@each
def test_the_best_epoch_is_kept(classifier):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 4)), np.sort(rng.integers(0, 3, 120))  # cannot be learned
    held_out = []

    class Rows(Callback):
        def on_train_begin(self, net, X=None, **kwargs):
            held_out.append(net.train_split(X)[1])

    lengths = [{"max_epochs": 30, "defer": 0}] * 2
    lengths += [{"max_steps": 500}, {"max_steps": 200, "training_params": {"game_steps": 20}}]
    length = lengths[[type(c) for c in BRIEF].index(type(classifier))]
    classifier = changed(
        classifier,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=4,
        callbacks=[Rows()],
        **length,
    ).fit(X, y)
    scores = [epoch["validation_balanced_accuracy"] for epoch in classifier.history_]
    best = int(np.argmax(scores))
    (rows,) = held_out
    found = classifier.net_.predict(rows)
    assert balanced_accuracy_score(rows.y.cpu(), found) == pytest.approx(scores[best])
    assert len(scores) - 1 - best <= 4


# ---------------------------------------------------------------------- failures and interruptions


@pytest.fixture
def stop():
    """Raises an error at some of the steps of the optimisers: the first is 1."""
    plan = {"n": 0, "at": (), "error": KeyboardInterrupt}

    def call(optimizer, args, kwargs):
        plan["n"] += 1
        if plan["n"] in plan["at"]:
            raise plan["error"]

    def begin(*at, error=KeyboardInterrupt):
        plan.update(n=0, at=at, error=error)
        return plan

    handle = register_optimizer_step_pre_hook(call)
    yield begin
    handle.remove()


@each
def test_a_fit_that_fails_leaves_the_classifier_as_it_was(classifier, stop):
    plan = stop()
    expected = clone(classifier).fit(A, Y).predict_proba(A)
    for at, error in ((plan["n"], RuntimeError), (1, KeyboardInterrupt), (2, SystemExit)):
        stop(at, error=error)
        with pytest.raises(error):
            classifier.fit(A, Y)
        assert fresh(classifier)
    stop()
    assert classifier.fit(A, Y).predict_proba(A).tobytes() == expected.tobytes()
    before = dict(vars(classifier))
    stop(2, error=RuntimeError)
    for X, y, error in ((FRAME, NAMES, RuntimeError), (A[:, 1:], np.full(N, 3), ValueError)):
        with pytest.raises(error):
            classifier.fit(X, y)
        assert vars(classifier) == before
    assert classifier.predict_proba(A).tobytes() == expected.tobytes()


@each_able
def test_ctrl_c_keeps_what_was_learned_and_the_second_one_aborts(classifier, stop):
    plan = stop()
    whole = len(clone(classifier).fit(A, Y).history_)
    n = plan["n"]
    stop(n - 1)
    kept = clone(classifier)
    with pytest.warns(UserWarning, match=rf"interrupted in epoch \d+ of at most {whole}: the w"):
        kept.fit(A, Y)
    assert {"loss", "epoch"} <= kept.history_[-1].keys()
    assert np.isfinite(pickle.loads(pickle.dumps(kept)).predict_proba(A)).all()
    assert vars(kept).keys() == vars(clone(classifier).fit(A, Y)).keys()

    stop(n - 1)
    best = changed(classifier, early_stopping=True, n_iter_no_change=99)
    if hasattr(best, "defer"):
        best.set_params(defer=0)  # early stopping looks at the epochs after it
    with pytest.warns(UserWarning, match="the best weights so far, of epoch [1-9]"):
        best.fit(np.r_[A, A], np.r_[Y, Y])
    stop(n - 1)
    aborted = clone(classifier)
    with abort_on_interrupt(), pytest.raises(KeyboardInterrupt):
        aborted.fit(A, Y)
    assert fresh(aborted)

    class Again(Callback):  # presses Ctrl-C while the epoch is brought to its end
        def on_train_end(self, net, **kwargs):
            raise KeyboardInterrupt

    stop(n - 1)
    twice = changed(classifier, callbacks=[Again()])
    with pytest.raises(KeyboardInterrupt):
        twice.fit(A, Y)
    assert fresh(twice)


@each_able
def test_a_training_that_diverges_says_what_to_try(classifier):
    steep = changed(classifier, learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"became -?(nan|inf) in epoch 1\. Try a smaller lear"):
        steep.fit(A, Y)
    assert fresh(steep)


# -------------------------------------------------------------------------------- the constructor


@pytest.mark.parametrize("estimator", CLASSIFIERS + VOTING, ids=lambda e: type(e).__name__)
def test_parameters_are_at_most_27(estimator):
    assert len(estimator.get_params(deep=False)) <= 27

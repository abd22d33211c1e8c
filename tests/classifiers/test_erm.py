"""Weights, re-sampling and deferral as the formulas say, and training by parts."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import Callback
from torch import nn

from imbdeep.classifiers import ERMClassifier
from imbdeep.classifiers.schedules import DeferredResampling, DeferredReweighting
from imbdeep.losses import LDAMLoss, inverse_frequency_weights
from tests.test_common import made

COUNTS = [24, 12, 4]
N = sum(COUNTS)
Y = np.repeat([0, 1, 2], COUNTS)
X = np.random.default_rng(0).normal(size=(N, 2)).astype("f4")
BLOBS = X + 3 * np.array([[0, 0], [1, 0], [0, 1]], dtype="f4")[Y]
SOME = np.r_[0:9, 24:30, 36:39]  # rows of all classes


def quick(**params):
    few = {"max_epochs": 2, "batch_size": 16, "hidden_layer_sizes": (4,)}
    return made(ERMClassifier, **{**few, "device": "cpu", "random_state": 0, **params})


def descent(**params):
    """Plain gradient descent on all rows, without anything that softens it."""
    plain = {
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.0,
        "learning_rate": 0.1,
        "warmup_epochs": 0,
        "milestones": (),
        "batch_size": N,
        "max_epochs": 1,
        "hidden_layer_sizes": (),
        "encode": False,
    }
    return quick(**{**plain, **params})


class Start(Callback):
    """Keeps the weights with which the training starts."""

    def on_train_begin(self, net, **kwargs):
        self.weights_ = [p.detach().clone() for p in net.module_.parameters()]


def balanced(counts):
    """Weights ∝ 1 / N_k that sum to the number of classes."""
    inverse = 1 / np.asarray(counts, dtype=float)
    return len(inverse) * inverse / inverse.sum()


# --------------------------------------------------------------------------------- one step by hand

WEIGHTS = {
    "none": (None, np.ones(3)),
    "balanced": ("balanced", balanced(COUNTS)),
    "class-balanced": (
        "class_balanced",
        3 * (w := 1 / (1 - 0.9999 ** np.array(COUNTS))) / w.sum(),
    ),
    "some": ({2: 5.0, 0: 0.25}, np.array([0.25, 1, 5])),
    "nothing": ({1: 0}, np.array([1, 0, 1.0])),
    "empty": ({}, np.ones(3)),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_step_of_weighted_cross_entropy_is_that_by_hand(kind):
    class_weight, w = WEIGHTS[kind]
    start = Start()
    classifier = descent(class_weight=class_weight, callbacks=[start]).fit(X, Y)
    W, b = (p.double().numpy() for p in start.weights_)
    logits = X @ W.T + b
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    # mean over rows of w_y (p - e_y), not divided by the weights of the batch
    error = w[Y][:, None] * (p - np.eye(3)[Y]) / N
    found = [p.detach().double().numpy() for p in classifier.net_.module_.parameters()]
    np.testing.assert_allclose(found[0], W - 0.1 * error.T @ X, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1], b - 0.1 * error.sum(0), rtol=1e-4, atol=1e-6)
    loss = -(w[Y] * np.log(p[np.arange(N), Y])).mean()
    assert classifier.history_[0]["loss"] == pytest.approx(loss, rel=1e-5)


# ----------------------------------------------------------------------- closed forms, limits


def test_linear_network_becomes_logistic_regression():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 2)).astype("f4")
    y = (X @ [1.0, -2.0] + rng.logistic(size=150) > 1.2).astype(int)
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y).predict_proba(X)
    classifier = descent(learning_rate=1.0, momentum=0.9, batch_size=150, max_epochs=300)
    np.testing.assert_allclose(classifier.fit(X, y).predict_proba(X), expected, atol=1e-3)


def test_probabilities_of_a_constant_guess_are_the_shares_of_the_classes():
    # Columns that say nothing: the bias alone learns, and softmax(b) = N_k / N at the minimum;
    # with weights or sampling ∝ 1 / N_k it is 1 / K.
    blank = np.zeros((N, 2), dtype="f4")
    params = {"learning_rate": 1.0, "momentum": 0.9, "max_epochs": 200}
    shares = descent(**params).fit(blank, Y).predict_proba(blank)
    np.testing.assert_allclose(shares, np.tile(np.array(COUNTS) / N, (N, 1)), atol=1e-3)
    even = descent(class_weight="balanced", **params).fit(blank, Y).predict_proba(blank)
    np.testing.assert_allclose(even, np.full((N, 3), 1 / 3), atol=1e-3)
    gentle = {"learning_rate": 0.05, "momentum": 0.9, "max_epochs": 300}
    drawn = descent(sampling="balanced", **gentle).fit(blank, Y).predict_proba(blank)
    np.testing.assert_allclose(drawn, np.full((N, 3), 1 / 3), atol=0.05)


# ---------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "class_weight, message",
    [
        ({7: 2.0}, r"class_weight has \[7\]: keys are labels of y \(here \[0, 1, 2\]\)"),
        (dict.fromkeys(range(3), 0), r"gives all classes the weight 0.* give one class at least a"),
        ({0: 1e300}, r"class_weight has \{0: 1e\+300\}.*finite numbers from 0"),
        ({"0": 2.0}, r"class_weight has \['0'\]"),
        ({0: -1.0}, r"class_weight has \{0: -1.0\}.*finite numbers from 0"),
        ({0: np.nan}, r"class_weight has \{0: nan\}"),
        ({0: None}, r"class_weight has \{0: None\}"),
    ],
)
def test_bad_class_weights_are_refused_before_training(no_training, class_weight, message):
    with pytest.raises(ValueError, match=message):
        quick(class_weight=class_weight).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        quick(class_weight=class_weight).partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"defer": 0.5}, r"defer=0.5 defers class_weight or sampling, and both are None"),
        ({"defer": 1}, r"defer=1 defers class_weight or sampling, and both are None"),
        ({"defer": 2, "sampling": "balanced"}, "defer=2 never comes in a training of 2 epochs"),
        ({"defer": 300, "class_weight": "balanced", "max_epochs": "auto"}, "defer=300 never comes"),
    ],
)
def test_deferral_of_nothing_or_for_ever_is_refused(no_training, params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(X, Y)


# ------------------------------------------------------------------------------- training by parts


def parts(n_passes, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(n_passes):
        yield from np.array_split(rng.permutation(N), 3)


def test_parts_count_classes_and_weigh_by_all_rows_so_far():
    classifier = quick(class_weight="balanced", sampling="balanced", criterion="ldam", defer=0.9)
    classifier.partial_fit(BLOBS[:12], Y[:12], classes=[2, 1, 0])  # one class
    assert classifier.classes_.tolist() == [0, 1, 2]
    assert classifier.class_counts_.tolist() == [12, 0, 0]
    assert classifier.predict_proba(BLOBS).shape == (N, 3)
    torch.testing.assert_close(
        classifier.net_.criterion_.weight, inverse_frequency_weights([12, 1, 1])
    )
    classifier.partial_fit(BLOBS[20:30], Y[20:30])  # two classes
    classifier.partial_fit(BLOBS[39:], Y[39:])  # one row
    counts = [16, 6, 1]
    assert classifier.class_counts_.tolist() == counts
    weights = inverse_frequency_weights(counts)
    torch.testing.assert_close(classifier.net_.criterion_.weight, weights)
    torch.testing.assert_close(classifier.net_.criterion_.margins, LDAMLoss(counts).margins)
    for kind in (DeferredReweighting, DeferredResampling):
        (callback,) = (c for _, c in classifier.net_.callbacks_ if isinstance(c, kind))
        np.testing.assert_allclose(callback.weights, weights)
        assert callback.start == 0  # at once, whatever defer


def test_parts_after_fit_go_on_where_it_ended():
    classifier = quick(max_epochs=10, lr_decay=0.1).fit(BLOBS, Y)
    before = classifier.net_.module_.head.weight.detach().clone()
    last = classifier.history_[-1]["learning_rate"]
    assert last == pytest.approx(1e-5)
    classifier.partial_fit(BLOBS[SOME], Y[SOME])
    after = classifier.net_.module_.head.weight.detach()
    assert 0 < (after - before).abs().max() < 1e-3  # two steps at a rate of 1e-5
    assert len(classifier.history_) == 11
    assert classifier.history_[-1]["learning_rate"] == last
    assert classifier.class_counts_.tolist() == [33, 18, 7]
    fresh = classifier.fit(BLOBS, Y)  # starts anew
    assert len(fresh.history_) == 10
    assert fresh.class_counts_.tolist() == COUNTS


def test_first_part_needs_all_labels(no_training):
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        quick().partial_fit(X, Y)
    with pytest.raises(
        ValueError, match=r"y holds \[2\], which are not among the classes .* \[0, 1\]: name all"
    ):
        quick().partial_fit(X, Y, classes=[0, 1])


def test_early_stopping_by_parts_is_refused(no_training):
    with pytest.raises(ValueError, match=r"partial_fit cannot stop early.*early_stopping=False"):
        quick(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2])


def bad_calls():
    infinite = np.where(np.arange(N)[:, None] == 3, np.inf, BLOBS)
    return {
        "an unknown label": ((BLOBS, Y + 1), {}, r"y holds \[3\], which are not among the classes"),
        "other classes": ((BLOBS, Y), {"classes": [0, 1]}, r"classes=\[0, 1\] differs from"),
        "too many columns": ((np.c_[BLOBS, Y], Y), {}, "X has 3 features, but ERMClassifier"),
        "infinity": ((infinite, Y), {}, "infinity"),
        "no labels": ((BLOBS, None), {}, "requires y to be passed"),
        "a missing label": ((BLOBS, np.where(Y == 2, np.nan, Y)), {}, "missing labels"),
    }


@pytest.mark.parametrize("case", bad_calls())
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_refused_part_leaves_the_earlier_ones(case, method):
    classifier = quick()
    first = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    getattr(classifier, method)(BLOBS, Y, **first)
    before, expected = dict(vars(classifier)), classifier.predict_proba(BLOBS)
    twin = pickle.loads(pickle.dumps(classifier))
    arguments, keywords, message = bad_calls()[case]
    with pytest.raises(ValueError, match=message):
        classifier.partial_fit(*arguments, **keywords)
    assert vars(classifier) == before
    np.testing.assert_array_equal(classifier.predict_proba(BLOBS), expected)
    for each in (classifier, twin):
        each.partial_fit(BLOBS, Y)
    np.testing.assert_array_equal(classifier.predict_proba(BLOBS), twin.predict_proba(BLOBS))


class StopsLater(nn.Module):
    """Works for some steps; then the user presses Ctrl-C, or something breaks."""

    def __init__(self, n_features, n_classes, error):
        super().__init__()
        self.layer, self.error, self.left = nn.Linear(n_features, n_classes), error, 5

    def forward(self, x):
        self.left -= self.training
        if self.left < 0:
            raise self.error
        return self.layer(x)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_part_leaves_the_earlier_ones(error):
    classifier = quick(module=StopsLater, module_params={"error": error}, learning_rate=0.1)
    classifier.partial_fit(BLOBS, Y, classes=[0, 1, 2])  # three steps
    before, expected = dict(vars(classifier)), classifier.predict_proba(BLOBS)
    weights = classifier.net_.module_.layer.weight.detach().clone()
    n_epochs = len(classifier.net_.history)
    with pytest.raises(error):
        classifier.partial_fit(BLOBS, Y)
    assert vars(classifier).keys() == before.keys()
    assert classifier.class_counts_.tolist() == COUNTS
    assert len(classifier.history_) == 1
    assert torch.equal(classifier.net_.module_.layer.weight, weights)
    assert len(classifier.net_.history) == n_epochs
    np.testing.assert_array_equal(classifier.predict_proba(BLOBS), expected)

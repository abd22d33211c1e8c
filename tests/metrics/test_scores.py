"""Scores against scikit-learn, imbalanced-learn, torchmetrics and hand cases; scorers in use."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    get_scorer,
    log_loss,
    roc_auc_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from imbdeep.metrics import (
    SCORERS,
    acsa_score,
    brier_score,
    gm_score,
    macro_f1_score,
    mauprc_ova_score,
)

FEW = settings(max_examples=12)
NAMES = np.array(["cat", "dog", "eel", "fox", "gnu"])
OF_LABELS = [acsa_score, gm_score, macro_f1_score, lambda y, p: gm_score(y, p, average="macro")]


@st.composite
def predictions(draw, min_classes=2):
    """True and predicted classes; every class is there, and every one may be predicted."""
    n_classes = draw(st.integers(min_classes, 5))
    more = draw(st.lists(st.integers(0, n_classes - 1), max_size=20))
    true = np.array([*range(n_classes), *more])
    codes = st.lists(st.integers(0, n_classes - 1), min_size=len(true), max_size=len(true))
    return true, np.array(draw(codes))


@st.composite
def probabilities(draw):
    """True classes, all there, and probabilities with ties."""
    true, _ = draw(predictions())
    n_classes = int(true.max()) + 1
    parts = st.lists(st.integers(1, 6), min_size=n_classes, max_size=n_classes)
    odds = np.array([draw(parts) for _ in true], dtype=float)
    return true, odds / odds.sum(axis=1, keepdims=True)


@FEW
@given(predictions())
def test_scores_of_labels_are_those_of_the_references(data):
    true, predicted = data
    assert acsa_score(true, predicted) == pytest.approx(balanced_accuracy_score(true, predicted))
    assert macro_f1_score(true, predicted) == pytest.approx(
        f1_score(true, predicted, average="macro")
    )
    assert gm_score(true, predicted) == pytest.approx(geometric_mean_score(true, predicted))
    each = geometric_mean_score(true, predicted, average=None)
    assert gm_score(true, predicted, average="macro") == pytest.approx(np.mean(each))


@FEW
@given(predictions())
def test_root_of_the_product_is_never_above_the_mean(data):
    assert gm_score(*data) <= acsa_score(*data) + 1e-12  # geometric and arithmetic mean


@FEW
@given(predictions(), st.permutations(range(5)))
def test_names_and_order_of_classes_do_not_matter(data, order):
    renamed = [NAMES[list(order)][part] for part in data]
    for score in OF_LABELS:
        assert score(*renamed) == pytest.approx(score(*data))


def test_by_hand():
    true, predicted = list("aabbc"), list("abbbc")
    assert acsa_score(true, predicted) == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert gm_score(true, predicted) == pytest.approx((1 / 2) ** (1 / 3))
    # Of the three rows that are not b, one is taken for it.
    assert gm_score(true, predicted, average="macro") == pytest.approx(
        (np.sqrt(1 / 2) + np.sqrt(2 / 3) + 1) / 3
    )
    assert macro_f1_score(true, predicted) == pytest.approx((2 / 3 + 4 / 5 + 1) / 3)


def test_predicted_classes_that_are_not_there_cost_recall_only():
    true, predicted = list("aabb"), list("azbb")
    assert acsa_score(true, predicted) == 0.75
    assert gm_score(true, predicted) == pytest.approx(np.sqrt(0.5))
    assert gm_score(true, predicted, average="macro") == pytest.approx((np.sqrt(0.5) + 1) / 2)
    assert macro_f1_score(true, predicted) == pytest.approx((2 / 3 + 1) / 2)


def equal_recalls(recalls, n_each):
    """Equal classes with these recalls; what is missed goes to the next class."""
    y = np.repeat(np.arange(len(recalls)), n_each)
    right = np.concatenate([np.arange(n_each) < round(r * n_each) for r in recalls])
    return y, np.where(right, y, (y + 1) % len(recalls))


@pytest.mark.parametrize(
    "n_classes, accuracy, printed",
    [
        (10, 96.79, 98.20),  # MNIST
        (10, 84.79, 91.30),  # Fashion-MNIST
        (10, 78.66, 87.62),  # SVHN
        (10, 57.94, 74.31),  # CIFAR10
        (5, 74.65, 83.67),  # CelebA
        (100, 26.41, 51.20),  # CIFAR100
    ],
)
def test_macro_gm_is_that_of_raes_table_1(n_classes, accuracy, printed):
    """On balanced test data: ours from the paper's ACSA is the paper's GM, to 0.06."""
    found = 100 * gm_score(*equal_recalls([accuracy / 100] * n_classes, 10_000), average="macro")
    # Recalls that differ lower the mean of roots below that of equal ones (Jensen).
    assert found == pytest.approx(printed, abs=0.06)
    assert printed > accuracy  # which no root of a product of recalls could be


def test_macro_gm_forgives_a_class_that_is_never_found():
    y, predicted = equal_recalls([1, 1, 0], 10)
    # Class 0 gets the rows of class 2: specificities 1/2, 1, 1.
    assert gm_score(y, predicted, average="macro") == pytest.approx((np.sqrt(1 / 2) + 1 + 0) / 3)
    assert gm_score(y, predicted) == 0.0


@FEW
@given(probabilities())
def test_average_precision_is_the_mean_of_scikit_learns(data):
    true, proba = data
    each = [average_precision_score(true == k, proba[:, k]) for k in range(proba.shape[1])]
    assert mauprc_ova_score(true, proba) == pytest.approx(np.mean(each))
    assert brier_score(true, proba) == pytest.approx(brier_score_loss(true, proba))


@FEW
@given(probabilities(), st.permutations(range(5)))
def test_columns_are_those_of_the_labels(data, order):
    true, proba = data
    order = [k for k in order if k < proba.shape[1]]
    for score in (mauprc_ova_score, brier_score):
        found = score(NAMES[true], proba[:, order], labels=NAMES[order])
        assert found == pytest.approx(score(true, proba))


def test_one_column_is_that_of_the_second_class():
    true = np.array(["no", "yes", "no", "yes", "no"])
    proba = np.array([0.1, 0.6, 0.3, 0.2, 0.7])
    both = np.column_stack([1 - proba, proba])
    for one in (proba, proba[:, None]):
        assert mauprc_ova_score(true, one) == pytest.approx(mauprc_ova_score(true, both))
        assert brier_score(true, one) == pytest.approx(brier_score(true, both))
    assert brier_score(true, proba) == pytest.approx(np.mean((proba - (true == "yes")) ** 2))
    decision = np.log(proba / (1 - proba))
    assert mauprc_ova_score(true, decision) == pytest.approx(mauprc_ova_score(true, both))


def test_classes_without_rows_do_not_enter():
    true = np.array(["a", "b", "a"])
    proba = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    each = [average_precision_score(true == name, proba[:, k]) for k, name in enumerate("ab")]
    assert mauprc_ova_score(true, proba, labels=list("abc")) == pytest.approx(np.mean(each))
    assert brier_score(true, proba, labels=list("abc")) == pytest.approx(
        np.mean([0.4**2 + 0.3**2 + 0.1**2, 0.2**2 + 0.7**2 + 0.5**2, 0.9**2 + 0.8**2 + 0.1**2])
    )


@pytest.mark.parametrize("container", [list, pd.Series, pl.Series, torch.tensor])
def test_containers(container):
    true, predicted = [0, 1, 1, 0], [0, 1, 0, 0]
    assert acsa_score(container(true), container(predicted)) == 0.75
    assert brier_score(container(true), container([0.0, 1.0, 0.5, 0.0])) == pytest.approx(1 / 16)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: gm_score([0, 1], [0, 1], average="mean"), r"average='mean'.*'root'.*'macro'"),
        (lambda: gm_score([3, 3], [3, 0], average="macro"), r"one class \[3\].*two classes"),
        (lambda: acsa_score([], []), r"0 rows"),
        (lambda: acsa_score([0, 1], [0]), r"inconsistent numbers of samples"),
        (lambda: mauprc_ova_score([], np.ones((0, 2))), r"0 rows"),
        (lambda: mauprc_ova_score([0, 1], np.eye(3)[:2]), r"3 classes.*y_true holds 2.*classes_"),
        (lambda: mauprc_ova_score([0, 1], [0.1, 0.2], labels=[0, 1, 2]), r"2 classes.*labels hold"),
        (lambda: mauprc_ova_score([0, 3], np.eye(2), labels=[0, 1]), r"\[3\].*\[0, 1\] lacks"),
        (lambda: mauprc_ova_score(["a"], np.eye(2)[:1], labels=[0, 1]), r"\['a'\].*lacks"),
        (lambda: mauprc_ova_score([0, 1], [0.1, np.nan]), r"y_score contains NaN"),
        (lambda: mauprc_ova_score([0, 1], [[0.1, 0.9]]), r"inconsistent numbers of samples"),
        (lambda: brier_score([0, 1], [-2.0, 0.5]), r"holds 3.*from 0 to 1.*predict_proba"),
        (lambda: brier_score([0, 1], [[0.5, 0.2], [0, 1]]), r"sums to 0\.7.*divide"),
    ],
)
def test_bad_input_says_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def table(n_classes, *, names=NAMES):
    """A table that no classifier gets quite right, shuffled."""
    X, y = make_classification(
        240, 6, n_informative=4, n_classes=n_classes, class_sep=0.7, random_state=0
    )
    return X, names[:n_classes][y]


@pytest.mark.parametrize("n_classes", [2, 4])
def test_scorers_are_the_metrics(n_classes):
    X, y = table(n_classes)
    model = GaussianNB().fit(X[:160], y[:160])
    X, y = X[160:], y[160:]
    predicted, proba = model.predict(X), model.predict_proba(X)
    is_class = y[:, None] == model.classes_
    expected = {
        "balanced_accuracy": balanced_accuracy_score(y, predicted),
        "gm_root": geometric_mean_score(y, predicted),
        "gm_macro": np.mean(geometric_mean_score(y, predicted, average=None)),
        "macro_f1": f1_score(y, predicted, average="macro"),
        "average_precision": average_precision_score(is_class, proba, average="macro"),
        "mauprc_ova": average_precision_score(is_class, proba, average="macro"),
        "roc_auc": roc_auc_score(is_class, proba, average="macro"),
        "neg_log_loss": -log_loss(y, proba),
        "neg_brier": -brier_score_loss(y, proba, scale_by_half="auto"),
    }
    if n_classes == 2:
        first, second = np.bincount(np.searchsorted(model.classes_, y))
        rarer = int(second <= first)
        expected["average_precision"] = average_precision_score(is_class[:, rarer], proba[:, rarer])
    scorers = pickle.loads(pickle.dumps(SCORERS))  # as for other processes
    found = {name: scorer(model, X, y) for name, scorer in scorers.items()}
    assert list(found) == list(expected)
    assert found == pytest.approx(expected)
    assert all(type(value) is float for value in found.values())
    for name in ("balanced_accuracy", "neg_log_loss"):
        assert found[name] == pytest.approx(get_scorer(name)(model, X, y))
    auc = get_scorer("roc_auc" if n_classes == 2 else "roc_auc_ovr")(model, X, y)
    assert found["roc_auc"] == pytest.approx(auc)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_of_a_test_part_without_a_class(name):
    """As if the classifier had never heard of the class, where its column does not matter."""
    X, y = table(4)
    model = GaussianNB().fit(X, y)
    there = y != "dog"
    found = SCORERS[name](model, X[there], y[there])
    predicted, proba = model.predict(X[there]), model.predict_proba(X[there])
    kept = [0, 2, 3]
    is_class = y[there][:, None] == NAMES[kept]
    codes = np.searchsorted(NAMES, y[there])
    expected = {
        "balanced_accuracy": lambda: acsa_score(y[there], predicted),
        "gm_root": lambda: gm_score(y[there], predicted),
        "gm_macro": lambda: gm_score(y[there], predicted, average="macro"),
        "macro_f1": lambda: f1_score(y[there], predicted, labels=NAMES[kept], average="macro"),
        "average_precision": lambda: average_precision_score(is_class, proba[:, kept]),
        "mauprc_ova": lambda: average_precision_score(is_class, proba[:, kept]),
        "roc_auc": lambda: roc_auc_score(is_class, proba[:, kept]),
        "neg_log_loss": lambda: np.log(proba[np.arange(len(codes)), codes]).mean(),
        "neg_brier": lambda: -((proba - np.eye(4)[codes]) ** 2).sum(axis=1).mean(),
    }
    assert found == pytest.approx(expected[name]())


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    "name", ["average_precision", "mauprc_ova", "roc_auc", "gm_root", "macro_f1"]
)
def test_scorers_of_a_decision_function(name, n_classes):
    X, y = table(n_classes)
    model = LinearSVC(random_state=0).fit(X, y)

    class Squashed(LinearSVC):
        """The same ranking as values from 0 to 1, in two columns where there are two classes."""

        def predict_proba(self, X):
            decision = self.decision_function(X)
            columns = decision if decision.ndim == 2 else np.column_stack([-decision, decision])
            return 1 / (1 + np.exp(-columns))

    other = Squashed(random_state=0).fit(X, y)
    assert not hasattr(model, "predict_proba")
    assert SCORERS[name](model, X, y) == pytest.approx(SCORERS[name](other, X, y))


@pytest.mark.parametrize("name", ["neg_log_loss", "neg_brier"])
def test_scorers_of_probabilities_need_them(name):
    X, y = table(2)
    model = LinearSVC(random_state=0).fit(X, y)
    with pytest.raises(AttributeError, match=r"LinearSVC has no predict_proba.*Calibrated"):
        SCORERS[name](model, X, y)


class Float32(ClassifierMixin, BaseEstimator):
    """Answers in float32 whose rows sum to 1 only to its precision, one of them with zeros."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        logits = 30 * np.asarray(X)[:, : len(self.classes_)].astype(np.float32)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)


def test_probabilities_in_float32_do_not_warn():
    X, y = table(4)
    model = Float32().fit(X, y)
    proba = model.predict_proba(X)
    assert proba.dtype == np.float32
    exact = proba.astype(float) / proba.astype(float).sum(axis=1, keepdims=True)
    assert SCORERS["neg_log_loss"](model, X, y) == pytest.approx(-log_loss(y, exact))
    certain = np.where(X[:, :4] == X[:, :4].max(axis=1, keepdims=True), 10.0, -10.0)
    assert np.isfinite(SCORERS["neg_log_loss"](model, certain, y))

"""What the trials of several reproductions share: steps, one plain fit, rows as they come."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator

from imbdeep.calibration import correct_prior
from imbdeep.reproductions._harness import (
    METRICS,
    Approach,
    Length,
    Trial,
    n_epochs,
    scored,
    smote,
)
from imbdeep.reproductions._rows import Task

CPU = torch.device("cpu")


@pytest.fixture
def task():
    random = np.random.default_rng(0)
    y, y_test = np.repeat([0, 1, 2], [40, 12, 8]), np.repeat([0, 1, 2], [5, 4, 3])
    return Task(random.normal(size=(60, 3)), y, random.normal(size=(12, 3)), y_test)


class History:
    """So many epochs of so many batches, as skorch counts them."""

    def __init__(self, epochs, batches):
        self.counts = [batches] * epochs

    def __getitem__(self, key):
        assert key == (slice(None), "train_batch_count")
        return self.counts


class Stub(BaseEstimator):
    """Random probabilities; every fit is noted."""

    fits = []

    def __init__(self, **parameters):
        self.parameters = parameters

    def fit(self, x, y):
        self.x, self.y = x, y
        batches = -(-len(y) // self.parameters["batch_size"])
        epochs = self.parameters.get("max_epochs", 1)
        self.net_ = type("Net", (), {"history": History(epochs, batches)})
        Stub.fits.append(self)
        return self

    def predict_proba(self, x):
        self.asked = x
        odds = np.random.default_rng(0).random((len(x), 3))
        return odds / odds.sum(axis=1, keepdims=True)


class Own(Stub):
    """The stub of a reproduced classifier, with diagnostics."""

    diagnostics_ = {"spread": np.float32(0.5), "words": "none"}


class StubTrial(Trial):
    """With a classifier that encodes rows itself."""

    estimators = {"erm": Stub, "own": Own}
    raw = frozenset({"own"})
    batch_size = 8

    def parameters(self, approach, n_rows):
        if approach.method == "own":
            return {"batch_size": 60, **self.length.own}
        return super().parameters(approach, n_rows)


@pytest.fixture
def trial(task, monkeypatch):
    monkeypatch.setattr(Stub, "fits", [])
    return StubTrial(task, Length(steps=80, own={"depth": 2}), 3, CPU)


@pytest.mark.parametrize("n_rows", [100, 129, 1437, 9000, 40_000, 54_078])
@pytest.mark.parametrize("batch_size", [32, 128])
def test_epochs_come_closest_to_the_steps(n_rows, batch_size):
    batches = -(-n_rows // batch_size)
    assert abs(n_epochs(3000, n_rows, batch_size) * batches - 3000) <= batches / 2
    assert n_epochs(1, n_rows, batch_size) == 1


def test_plain_classifiers_are_trained_once(trial, task):
    plain = trial.evaluate(Approach("row"))
    corrected = trial.evaluate(Approach(prior=True))
    trial.evaluate(Approach(parameters={"sampling": "balanced"}))
    trial.evaluate(Approach(parameters={"sampling": "balanced"}))
    assert len(Stub.fits) == 3
    p = Stub.fits[0].predict_proba(task.x_test)
    assert plain.metrics == {**scored(task.y_test, p), "steps": 80}
    expected = scored(task.y_test, correct_prior(p, np.array([40, 12, 8])))
    assert corrected.metrics == {**expected, "steps": 80}


def test_the_reproduced_classifier_gets_the_rows_as_they_come(trial, task):
    outcome = trial.evaluate(Approach(method="own"))
    trial.evaluate(Approach())
    own, plain = Stub.fits
    assert own.x is task.x_train
    assert own.asked is task.x_test
    assert own.parameters == {
        "batch_size": 60,
        "depth": 2,
        "image_shape": None,
        "device": CPU,
        "random_state": 3,
    }
    assert plain.parameters["encode"] is False  # as it is already
    assert plain.x is not task.x_train
    assert outcome.metrics["spread"] == 0.5
    assert "words" not in outcome.metrics


def test_smote_gets_as_many_steps_of_more_rows(trial):
    trial.evaluate(Approach())
    outcome = trial.evaluate(Approach(resample=smote))
    plain, made = Stub.fits
    assert np.bincount(made.y).tolist() == [40, 40, 40]
    assert (plain.parameters["max_epochs"], made.parameters["max_epochs"]) == (10, 5)
    assert outcome.metrics["steps"] == 75  # 5 x 15, half an epoch from 80 at the most


def test_scores_by_hand():
    y = np.array([0, 0, 1, 1, 2])
    p = np.eye(3)[[0, 1, 1, 1, 2]] * 0.5 + 0.1
    metrics = scored(y, p)
    assert tuple(metrics) == (*METRICS, "macro G-mean")
    # Recalls 1/2, 1 and 1; class 1 gets one of the three rows that are not its own.
    assert metrics["macro G-mean"] == pytest.approx((np.sqrt(1 / 2) + np.sqrt(2 / 3) + 1) / 3)
    assert metrics["balanced accuracy"] == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert metrics["G-mean"] == pytest.approx((1 / 2) ** (1 / 3))
    assert metrics["macro F1"] == pytest.approx((2 / 3 + 4 / 5 + 1) / 3)
    # Class 0: one of two first, then all others at once; class 1: two of three first; class 2: one.
    assert metrics["average precision"] == pytest.approx(((1 + 2 / 5) / 2 + 2 / 3 + 1) / 3)

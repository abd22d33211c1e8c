"""A trial of M2m's reproduction: scores by hand, shared teachers, choices by validation rows."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator

from imbdeep.reproductions._harness import Approach, Length, scored
from imbdeep.reproductions._m2m_trial import GRID, PLAIN_M2M, Recipe, Trial, halves
from imbdeep.reproductions._rows import Task

CPU = torch.device("cpu")
RECIPE = Recipe(
    epochs=20,
    milestones=(10, 15),
    warmup=5,
    parameters={"batch_size": 7},
    m2m={"step_size": 2.0, "gamma": 0.5},
    searched=True,
)


def rows(sizes, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = np.random.default_rng(seed).standard_normal((len(y), 2)).astype(np.float32)
    return x + 2 * y[:, None].astype(np.float32), y


@pytest.fixture
def split():
    x, y = rows([4, 3, 2], 1)
    return Task(*rows([20, 9, 4], 0), *rows([5, 5, 5], 2), x_valid=x, y_valid=y)


class Stub(BaseEstimator):
    """Probabilities by distance to the class means; every fit is noted."""

    fits = []

    def __init__(self, **parameters):
        self.parameters = parameters

    def get_params(self, deep=True):
        return {"beta": 0.99, "logit_lambda": 0.1, "gamma": 0.9} | self.parameters

    def fit(self, x, y):
        self.x, self.y = x, y
        self.means = np.array([x[y == code].mean(axis=0) for code in np.unique(y)])
        Stub.fits.append(self)
        return self

    def predict_proba(self, x):
        odds = np.exp(-((x[:, None] - self.means) ** 2).sum(axis=2)) + 1e-9
        return odds / odds.sum(axis=1, keepdims=True)


class Erm(Stub):
    """The stub of ERMClassifier."""


class M2m(Stub):
    """The stub of M2mClassifier: best in validation with lambda 0.5 and gamma 0.99."""

    acceptance_ = 0.25

    def predict_proba(self, x):
        good = self.get_params()["logit_lambda"] == 0.5 and self.get_params()["gamma"] == 0.99
        right = super().predict_proba(x)
        return right if good else np.roll(right, 1, axis=1)


@pytest.fixture(autouse=True)
def stubs(monkeypatch):
    monkeypatch.setattr(Trial, "estimators", {"erm": Erm, "m2m": M2m})
    monkeypatch.setattr(Stub, "fits", [])


def trial(split, grid=GRID, seed=3, epochs=20):
    return Trial(split, Length(epochs=epochs, grid=grid), seed, CPU, RECIPE)


def test_majority_classes_hold_over_half_of_the_rows():
    y = np.arange(4)
    p = np.eye(4)[[0, 1, 0, 3]]
    assert halves(y, p, np.array([40, 30, 20, 10])) == {"major": 1.0, "minor": 0.5}
    assert halves(y, p, np.array([60, 20, 10, 10])) == {"major": 1.0, "minor": pytest.approx(2 / 3)}
    # Exactly half does not exceed it.
    assert halves(y, p, np.array([50, 25, 15, 10])) == {"major": 1.0, "minor": 0.5}


def test_schedules_shrink_in_proportion():
    whole = {"max_epochs": 20, "warmup_epochs": 5, "milestones": [10, 15]}
    assert RECIPE.schedule(20) == whole
    assert RECIPE.schedule(4) == {"max_epochs": 4, "warmup_epochs": 1, "milestones": [2, 3]}
    assert [RECIPE.defer(epochs) for epochs in (20, 4, 1)] == [10, 2, 0]


def test_the_search_is_by_validation_rows_alone(split):
    one = trial(split)
    outcome = one.evaluate(PLAIN_M2M)
    assert len(Stub.fits) == 1 + len(GRID)  # a teacher for all
    chosen = {name: outcome.metrics[name] for name in ("beta", "logit_lambda", "gamma")}
    assert chosen == {"beta": 0.9, "logit_lambda": 0.5, "gamma": 0.99}  # the first of equals
    other = trial(split._replace(y_test=split.y_test[::-1].copy(), x_test=split.x_test * 7))
    assert chosen.items() <= other.evaluate(PLAIN_M2M).metrics.items()
    assert outcome.metrics["accepted"] == 0.25
    best = Stub.fits[0].predict_proba(split.x_valid)  # the stub predicts alike
    assert outcome.metrics["validation balanced accuracy"] == pytest.approx(
        scored(split.y_valid, best)["balanced accuracy"]
    )


def test_teacher_and_student_start_differently_and_the_teacher_is_shared(split):
    one = trial(split)
    one.evaluate(Approach())
    one.evaluate(PLAIN_M2M)
    one.evaluate(Approach(parameters={"criterion": "ldam"}, method="m2m", searched=True))
    ermed = [fit for fit in Stub.fits if isinstance(fit, Erm)]
    translated = [fit for fit in Stub.fits if isinstance(fit, M2m)]
    assert [fit.parameters["random_state"] for fit in ermed] == [3, 1003]
    assert {fit.parameters["random_state"] for fit in translated} == {3}
    assert all(fit.parameters["teacher"] is ermed[1] for fit in translated)
    assert "criterion" not in ermed[1].parameters  # LDAM's teacher is a plain one
    assert translated[0].parameters["step_size"] == 2.0
    assert translated[0].parameters["gamma"] == 0.9  # the grid, over the recipe's 0.5


def test_ablations_change_one_thing_of_what_was_chosen(split):
    one = trial(split)
    one.evaluate(PLAIN_M2M)
    chosen = Stub.fits[-1].parameters | {"beta": 0.9, "logit_lambda": 0.5, "gamma": 0.99}
    n = len(Stub.fits)
    one.evaluate(Approach(parameters={"logit_lambda": 0.0}, deferred=True, method="m2m"))
    one.evaluate(Approach(method="m2m"))
    one.evaluate(Approach(deferred=True, method="m2m", teachers=0))
    assert [fit.parameters for fit in Stub.fits[n:]] == [
        chosen | {"logit_lambda": 0.0},
        chosen | {"defer": 0},
        chosen | {"teacher": "self"},
    ]
    one.evaluate(Approach(deferred=True, method="m2m", teachers=2))
    second, ensemble = Stub.fits[n + 3 :]
    assert second.parameters["random_state"] == 2003
    assert ensemble.parameters == chosen | {"teacher": [chosen["teacher"], second]}

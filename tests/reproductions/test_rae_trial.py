"""A trial of RAE's reproduction: equal steps, equal networks, and what each method is given."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator

from imbdeep.encoding import TabularEncoder
from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import Approach, Length, smote
from imbdeep.reproductions._rae_trial import (
    CodeClassifier,
    ConvCodeClassifier,
    Trial,
)
from imbdeep.reproductions._rows import Task

CPU = torch.device("cpu")
LENGTH = Length(steps=6, own={"max_steps": 4, "dropout": 0.1})


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def table(sizes, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = np.random.default_rng(seed).standard_normal((len(y), 3)) + 2 * y[:, None]
    return x, y


@pytest.fixture
def task():
    return Task(*table([90, 30], 0), *table([8, 8], 1))


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    y, y_test = np.repeat([0, 1], [20, 6]), np.repeat([0, 1], 4)
    x, x_test = (random.integers(0, 256, (n, 64), dtype=np.uint8) for n in (26, 8))
    return Task(x, y, x_test, y_test, (1, 8, 8))


class History:
    """So many epochs of so many batches, as skorch counts them."""

    def __init__(self, epochs, batches):
        self.epochs, self.batches = epochs, batches

    def __getitem__(self, key):
        assert key == (slice(None), "train_batch_count")
        return [self.batches] * self.epochs


class Stub(BaseEstimator):
    """Log-odds by the first column; every fit is noted."""

    fits = []

    def __init__(self, **parameters):
        self.parameters = parameters

    def get_params(self, deep=True):
        return self.parameters

    def fit(self, x, y):
        self.x, self.y = x, y
        epochs = self.parameters.get("max_epochs", 1)
        self.net_ = type("Net", (), {"history": History(epochs, -(-len(y) // Trial.batch_size))})
        Stub.fits.append(self)
        return self

    def predict_proba(self, x):
        self.asked = x
        p = 1 / (1 + np.exp(-np.asarray(x)[:, 0].astype(float) / 100))
        return np.column_stack([1 - p, p])


class Erm(Stub):
    """The stub of ERMClassifier."""


class M2m(Stub):
    """The stub of M2mClassifier."""

    acceptance_ = 0.25


class Rae(Stub):
    """The stub of RAEClassifier: one cycle of five updates."""

    def get_params(self, deep=True):
        return {"encoder_steps": 5} | self.parameters

    def fit(self, x, y):
        self.diagnostics_ = {"alpha_entropy": 0.25, "separability": np.float64(0.9)}
        warnings.warn("The mixing weights have collapsed: ...", UserWarning, stacklevel=2)
        return super().fit(x, y)


@pytest.fixture
def stubs(monkeypatch):
    monkeypatch.setattr(Trial, "estimators", {"erm": Erm, "m2m": M2m, "rae": Rae})
    monkeypatch.setattr(_harness, "M2mClassifier", M2m)
    monkeypatch.setattr(Stub, "fits", [])


def trial(task, length=LENGTH, seed=3):
    return Trial(task, 8, length, seed, CPU)


@pytest.mark.usefixtures("stubs")
def test_tables_are_encoded_by_the_training_rows_as_rae_does_it(task):
    one = trial(task)
    one.evaluate(Approach())
    one.evaluate(Approach(method="rae"))
    plain, rae = Stub.fits
    encoder = TabularEncoder(handle_unknown="ignore").fit(task.x_train)
    np.testing.assert_array_equal(plain.x, encoder.transform(task.x_train))
    np.testing.assert_array_equal(plain.asked, encoder.transform(task.x_test))
    assert rae.x is task.x_train
    assert rae.asked is task.x_test
    assert "encode" not in rae.parameters


@pytest.mark.usefixtures("stubs")
def test_smote_raises_all_classes_to_the_largest_in_as_many_steps(task):
    one = trial(task)
    outcomes = [one.evaluate(Approach(resample=rows)) for rows in (None, smote)]
    plain, made = Stub.fits
    assert np.bincount(made.y).tolist() == [90, 90]
    np.testing.assert_array_equal(made.x[:120], plain.x)
    assert (plain.parameters["max_epochs"], made.parameters["max_epochs"]) == (6, 3)
    assert [outcome.metrics["steps"] for outcome in outcomes] == [6, 6]


@pytest.mark.usefixtures("stubs")
def test_rae_has_its_defaults_but_for_the_length_and_the_ablation(task):
    one = trial(task)
    outcome = one.evaluate(Approach(method="rae"))
    one.evaluate(Approach(method="rae", parameters={"dropout": 0.0}, latent=0.25))
    one.evaluate(Approach(method="rae", parameters={"latent_dim": 5}, latent=2.0))
    given = {"image_shape": None, "device": CPU, "random_state": 3, "max_steps": 4}
    assert [fit.parameters for fit in Stub.fits] == [
        given | {"dropout": 0.1, "latent_dim": 8},
        given | {"dropout": 0.0, "latent_dim": 2},
        given | {"dropout": 0.1, "latent_dim": 5},
    ]
    assert outcome.metrics["steps"] == 5
    # Beside the scores the file holds what the classifier says of itself.
    assert outcome.metrics["alpha_entropy"] == 0.25
    assert outcome.metrics["separability"] == 0.9


@pytest.mark.parametrize(
    "kind, sizes, shape",
    [(CodeClassifier, (5, 3, 2), (4, 5)), (ConvCodeClassifier, ((2, 8, 8), 3, 2), (4, 2, 8, 8))],
)
def test_raes_network_is_its_encoder_and_a_linear_head(kind, sizes, shape):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module, x = kind(*sizes).eval(), torch.randn(shape)
    logits = module(x)
    assert logits.shape == (4, 3)
    codes = module.encoder(x)
    assert codes.shape == (4, 2)
    torch.testing.assert_close(logits, codes @ module.head.weight.T + module.head.bias)


def test_encoder_updates_are_counted_and_small_classes_are_no_error(task):
    """Two rows for combinations of three: the classifier warns, which is an error in tests."""
    small = task._replace(x_train=task.x_train[:92], y_train=task.y_train[:92])
    parameters = {"n_mixed": 3, "encoder_steps": 2, "batch_size": 4}
    outcome = trial(small).evaluate(Approach(method="rae", parameters=parameters))
    assert outcome.metrics["steps"] == 4

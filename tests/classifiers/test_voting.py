"""The voting ensemble: votes, seeds, and probabilities in closed form."""

import numpy as np
import pytest
from scipy.special import expit

from imbdeep.classifiers import _voting
from imbdeep.classifiers._voting import VotingEnsembleClassifier

N = 60
Y = np.repeat([0, 1], [45, 15])
#: Classes so far apart that every part finds them.
A = np.random.default_rng(0).normal(size=(N, 3)) + 8 * Y[:, None]


@pytest.fixture
def brief(monkeypatch):
    """As few parts, and as little training, as the ensemble can do with."""
    for name, value in {"_MOST_EPOCHS": 12, "_N_TREES": 10, "_N_ROUNDS": 10}.items():
        monkeypatch.setattr(_voting, name, value)


def test_probabilities_are_the_mean_of_the_parts(brief):
    ensemble = VotingEnsembleClassifier(random_state=0).fit(A, Y)
    parts = [part.predict_proba(A.astype(np.float32)) for part in ensemble.estimator_.estimators_]
    assert len(parts) > 2
    np.testing.assert_allclose(ensemble.predict_proba(A), np.mean(parts, axis=0), atol=1e-6)


def test_ensemble_of_three_classes_one_of_a_single_row(brief):
    y = np.repeat(["a", "b", "c"], [45, 14, 1])
    ensemble = VotingEnsembleClassifier(random_state=0).fit(A, y)
    assert ensemble.classes_.tolist() == ["a", "b", "c"]
    found = ensemble.predict_proba(A)
    assert found.shape == (N, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (ensemble.predict(A)[:59] == y[:59]).all()


@pytest.mark.parametrize("label", [0, "a"])
def test_one_class_is_refused(label):
    with pytest.raises(ValueError, match=rf"y holds one class, {label!r}: .* two classes or more"):
        VotingEnsembleClassifier().fit(A, np.repeat(label, N))


def test_ensemble_finds_the_probabilities_of_two_gaussians(monkeypatch):
    """log p1 / p0 of N(1, 1) and N(-1, 1), one row to three, is 2 x - log 3."""
    monkeypatch.setattr(_voting, "_ROWS_SEEN", 20_000)
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [1500, 500])
    x = rng.normal(size=(2000, 1)) + np.where(y, 1.0, -1.0)[:, None]
    ensemble = VotingEnsembleClassifier(random_state=0).fit(x, y)
    at = np.linspace(-2, 3, 41)[:, None]
    expected = expit(2 * at[:, 0] - np.log(3))
    assert np.abs(ensemble.predict_proba(at)[:, 1] - expected).mean() < 0.05


def test_of_a_large_class_a_part_stands_for_all(monkeypatch, brief):
    monkeypatch.setattr(_voting, "_CLASS_ROWS", 300)
    x = np.repeat([0.0, 1.0], 400)[:, None]
    y = np.concatenate([np.arange(400) % 10 == 0, np.arange(400) % 2 == 0]).astype(int)
    part = VotingEnsembleClassifier(random_state=0).fit(x, y)
    assert part._trained_on.tolist() == [300, 240]
    # The shares within each value are what must come out.
    np.testing.assert_allclose(part.predict_proba([[0.0], [1.0]])[:, 1], [0.1, 0.5], atol=0.05)


def test_a_failed_fit_leaves_the_ensemble_as_it_was(brief):
    ensemble = VotingEnsembleClassifier(random_state=0).fit(A, Y)
    before = ensemble.predict_proba(A)
    with pytest.raises(ValueError, match="class"):
        ensemble.fit(A[:, :2], np.zeros(N))
    np.testing.assert_array_equal(ensemble.predict_proba(A), before)

"""The row filter: the draw against closed forms, the classifier, and what samplers do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from imbdeep.classifiers import RAEClassifier, VotingEnsembleClassifier
from imbdeep.over_sampling import CVAESampler, RAESampler, _filter
from imbdeep.over_sampling._filter import drawn_rows
from imbdeep.over_sampling.base import DeepOverSampler

N = 60
Y = np.repeat([0, 1], [45, 15])
#: Classes so far apart that logistic regression is sure of nearly every row.
A = np.random.default_rng(0).normal(size=(N, 3)) + 8 * Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 120, (N, 1, 6, 6), dtype=np.uint8)
IMAGES[Y == 1] += 120


class HalfWrong(DeepOverSampler):
    """Hands out the rows that it was given: every second one of another class."""

    def _fit_generator(self, x, y, **rest):
        self.given, self.made = (x.numpy(), y.numpy()), []

    def _generate(self, code, n):
        x, codes = self.given
        other = (code + 1) % len(self.classes_)
        of_class = np.where(torch.rand(n).numpy() < 0.5, code, other)
        pick = torch.randint(2**31, (n,)).numpy()
        rows = [np.flatnonzero(codes == k) for k in of_class]
        found = x[[own[i % len(own)] for own, i in zip(rows, pick, strict=True)]]
        self.made.append(found)
        return found


def filtered(**params):
    return HalfWrong(**{"row_filter": LogisticRegression(C=100), "random_state": 0, **params})


def trained(**params):
    """A sampler with next to no training."""
    few = {"max_steps": 5, "hidden_layer_sizes": (8,), "latent_dim": 2, "device": "cpu"}
    given = {"row_filter": LogisticRegression(), "random_state": 0, **params}
    return CVAESampler(**few, **given)


# ---------------------------------------------------------------------------------- the draw


PROBABILITIES = st.lists(
    st.floats(0, 1, allow_subnormal=True) | st.just(0.0), min_size=1, max_size=30
)


@given(p=PROBABILITIES, data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_drawn_rows_are_distinct_in_order_and_possible(p, data, seed):
    p = np.array(p)
    n = data.draw(st.integers(0, len(p)))
    rows = drawn_rows(p, n, seed)
    assert rows.dtype == np.intp
    assert len(rows) == n
    assert (np.diff(rows) > 0).all()
    assert np.isin(rows, np.arange(len(p))).all()
    np.testing.assert_array_equal(rows, drawn_rows(p, n, seed))
    # Rows of probability 0 fill up what is missing, the first ones first.
    possible, impossible = np.flatnonzero(p > 0), np.flatnonzero(p == 0)
    lacking = max(n - len(possible), 0)
    np.testing.assert_array_equal(rows[p[rows] == 0], impossible[:lacking])
    if lacking:
        np.testing.assert_array_equal(rows[p[rows] > 0], possible)


def test_two_rows_are_drawn_one_after_the_other_without_replacement():
    p, n = np.array([0.6, 0.3, 0.05, 0.2]), 6000
    counts = np.zeros((4, 4))
    for seed in range(n):
        counts[tuple(drawn_rows(p, 2, seed))] += 1
    p = p / p.sum()
    for i, j in zip(*np.triu_indices(4, 1), strict=True):
        expected = p[i] * p[j] * (1 / (1 - p[i]) + 1 / (1 - p[j]))
        error = np.sqrt(expected * (1 - expected) / n)
        assert abs(counts[i, j] / n - expected) < 5 * error


@pytest.mark.parametrize("n_candidates", [1, 2, 8, 400])
def test_two_groups_are_kept_as_often_as_theory_says(n_candidates):
    """A row is among the largest of log p + Gumbel noise with probability 1 - exp(-p t)."""
    n, share, p = 2000, np.array([0.3, 0.7]), np.array([0.9, 0.1])
    group = np.random.default_rng(1).permutation(
        np.repeat([0, 1], np.rint(share * n * n_candidates).astype(int))
    )
    rows = drawn_rows(p[group], n, 2)

    def kept(t):
        return share * -np.expm1(-p * t)

    t = brentq(lambda t: kept(t).sum() - 1 / n_candidates, 0, 1e3) if n_candidates > 1 else 1e3
    expected = kept(t)[0] * n_candidates
    error = np.sqrt(expected * (1 - expected) / n)
    assert abs((group[rows] == 0).mean() - expected) < 5 * error
    if n_candidates == 400:  # near the limit, q(x) p(y | x)
        assert expected == pytest.approx(0.27 / (0.27 + 0.07), abs=1e-3)


# ------------------------------------------------------------------------- rows are filtered


def test_every_class_is_filtered_by_its_own_probability():
    y = np.repeat(["c", "b", "a"], [30, 18, 12])
    centres = {"a": [0, 0], "b": [9, 0], "c": [0, 9]}
    X = np.random.default_rng(0).normal(size=(N, 2)) + np.array([centres[k] for k in y])
    sampler = filtered()
    X_res, y_res = sampler.fit_resample(X, y)
    new = X_res[N:]
    for label in ("a", "b"):
        rows = new[y_res[N:] == label]
        distances = {k: np.linalg.norm(rows - centres[k], axis=1) for k in centres}
        near = distances[label] == np.min(list(distances.values()), axis=0)
        assert near.mean() > 0.9
    assert set(sampler.filter_scores_) == {"a", "b"}


def test_means_are_those_of_the_candidates_and_of_the_rows_kept():
    sampler = filtered(n_candidates=3, sampling_strategy={1: 35})
    X_res, _ = sampler.fit_resample(A, Y)
    assert [len(made) for made in sampler.made] == [60]
    assert len(X_res) == N + 20
    (means,) = sampler.filter_scores_.values()
    candidates = np.concatenate(sampler.made)
    p = sampler.filter_.predict_proba(candidates)[:, 1]
    assert means["candidates"] == pytest.approx(p.mean())
    kept = sampler.filter_.predict_proba(sampler.encoder_.transform(X_res[N:]))[:, 1]
    assert means["kept"] == pytest.approx(kept.mean(), rel=1e-4)
    assert means["kept"] > means["candidates"]
    # The rows are among the candidates.
    decoded = sampler.encoder_.inverse_transform(candidates)
    assert set(map(tuple, X_res[N:])) <= set(map(tuple, decoded))


@pytest.mark.parametrize("n_candidates", [1, 2, 50])
def test_without_a_filter_the_number_of_candidates_is_no_matter(n_candidates):
    plain, given = filtered(row_filter=None), filtered(row_filter=None, n_candidates=n_candidates)
    expected, _ = plain.fit_resample(A, Y)
    found, _ = given.fit_resample(A, Y)
    assert found.tobytes() == expected.tobytes()
    assert given.sample(9, 1).tobytes() == plain.sample(9, 1).tobytes()
    assert [len(made) for made in given.made] == [30, 9]
    assert given.filter_ is None
    assert given.filter_scores_ == {}


# ------------------------------------------------------------------------- which classifier it is


def test_classifier_is_copied_and_trained_on_encoded_rows():
    mine = LogisticRegression(C=0.3)
    sampler = filtered(row_filter=mine)
    sampler.fit_resample(A, np.array(["b", "a"])[Y])
    assert sampler.row_filter is mine
    with pytest.raises(NotFittedError):
        check_is_fitted(mine)
    assert sampler.filter_ is not mine
    expected = clone(mine).fit(sampler.encoder_.transform(A), np.array(["b", "a"])[Y])
    assert sampler.filter_.classes_.tolist() == ["a", "b"]
    np.testing.assert_allclose(sampler.filter_.coef_, expected.coef_, rtol=1e-4)


def test_parameters_of_the_classifier_are_those_of_the_sampler():
    sampler = trained()
    assert sampler.get_params()["row_filter__C"] == 1.0
    sampler.set_params(row_filter__C=0.25)
    sampler.fit_resample(A, Y)
    assert sampler.filter_.C == 0.25
    sampler.set_params(row_filter=None)
    assert "row_filter__C" not in sampler.get_params()
    assert trained().set_params(row_filter="auto").row_filter == "auto"


@pytest.mark.parametrize(
    "X, y, params",
    [
        (A, np.arange(N) % 2, {"row_filter": "auto"}),
        (A, np.arange(N) % 2, {}),
        (IMAGES, Y, {"row_filter": "auto"}),
        (IMAGES.reshape(N, -1), Y, {"row_filter": "auto", "image_shape": (1, 6, 6)}),
        (A, Y, {"row_filter": None}),
        (np.full((N, 2), 3.5), Y, {"row_filter": "auto"}),
        (np.full((N, 2), 3.5), Y, {}),
    ],
    ids=["balanced, auto", "balanced", "images", "flat", "None", "constant, auto", "constant"],
)
def test_no_rows_are_filtered(X, y, params):
    sampler = filtered(**params)
    X_res, y_res = sampler.fit_resample(X, y)
    assert sampler.filter_ is None
    assert sampler.filter_scores_ == {}
    assert np.ptp(np.bincount(y_res)) == 0
    np.testing.assert_array_equal(X_res[:N], X)


class NoProbabilities(BaseEstimator, ClassifierMixin):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize(
    "name, value",
    [
        *(("row_filter", wrong) for wrong in (NoProbabilities(), Ridge(), SVC(), "trees", 1, True)),
        *(("n_candidates", wrong) for wrong in (0, -1, 1.5, None)),
    ],
    ids=repr,
)
def test_what_cannot_filter_is_refused_before_training(monkeypatch, name, value):
    sampler = trained(**{name: value})
    monkeypatch.setattr(CVAESampler, "_fit_generator", lambda *args: pytest.fail("it trained"))
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of CVAESampler"):
        sampler.fit_resample(A, Y)
    with pytest.raises(InvalidParameterError, match="'C' parameter of LogisticRegression"):
        trained(row_filter=LogisticRegression(C=-1)).fit_resample(A, Y)
    with pytest.raises(TypeError, match="instance"):
        trained(row_filter=LogisticRegression).fit_resample(A, Y)  # the class


# ---------------------------------------------------------------------- with what is trained


def test_flat_images_of_an_estimator_get_no_default_filter():
    estimator = RAEClassifier(max_steps=3, image_shape=(1, 6, 6), device="cpu")
    shaped = RAESampler(estimator, random_state=0)
    shaped.fit_resample(IMAGES.reshape(N, -1), Y)
    assert shaped.filter_ is None


def test_default_filter_is_the_ensemble_unless_there_are_too_many_candidates(monkeypatch):
    sampler = filtered(row_filter="auto", n_candidates=2)
    sampler.fit_resample(A, Y)
    assert isinstance(sampler.filter_, VotingEnsembleClassifier)
    assert sampler.filter_scores_[1]["kept"] > sampler.filter_scores_[1]["candidates"]
    monkeypatch.setattr(_filter, "_CANDIDATES", 30 * 2 - 1)  # the smaller class lacks 30 rows
    assert sampler.fit_resample(A, Y)[0].shape == (90, 3)
    assert sampler.filter_ is None
    one = filtered(row_filter="auto", n_candidates=1)  # nothing to choose from
    one.fit_resample(A, Y)
    assert one.filter_ is None


def test_same_seed_same_bytes_by_a_classifier_without_a_seed():
    rows = [
        filtered(row_filter=RandomForestClassifier(5)).fit_resample(A, Y)[0].tobytes()
        for _ in range(3)
    ]
    assert len(set(rows)) == 1


def test_frozen_classifier_of_other_classes_is_refused():
    frozen = FrozenEstimator(LogisticRegression().fit(A, Y + 5))
    with pytest.raises(ValueError, match="classes"):
        filtered(row_filter=frozen).fit_resample(A, Y)


class Bare(ClassifierMixin, BaseEstimator):
    """A classifier of somebody else's, without scikit-learn's checks of parameters."""

    def __init__(self, value=0.5):
        self.value = value

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), self.value)


def test_classifiers_of_others_can_filter_unless_their_numbers_are_none():
    sampler = filtered(row_filter=Bare())
    sampler.fit_resample(A, Y)
    assert sampler.filter_scores_[1] == {"candidates": 0.5, "kept": 0.5}
    with pytest.raises(ValueError, match="negative or not finite"):
        filtered(row_filter=Bare(np.nan)).fit_resample(A, Y)


def test_the_record_is_of_the_fit_and_candidates_too():
    sampler = filtered(row_filter=LogisticRegression(), n_candidates=3)
    sampler.fit_resample(A, Y)
    before = sampler.filter_scores_[1]
    sampler.set_params(n_candidates=0)
    assert sampler.sample(4, 1).shape == (4, 3)
    assert sampler.filter_scores_[1] is before


def test_what_a_perfect_generator_makes_is_drawn_away_from_the_border():
    # Of N(1.5, 1) against N(0, 1), one in twenty, rows are kept by p(y|x): density p(x|y) p(y|x).
    random = np.random.default_rng(0)
    x = random.normal(1.5, 1, 40_000)
    p = expit(1.5 * x - 1.5**2 / 2 + np.log(0.05 / 0.95))
    kept = x[drawn_rows(p, 500, 0)]
    grid = np.linspace(-4, 8, 2001)
    density = np.exp(-((grid - 1.5) ** 2) / 2) * expit(
        1.5 * grid - 1.5**2 / 2 + np.log(0.05 / 0.95)
    )
    expected = (grid * density).sum() / density.sum()
    assert kept.mean() == pytest.approx(expected, abs=4 / np.sqrt(500))
    assert kept.mean() > 2

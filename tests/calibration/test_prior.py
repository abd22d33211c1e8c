"""The correction against closed forms and a case whose posterior is known; the meta-estimator."""

import pickle
from unittest import SkipTest

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from imbdeep.calibration import PriorCorrectedClassifier, correct_prior

# Of probabilities and shares, far from the smallest number that a float holds.
positive = st.floats(1e-6, 1.0)


@st.composite
def corrections(draw, min_classes=2, max_classes=5):
    """Probabilities of a few rows, and two vectors of shares."""
    n_classes = draw(st.integers(min_classes, max_classes))
    numbers = st.lists(positive, min_size=n_classes, max_size=n_classes)
    rows = np.array(draw(st.lists(numbers, min_size=1, max_size=6)))
    return rows / rows.sum(axis=1, keepdims=True), np.array(draw(numbers)), np.array(draw(numbers))


def test_correction_is_bayes_rule():
    """From p(k|x) under one prior to p(k|x) under another, both of the same likelihoods."""
    likelihood = np.random.default_rng(0).random((6, 3))
    trained, wanted = np.array([70, 20, 10]), np.array([0.2, 0.3, 0.5])

    def posterior(prior):
        return likelihood * prior / (likelihood * prior).sum(axis=1, keepdims=True)

    given_ = posterior(trained)
    np.testing.assert_allclose(correct_prior(given_, trained), posterior(np.ones(3)))
    np.testing.assert_allclose(correct_prior(given_, trained, wanted), posterior(wanted))
    np.testing.assert_allclose(correct_prior(given_, [5, 5, 5]), given_)
    np.testing.assert_allclose(correct_prior(likelihood, [1, 1, 1], wanted), posterior(wanted))


@settings(max_examples=15)
@given(corrections())
def test_a_correction_and_its_inverse_cancel(case):
    p, trained, wanted = case
    np.testing.assert_allclose(correct_prior(correct_prior(p, trained, wanted), wanted, trained), p)
    uniform = np.ones(p.shape[1])
    data = correct_prior(p, uniform, trained)  # uniform -> data -> uniform
    np.testing.assert_allclose(correct_prior(data, trained), p)


def test_a_prior_of_zero_excludes_a_class():
    p = [[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]]
    corrected = correct_prior(p, [1, 1, 1], [1, 3, 0])
    # The second row says nothing of the two classes that can occur: it gets their prior.
    np.testing.assert_allclose(corrected, [[5 / 14, 9 / 14, 0], [0.25, 0.75, 0]])
    np.testing.assert_allclose(correct_prior([[0.0, 0.0]], [9, 1], [0.9, 0.1]), [[0.9, 0.1]])
    assert correct_prior(np.zeros((0, 2)), [9, 1]).shape == (0, 2)


@pytest.mark.parametrize(
    "probabilities, trained_on, prior, message",
    [
        ([0.2, 0.8], [1, 1], None, r"shape \(2,\), and must have \(n, n_classes\)"),
        (np.zeros((3, 0)), [], None, r"shape \(3, 0\)"),
        ([[0.2, 0.8], [0.5, np.nan]], [1, 1], None, r"probabilities\[1, 1\] is nan"),
        ([[-0.2, 1.2]], [1, 1], None, r"probabilities\[0, 0\] is -0.2.*neither logits"),
        ([[0.2, 0.8]], [1, 1, 1], None, r"trained_on has the shape \(3,\).*2 columns"),
        ([[0.2, 0.8]], [[1, 1]], None, r"trained_on has the shape \(1, 2\)"),
        ([[0.2, 0.8]], [1, 0], None, r"trained_on\[1\] is 0, and must be positive"),
        ([[0.2, 0.8]], [1, -4], None, r"trained_on\[1\] is -4.0"),
        ([[0.2, 0.8]], [1, np.inf], None, r"trained_on\[1\] is inf"),
        ([[0.2, 0.8]], [0, 0], None, "trained_on is 0 for every class"),
        ([[0.2, 0.8]], [1, 1], [1.0], r"prior has the shape \(1,\)"),
        ([[0.2, 0.8]], [1, 1], [-1, 1], r"prior\[0\] is -1.0"),
        ([[0.2, 0.8]], [1, 1], [0, 0], "prior is 0 for every class"),
    ],
)
def test_what_cannot_be_corrected_is_refused(probabilities, trained_on, prior, message):
    with pytest.raises(ValueError, match=message):
        correct_prior(probabilities, trained_on, prior)


def gaussians(n, share, seed):
    """Rows of N(0, 1) and, with probability `share`, of N(2, 1); with the true posterior."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    x = rng.normal(size=n) + 2 * y
    odds = share / (1 - share) * np.exp(2 * x - 2)
    return x[:, None], y, odds / (1 + odds)


@pytest.fixture(scope="module")
def table():
    return make_classification(400, weights=[0.9], class_sep=0.7, random_state=0)


def over_sampled(classifier=None, **parameters):
    sampler = RandomOverSampler(random_state=0, **parameters)
    return make_pipeline(sampler, classifier or LogisticRegression())


def test_over_sampling_and_correction_give_the_true_posterior_back():
    X, y, _ = gaussians(20_000, 0.05, seed=0)
    X_test, y_test, posterior = gaussians(20_000, 0.05, seed=1)
    plain = LogisticRegression().fit(X, y).predict_proba(X_test)
    model = PriorCorrectedClassifier(over_sampled()).fit(X, y)
    corrected, raw = model.predict_proba(X_test), model.estimator_.predict_proba(X_test)
    best = log_loss(y_test, posterior)
    assert log_loss(y_test, plain) == pytest.approx(best, rel=0.01)
    assert log_loss(y_test, corrected) == pytest.approx(best, rel=0.01)
    assert log_loss(y_test, raw) > 2 * best
    assert np.abs(corrected[:, 1] - posterior).max() < 0.05
    assert corrected[:, 1].mean() == pytest.approx(y.mean(), abs=0.005)
    # Of two classes the ranking is that of the pipeline, corrected or not.
    assert roc_auc_score(y_test, corrected[:, 1]) == pytest.approx(roc_auc_score(y_test, raw[:, 1]))


def test_counts_behind_the_sampler_and_priors_by_label():
    X, y = make_classification(
        300, n_informative=4, n_classes=3, weights=[0.7, 0.2], random_state=0
    )
    names = np.array(["cat", "dog", "eel"])[y]
    counts = np.bincount(y)
    frame = pd.DataFrame(X).add_prefix("column")
    pipe = over_sampled(sampling_strategy={"eel": 100})
    model = PriorCorrectedClassifier(pipe, prior={"eel": 0.5, "cat": 0.25, "dog": 0.25})
    model.fit(frame, names)
    assert model.classes_.tolist() == ["cat", "dog", "eel"]
    assert model.class_counts_.tolist() == counts.tolist()
    assert model.class_counts_.dtype.kind == "i"
    assert model.training_counts_ == pytest.approx([*counts[:2], 100])
    assert model.prior_ == pytest.approx([0.25, 0.25, 0.5])
    assert model.n_features_in_ == len(model.feature_names_in_) == frame.shape[1]
    expected = model.estimator_.predict_proba(frame) * [0.25, 0.25, 0.5] / model.training_counts_
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(frame), expected)
    assert (model.predict(frame) == model.classes_[expected.argmax(axis=1)]).all()


def test_nothing_is_left_in_the_fitted_pipeline(table):
    X, y = table
    pipe = over_sampled()
    model = PriorCorrectedClassifier(pipe).fit(X, y)
    plain = clone(pipe).fit(X, y)
    assert [type(step) for _, step in model.estimator_.steps] == [
        RandomOverSampler,
        LogisticRegression,
    ]
    assert not hasattr(pipe[-1], "coef_")
    np.testing.assert_array_equal(model.estimator_.predict_proba(X), plain.predict_proba(X))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "labels", [list, pd.Series, pl.Series, lambda y: pd.Series(y, dtype="Int64")]
)
def test_labels_in_any_container(table, labels):
    X, y = table
    model = PriorCorrectedClassifier(LogisticRegression(), prior="uniform").fit(X, labels(y))
    assert model.class_counts_.tolist() == np.bincount(y).tolist()


def test_refused_before_training(table):
    X, y = table

    class Trained(LogisticRegression):
        def fit(self, X, y):
            pytest.fail("trained")

    for prior, message in [
        ({0: 0.9}, r"prior has shares of \[0\], and y has the labels \[0, 1\]"),
        ({0: 0.9, 1: 0.1, 2: 0}, r"shares of \[0, 1, 2\]"),
        ({0: 0.9, 1: -0.1}, r"prior has \{1: -0.1\}"),
        ({0: np.nan, 1: 0.1}, r"prior has \{0: nan\}"),
        ({0: "many", 1: 0.1}, "many"),
        ({0: 0, 1: 0.0}, "one at least"),
        ("natural", "'prior' parameter of PriorCorrectedClassifier"),
    ]:
        with pytest.raises(ValueError, match=message):
            PriorCorrectedClassifier(Trained(), prior=prior).fit(X, y)
    with pytest.raises(TypeError, match=r"RidgeClassifier.*CalibratedClassifierCV"):
        PriorCorrectedClassifier(RidgeClassifier()).fit(X, y)
    with pytest.raises(TypeError, match="no predict_proba"):
        PriorCorrectedClassifier(over_sampled(RidgeClassifier())).fit(X, y)
    with pytest.raises(NotFittedError):
        PriorCorrectedClassifier(LogisticRegression()).predict(X)


def test_sample_weights_count_as_rows_do(table):
    X, y = table
    weights = np.where(y == 1, 3.0, 1.0)
    model = PriorCorrectedClassifier(LogisticRegression()).fit(X, y, sample_weight=weights)
    zero, one = np.bincount(y)
    assert model.class_counts_.tolist() == [zero, one]
    assert model.training_counts_ == pytest.approx([zero, 3 * one])
    repeated = np.repeat(np.arange(len(y)), weights.astype(int))
    rows = LogisticRegression().fit(X[repeated], y[repeated])
    expected = correct_prior(rows.predict_proba(X), [zero, 3 * one], [zero, one])
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-3)
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    piped = PriorCorrectedClassifier(scaled).fit(X, y, logisticregression__sample_weight=weights)
    assert piped.training_counts_ == pytest.approx([zero, 3 * one])
    with pytest.raises(ValueError, match="KNeighborsClassifier takes none"):
        PriorCorrectedClassifier(KNeighborsClassifier()).fit(X, y, sample_weight=weights)


def test_sample_weights_by_metadata_routing(table):
    X, y = table
    weights = np.where(y == 1, 3.0, 1.0)
    zero, one = np.bincount(y)
    with sklearn.config_context(enable_metadata_routing=True):
        last = LogisticRegression().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        for estimator in (last, make_pipeline(scaler, last)):
            model = PriorCorrectedClassifier(estimator).fit(X, y, sample_weight=weights)
            assert model.training_counts_ == pytest.approx([zero, 3 * one])
            search = GridSearchCV(model, {"prior": ["data"]}, cv=2).fit(X, y, sample_weight=weights)
            fitted = search.best_estimator_
            assert fitted.training_counts_ == pytest.approx([zero, 3 * one])
        assert PriorCorrectedClassifier(last).fit(X, y).training_counts_.tolist() == [zero, one]


# These checks themselves draw from numpy's global stream or seed it.
DRAWS_GLOBALLY = {"check_methods_sample_order_invariance", "check_target_type"}


def cases(estimator):
    for instance, check in estimator_checks_generator(estimator):
        name = check.func.__name__
        marks = [pytest.mark.changes_global_state] * (name in DRAWS_GLOBALLY)
        yield pytest.param(instance, check, marks=marks, id=name)


@pytest.mark.parametrize("estimator, check", [*cases(PriorCorrectedClassifier(over_sampled()))])
def test_scikit_learn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as skip:
        pytest.fail(f"skipped: {skip}")


def test_a_tuned_threshold_is_not_undone():
    tuned = TunedThresholdClassifierCV(LogisticRegression())
    x, y = np.arange(40.0)[:, None], np.arange(40) % 4 == 0
    with pytest.raises(ValueError, match="put PriorCorrectedClassifier inside it"):
        PriorCorrectedClassifier(tuned).fit(x, y)
    inside = PriorCorrectedClassifier(LogisticRegression())
    TunedThresholdClassifierCV(inside, cv=2, thresholds=3).fit(x, y)

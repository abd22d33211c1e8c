"""What the last step was trained on, against counts and weights known by hand."""

import numpy as np
import pytest
from imblearn import FunctionSampler
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline as make_plain_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from imbdeep.calibration import PriorCorrectedClassifier, correct_prior
from imbdeep.classifiers import ERMClassifier, GAMOClassifier, M2mClassifier, RAEClassifier

COUNTS = np.array([80, 20])
BRIEF = {"max_epochs": 2, "hidden_layer_sizes": (8,), "device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def table():
    y = np.repeat([0, 1], COUNTS)
    return np.random.default_rng(0).normal(size=(100, 2)) + y[:, None], y


def counts_of(estimator, table, trained_prior="counts", **fit_params):
    model = PriorCorrectedClassifier(estimator, trained_prior=trained_prior)
    return model.fit(*table, **fit_params).training_counts_


def over(n):
    return RandomOverSampler(sampling_strategy={1: n}, random_state=0)


def weighed(weight="balanced"):
    return LogisticRegression(class_weight=weight)


@pytest.mark.parametrize(
    "estimator, expected",
    [
        (LogisticRegression(), [80, 20]),
        (make_pipeline(StandardScaler(), over(50), LogisticRegression()), [80, 50]),
        (make_pipeline(FunctionTransformer(), over(25), LogisticRegression()), [80, 25]),
        (make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression()), [20, 20]),
        # A pipeline at the end of a pipeline, samplers in both.
        (make_pipeline(over(30), make_pipeline(over(60), LogisticRegression())), [80, 60]),
        (make_pipeline(over(30), make_plain_pipeline(LogisticRegression())), [80, 30]),
        (weighed(), [50, 50]),
        (weighed({0: 1, 1: 4}), [80, 80]),
        (weighed({1: 2}), [80, 40]),
        (make_pipeline(over(40), weighed({1: 3})), [80, 120]),
        (RandomForestClassifier(5, class_weight="balanced_subsample", random_state=0), [50, 50]),
        (ERMClassifier(**BRIEF), [80, 20]),
        (ERMClassifier(class_weight="balanced", **BRIEF), [50, 50]),
        (RAEClassifier(sampling=None, max_steps=3, hidden_layer_sizes=(8,)), [80, 20]),
        (BaggingClassifier(LogisticRegression(), n_estimators=2, random_state=0), [80, 20]),
        # Fitted to the rows as they come, whatever the weights inside.
        (CalibratedClassifierCV(weighed(), cv=3), [80, 20]),
        (make_pipeline(over(40), CalibratedClassifierCV(weighed(), cv=3)), [80, 40]),
        (GridSearchCV(weighed(None), {"class_weight": [None], "C": [0.1, 1]}, cv=2), [80, 20]),
    ],
)
def test_rows_of_the_last_step_as_often_as_they_weigh(table, estimator, expected):
    assert counts_of(estimator, table) == pytest.approx(expected)


@pytest.mark.parametrize(
    "given, expected",
    [("uniform", [1, 1]), ({1: 3, 0: 1}, [1, 3]), ([2, 1], [2, 1]), (np.array([0.5, 1]), [0.5, 1])],
)
@pytest.mark.parametrize("estimator", [GaussianNB(priors=[0.4, 0.6]), weighed("balanced")])
def test_what_it_was_trained_on_may_be_given(table, estimator, given, expected):
    model = PriorCorrectedClassifier(estimator, trained_prior=given).fit(*table)
    assert model.training_counts_.tolist() == expected
    plain = estimator.fit(*table).predict_proba(table[0])
    np.testing.assert_allclose(
        model.predict_proba(table[0]), correct_prior(plain, expected, COUNTS)
    )


def test_what_it_was_trained_on_may_be_given_behind_a_sampler_and_by_names(table):
    X, y = table
    names = np.array(["rare", "common"])[1 - y]
    pipe = make_pipeline(RandomOverSampler(random_state=0), GaussianNB(priors=[0.5, 0.5]))
    model = PriorCorrectedClassifier(pipe, trained_prior={"common": 1, "rare": 3}).fit(X, names)
    assert model.training_counts_.tolist() == [1, 3]
    assert model.prior_ == pytest.approx([0.8, 0.2])


@pytest.mark.parametrize(
    "given, message",
    [
        ({0: 1}, r"trained_prior has shares of \[0\], and y has the labels \[0, 1\]"),
        ({0: 1, 1: 0}, r"trained_prior has \{1: 0\}: shares are finite numbers above 0"),
        ([1, -1], r"trained_prior has \{1: -1\}"),
        ([1, 2, 3], r"trained_prior has the shape \(3,\), and y has 2 labels.*\[0, 1\], in this"),
        ("data", "'trained_prior' parameter of PriorCorrectedClassifier"),
        (3, "'trained_prior' parameter of PriorCorrectedClassifier"),
    ],
)
def test_what_it_cannot_have_been_trained_on_is_refused(table, given, message):
    with pytest.raises(ValueError, match=message):
        counts_of(GaussianNB(), table, given)


def test_balanced_weights_corrected_are_the_plain_classifier():
    """Weights move a well specified logistic regression by its intercept alone."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [9000, 1000])
    X = rng.normal(size=(10_000, 1)) + 1.5 * y[:, None]
    plain = LogisticRegression().fit(X, y).predict_proba(X)
    for trained_prior in ("counts", "uniform"):
        corrected = PriorCorrectedClassifier(weighed(), trained_prior=trained_prior).fit(X, y)
        assert np.abs(corrected.predict_proba(X) - plain).max() < 0.03
        assert np.abs(corrected.estimator_.predict_proba(X) - plain).max() > 0.3


@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_probabilities_of_libsvm_know_no_weights(table):
    X, y = table
    machine = SVC(kernel="linear", class_weight="balanced", probability=True, random_state=0)
    weights = np.where(y == 1, 2.0, 1.0)
    assert machine.fit(X, y, weights).predict_proba(X)[:, 1].mean() == pytest.approx(0.2, abs=0.03)
    assert counts_of(machine, table, sample_weight=weights).tolist() == [80, 20]


UNSEEN = {
    "deferred": (ERMClassifier(class_weight="balanced", defer=0.8), "defer=0.8 of ERMClassifier"),
    "sampled": (ERMClassifier(sampling="balanced"), "sampling='balanced' of ERMClassifier"),
    "effective": (ERMClassifier(class_weight="class_balanced", **BRIEF), "is not one of scikit-"),
    "M2m": (M2mClassifier(), "defer=0.8 of M2mClassifier"),
    "M2m from the first epoch": (M2mClassifier(defer=0.0), "translation_steps=10"),
    "RAE": (RAEClassifier(), "sampling='balanced' of RAEClassifier"),
    "GAMO": (GAMOClassifier(sampling=None), "generated_lambda=0.3"),
    "forest": (BalancedRandomForestClassifier(), "sampling_strategy='all'"),
    "weights in an ensemble": (
        BaggingClassifier(weighed()),
        "estimator__class_weight='balanced' of BaggingClassifier.*trained_prior",
    ),
    "sampler in a search": (
        GridSearchCV(make_pipeline(over(50), LogisticRegression()), {}),
        "changes the shares.*PriorCorrectedClassifier may also be put inside",
    ),
    "chosen": (
        GridSearchCV(LogisticRegression(), {"class_weight": ["balanced"]}, cv=2),
        "class_weight='balanced' of GridSearchCV",
    ),
    "frozen": (FrozenEstimator(LogisticRegression().fit([[0], [1]], [0, 1])), "is frozen"),
}


@pytest.mark.parametrize("estimator, message", UNSEEN.values(), ids=UNSEEN)
def test_what_a_count_does_not_show_is_refused(table, estimator, message):
    for piped in (estimator, make_pipeline(StandardScaler(), estimator)):
        with pytest.raises(ValueError, match=message):
            counts_of(piped, table)


def test_weights_without_a_class_and_twofold_weights_are_refused(table):
    _, y = table
    with pytest.raises(ValueError, match=r"labels \[1\] have no weight"):
        counts_of(GaussianNB(), table, sample_weight=np.where(y == 1, 0.0, 1.0))
    with pytest.raises(ValueError, match="class_weight='balanced' and sample_weight"):
        counts_of(weighed(), table, sample_weight=np.ones(100))
    found = counts_of(weighed({1: 2}), table, sample_weight=np.full(100, 2.0))
    assert found == pytest.approx([160, 80])


@pytest.mark.parametrize("trained_prior", ["counts", "uniform"])
def test_a_sampler_that_drops_a_class_is_refused(trained_prior):
    only = FunctionSampler(func=lambda X, y: (X[y < 2], y[y < 2]))
    X, y = np.random.default_rng(0).normal(size=(100, 2)), np.repeat([0, 1, 2], [50, 40, 10])
    model = make_pipeline(only, LogisticRegression())
    with pytest.raises(ValueError, match=r"\[0, 1, 2\].*LogisticRegression, got \[0, 1\]"):
        PriorCorrectedClassifier(model, trained_prior=trained_prior).fit(X, y)

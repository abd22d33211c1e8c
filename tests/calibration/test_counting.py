"""What the last step was trained on, against counts and weights known by hand."""

import numpy as np
import pytest
from imblearn import FunctionSampler
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline as make_plain_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from imbdeep.calibration import PriorCorrectedClassifier
from imbdeep.classifiers import ERMClassifier, GAMOClassifier, M2mClassifier, RAEClassifier
from imbdeep.losses import class_balanced_weights

COUNTS = np.array([80, 20])
BRIEF = {
    "max_epochs": 2,
    "hidden_layer_sizes": (8,),
    "encode": False,
    "device": "cpu",
    "random_state": 0,
}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], COUNTS)
    return rng.normal(size=(100, 2)) + y[:, None], y


def counts_of(estimator, table, **fit_params):
    return PriorCorrectedClassifier(estimator).fit(*table, **fit_params).training_counts_


def over(n):
    return RandomOverSampler(sampling_strategy={1: n}, random_state=0)


@pytest.mark.parametrize(
    "estimator, expected",
    [
        (LogisticRegression(), [80, 20]),
        (make_pipeline(over(50), LogisticRegression()), [80, 50]),
        (make_pipeline(StandardScaler(), over(50), LogisticRegression()), [80, 50]),
        (make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression()), [20, 20]),
        # A pipeline at the end of a pipeline, samplers in both.
        (make_pipeline(over(30), make_pipeline(over(60), LogisticRegression())), [80, 60]),
        (
            make_pipeline(over(30), make_plain_pipeline(StandardScaler(), LogisticRegression())),
            [80, 30],
        ),
    ],
)
def test_rows_of_the_last_step(table, estimator, expected):
    assert counts_of(estimator, table).tolist() == expected


def test_nested_pipeline_keeps_its_classifier(table):
    X, y = table
    estimator = make_pipeline(over(30), make_pipeline(StandardScaler(), LogisticRegression()))
    model = PriorCorrectedClassifier(estimator).fit(X, y)
    assert isinstance(model.estimator_[-1][-1], LogisticRegression)
    np.testing.assert_array_equal(
        model.estimator_.predict_proba(X), estimator.fit(X, y).predict_proba(X)
    )


@pytest.mark.parametrize(
    "weight, expected",
    [
        ("balanced", [50, 50]),
        ({0: 1, 1: 4}, [80, 80]),
        ({1: 2}, [80, 40]),
        ({0: 0.5}, [40, 20]),
    ],
)
def test_class_weights_of_the_last_step(table, weight, expected):
    weighed = LogisticRegression(class_weight=weight)
    assert counts_of(weighed, table) == pytest.approx(expected)
    assert counts_of(make_pipeline(StandardScaler(), weighed), table) == pytest.approx(expected)


def test_weights_and_sampler_multiply(table):
    pipe = make_pipeline(over(40), LogisticRegression(class_weight={1: 3}))
    assert counts_of(pipe, table) == pytest.approx([80, 120])


def test_balanced_weights_of_a_forest(table):
    forest = RandomForestClassifier(5, class_weight="balanced_subsample", random_state=0)
    assert counts_of(forest, table) == pytest.approx([50, 50])


def test_balanced_weights_corrected_are_the_plain_classifier():
    """Weights move a well specified logistic regression by its intercept alone."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [9000, 1000])
    X = rng.normal(size=(10_000, 1)) + 1.5 * y[:, None]
    plain = LogisticRegression().fit(X, y).predict_proba(X)
    weighed = LogisticRegression(class_weight="balanced")
    corrected = PriorCorrectedClassifier(weighed).fit(X, y)
    assert np.abs(corrected.predict_proba(X) - plain).max() < 0.03
    assert np.abs(corrected.estimator_.predict_proba(X) - plain).max() > 0.3


def test_weights_of_the_erm_classifier(table):
    def shares(**parameters):
        counts = counts_of(ERMClassifier(**BRIEF, **parameters), table)
        return counts / counts.sum()

    effective = COUNTS * class_balanced_weights(COUNTS, 0.9).numpy()
    assert shares() == pytest.approx([0.8, 0.2])
    assert shares(class_weight="balanced") == pytest.approx([0.5, 0.5])
    assert shares(sampling="balanced") == pytest.approx([0.5, 0.5])
    assert shares(class_weight={1: 2}) == pytest.approx([2 / 3, 1 / 3])
    for where in ("class_weight", "sampling"):
        found = shares(**{where: "class_balanced"}, effective_beta=0.9)
        assert found == pytest.approx(effective / effective.sum(), rel=1e-5)
    # Both at once turn the imbalance round.
    assert shares(class_weight="balanced", sampling="balanced") == pytest.approx([0.2, 0.8])


def test_held_out_rows_are_no_training_rows(table):
    counts = counts_of(ERMClassifier(**BRIEF, early_stopping=True, validation_fraction=0.25), table)
    assert counts.tolist() == [60, 15]


def test_calibrated_classifiers_go_by_the_rows_whatever_their_weights(table):
    """Scores of a weighted classifier, mapped to probabilities of the rows as they come."""
    weighed = LogisticRegression(class_weight="balanced")
    inner = make_pipeline(RandomOverSampler(random_state=0), LogisticRegression())
    for estimator in (weighed, inner):
        calibrated = CalibratedClassifierCV(estimator, cv=3)
        assert counts_of(calibrated, table).tolist() == [80, 20]
        behind = make_pipeline(over(40), calibrated)
        assert counts_of(behind, table).tolist() == [80, 40]
    X, y = table
    p = CalibratedClassifierCV(weighed, cv=3).fit(X, y).predict_proba(X)
    assert p[:, 1].mean() == pytest.approx(0.2, abs=0.03)


@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_probabilities_of_libsvm_know_no_weights(table):
    X, y = table
    machine = SVC(kernel="linear", class_weight="balanced", probability=True, random_state=0)
    weights = np.where(y == 1, 2.0, 1.0)
    assert machine.fit(X, y, weights).predict_proba(X)[:, 1].mean() == pytest.approx(0.2, abs=0.03)
    assert counts_of(machine, table, sample_weight=weights).tolist() == [80, 20]


UNTOLD = {
    "deferred": (ERMClassifier(class_weight="balanced", defer=0.8), "defer=0.8 of ERMClassifier"),
    "M2m": (M2mClassifier(), "defer=0.8 of M2mClassifier"),
    "M2m from the first epoch": (M2mClassifier(defer=0.0), "translation_steps=10"),
    "RAE": (RAEClassifier(), "sampling='balanced' of RAEClassifier"),
    "GAMO": (GAMOClassifier(), "generated_lambda=0.3"),
    "GAMO without drawing": (GAMOClassifier(sampling=None), "generated_lambda=0.3"),
    "forest": (BalancedRandomForestClassifier(), "sampling_strategy='all'"),
    "prior of its own": (GaussianNB(priors=[0.5, 0.5]), "priors="),
    "weights in an ensemble": (
        BaggingClassifier(LogisticRegression(class_weight="balanced")),
        "estimator__class_weight='balanced' of BaggingClassifier.*correct_prior",
    ),
    "sampler in a search": (
        GridSearchCV(make_pipeline(over(50), LogisticRegression()), {}),
        "changes the shares.*put PriorCorrectedClassifier inside",
    ),
    "frozen": (FrozenEstimator(LogisticRegression().fit([[0], [1]], [0, 1])), "is frozen"),
}


@pytest.mark.parametrize("estimator, message", UNTOLD.values(), ids=UNTOLD)
def test_what_cannot_be_told_is_refused(table, estimator, message):
    for piped in (estimator, make_pipeline(StandardScaler(), estimator)):
        with pytest.raises(ValueError, match=message):
            PriorCorrectedClassifier(piped).fit(*table)


def test_weights_that_a_search_has_chosen_are_refused(table):
    grid = {"class_weight": ["balanced"]}
    search = GridSearchCV(LogisticRegression(), grid, cv=2)
    with pytest.raises(ValueError, match="class_weight='balanced' of GridSearchCV"):
        PriorCorrectedClassifier(search).fit(*table)
    kept = GridSearchCV(LogisticRegression(), {"class_weight": [None], "C": [0.1, 1]}, cv=2)
    assert counts_of(kept, table).tolist() == [80, 20]


def test_plain_ensembles_and_priors_from_rows_are_told(table):
    for estimator in (
        BaggingClassifier(LogisticRegression(), n_estimators=2, random_state=0),
        GaussianNB(),
        RAEClassifier(sampling=None, max_steps=3, hidden_layer_sizes=(8,), device="cpu"),
    ):
        assert counts_of(estimator, table).tolist() == [80, 20]


def test_weights_without_a_class_and_twofold_weights_are_refused(table):
    _, y = table
    with pytest.raises(ValueError, match=r"labels \[1\] have no weight"):
        counts_of(GaussianNB(), table, sample_weight=np.where(y == 1, 0.0, 1.0))
    weighed = LogisticRegression(class_weight="balanced")
    with pytest.raises(ValueError, match="class_weight='balanced' and sample_weight"):
        counts_of(weighed, table, sample_weight=np.ones(100))
    both = LogisticRegression(class_weight={1: 2})
    assert counts_of(both, table, sample_weight=np.full(100, 2.0)) == pytest.approx([160, 80])


def test_unknown_word_for_weights_is_refused(table):
    class Worded(LogisticRegression):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

    with pytest.raises(ValueError, match="class_weight='heavy' is not known"):
        counts_of(Worded(class_weight="heavy"), table)


def test_a_sampler_that_drops_a_class_is_refused():
    only = FunctionSampler(func=lambda X, y: (X[y < 2], y[y < 2]))
    X, _ = make_classification(100, random_state=0)
    y = np.repeat([0, 1, 2], [50, 40, 10])
    with pytest.raises(ValueError, match=r"\[0, 1, 2\].*LogisticRegression, got \[0, 1\]"):
        PriorCorrectedClassifier(make_pipeline(only, LogisticRegression())).fit(X, y)


def test_rows_are_counted_through_steps_that_keep_them(table):
    same = FunctionTransformer()
    pipe = make_pipeline(same, over(25), same, LogisticRegression())
    assert counts_of(pipe, table).tolist() == [80, 25]

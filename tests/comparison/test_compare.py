from decimal import Decimal
from functools import partial

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.over_sampling import SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePGroupsOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from imbdeep.classifiers import ERMClassifier, GAMOClassifier, M2mClassifier, RAEClassifier
from imbdeep.comparison import METHODS, SCORING, SIMPLE, compare
from imbdeep.comparison import QUICK as QUICK_LOOK
from imbdeep.comparison._methods import _LEARNERS, _REGISTRY
from imbdeep.over_sampling import CGANSampler, CVAESampler, MGVAESampler, RAESampler

QUICK = {"methods": ["nothing", "class weights"], "classifiers": ["logistic"], "cv": 3}


def blobs(n=200, share=0.2, seed=0):
    return make_classification(
        n, n_features=6, weights=[1 - share], class_sep=0.8, random_state=seed
    )


def mixed(n=150, seed=0):
    """A frame of numbers, words, flags and holes, whose classes differ in all of them."""
    random = np.random.default_rng(seed)
    y = np.where(random.random(n) < 0.25, "ill", "well")
    ill = y == "ill"
    age = random.normal(50 + 10 * ill, 8).round(1)
    age[random.random(n) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "age": age,
            "city": random.choice(["Rome", "Oslo", "Lima"], n),
            "smoker": random.random(n) < 0.3 + 0.3 * ill,
            "visits": random.poisson(2 + ill, n),
            "dose": random.gamma(2.0, 1.0, n),
        }
    )
    return frame, y


class Recorder(BaseEstimator):
    """A sampler that keeps the rows that it was given, and returns them."""

    def __init__(self, path=""):
        self.path = path

    def fit_resample(self, X, y):
        joblib.dump((X, y), f"{self.path}/{joblib.hash((X, y))}")
        return X, y


class RecordingClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that keeps the rows that it was given."""

    def __init__(self, path=""):
        self.path = path

    def fit(self, X, y):
        joblib.dump((X, y), f"{self.path}/{joblib.hash((X, y))}")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class Failing(BaseEstimator):
    def fit_resample(self, X, y):
        raise ValueError("no rows\nfor this")


class FailsOnce(BaseEstimator):
    """A sampler that fails as long as a file is not there, and counts its calls in another."""

    def __init__(self, path=""):
        self.path = path

    def fit_resample(self, X, y):
        with open(f"{self.path}/calls", "a") as file:
            file.write("x")
        with open(f"{self.path}/go"):
            return X, y


class Interrupted(FailsOnce):
    def fit_resample(self, X, y):
        try:
            return super().fit_resample(X, y)
        except OSError:
            raise KeyboardInterrupt from None


def test_rae_is_trained_once_for_its_rows_and_its_predictions(monkeypatch):
    X, y = blobs(60)
    brief = partial(RAEClassifier, max_steps=3, hidden_layer_sizes=(8,), batch_size=8)

    def samples(**given):
        return RAESampler(brief(**given), row_filter=None, random_state=given["random_state"])

    monkeypatch.setitem(_REGISTRY, "RAE", ("classifier", brief))
    monkeypatch.setitem(_REGISTRY, "RAE samples", ("sampler", samples))

    def found(y, *methods):
        return compare(X, y, methods=list(methods), classifiers=["logistic"], cv=2)

    columns = ["method", "classifier", "fold", *SCORING]
    both = found(y, "RAE samples", "RAE").scores[columns]
    alone = pd.concat(found(y, name).scores[columns] for name in ("RAE samples", "RAE"))
    pd.testing.assert_frame_equal(both, alone.reset_index(drop=True))
    even = np.arange(60) % 2  # no rows are lacking: the sampler trains nothing
    assert found(even, "RAE samples", "RAE").failures == {}


def test_all_names_run_on_a_mixed_table():
    X, y = mixed(80)
    few = {"device": "cpu", "random_state": 0}
    plain = {**few, "row_filter": None}
    network = {"hidden_layer_sizes": (8,), "batch_size": 16}
    methods = {
        **dict.fromkeys(SIMPLE),
        "MGVAE": MGVAESampler(pretrain_steps=10, finetune_steps=5, **plain),
        "CVAE": CVAESampler(max_steps=10, **plain),
        "CGAN": CGANSampler(max_steps=10, **plain),
        "RAE samples": RAESampler(
            RAEClassifier(max_steps=5, **network, **few), row_filter=None, random_state=0
        ),
        "M2m": M2mClassifier(ERMClassifier(max_epochs=5, **network, **few), random_state=0),
        "RAE": RAEClassifier(max_steps=5, **network, **few),
        "GAMO": GAMOClassifier(max_steps=5, **network, **few),
    }
    result = compare(X, y, methods=methods, classifiers=["logistic"], cv=2)
    assert result.failures == {}
    assert set(result.methods) == set(methods)
    assert result.simple == SIMPLE
    assert set(METHODS) - set(methods) == {"deferred re-weighting"}
    assert np.isfinite(result.scores[list(SCORING)]).all(axis=None)
    assert (result.scores["seconds"] > 0).all()
    assert (result.scores["memory"] >= 0).all()


@pytest.mark.parametrize("kind", ["recorder", "classifier", "pipeline", "learner"])
def test_no_test_row_reaches_what_is_fitted(tmp_path, kind):
    X, y = blobs(60)
    X = np.column_stack([X, np.arange(60.0)])
    recorder = {
        "recorder": Recorder(str(tmp_path)),
        "classifier": RecordingClassifier(str(tmp_path)),
        "pipeline": make_imbalanced_pipeline(Recorder(str(tmp_path)), LogisticRegression()),
        "learner": None,
    }[kind]
    learner = make_pipeline(RecordingClassifier(str(tmp_path)))
    classifiers = {"learner": learner} if kind == "learner" else ["logistic"]
    splitter = StratifiedKFold(3, shuffle=True, random_state=1)
    compare(
        X,
        y,
        methods={"nothing": None, **({"mine": recorder} if recorder else {})},
        classifiers=classifiers,
        cv=splitter,
    )
    seen = [set(joblib.load(path)[0][:, -1].astype(int)) for path in tmp_path.iterdir()]
    trained = [set(train) for train, _ in splitter.split(X, y)]
    assert len(seen) == 3
    assert all(rows in trained for rows in seen)


def test_no_winner_where_nothing_can_be_learned():
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 4))
    y = (random.random(300) < 0.2).astype(int)
    methods = dict.fromkeys(["nothing", "class weights", "SMOTE"])
    mine = {"mine": SMOTE(k_neighbors=3), "borderline": BorderlineSMOTE()}
    result = compare(X, y, methods=methods | mine, classifiers=["logistic"])
    assert all(found == [] for found in result.ahead.values())
    assert "No other method is better than class weights" in result.verdict
    assert "Better than every simple method" not in result.verdict


def test_winner_where_there_is_one():
    # The label is the side of a circle: no line finds it, whatever is done about the classes.
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 2))
    y = ((X**2).sum(axis=1) > 4).astype(int)
    result = compare(
        X,
        y,
        methods={
            **dict.fromkeys(["nothing", "class weights", "prior correction", "SMOTE"]),
            "neighbours": KNeighborsClassifier(),
        },
        classifiers=["logistic"],
        scoring=["average_precision"],
    )
    assert result.ahead == {"average_precision": ["neighbours"]}
    assert result.methods[0] == "neighbours"
    assert result.verdict.endswith("Use neighbours.")
    assert "Better than every simple method with 95% certainty: neighbours" in result.verdict


def test_same_seed_same_scores_in_any_number_of_processes():
    X, y = blobs()
    same = {**QUICK, "methods": ["nothing", "SMOTE"]}
    one = compare(X, y, **same)
    two = compare(X, y, n_jobs=2, **same)
    columns = ["method", "classifier", "fold", *one.metrics]
    pd.testing.assert_frame_equal(one.scores[columns], two.scores[columns])
    other = compare(X, y, random_state=np.random.RandomState(1), **same)
    assert not other.scores[columns].equals(one.scores[columns])


@pytest.mark.parametrize("container", ["frame", "polars", "sparse", "list"])
def test_containers(container):
    X, y = blobs(80)
    given = {
        "frame": lambda: pd.DataFrame(X, index=np.arange(80) * 2, columns=list("abcdef")),
        "polars": lambda: pl.DataFrame(X, schema=list("abcdef")),
        "sparse": lambda: sparse.csr_array(X),
        "list": X.tolist,
    }[container]()
    labels = pd.Series(y, index=np.arange(80) * 3)
    one = compare(given, labels, **QUICK)
    two = compare(X, y, **QUICK)
    pd.testing.assert_frame_equal(one.ranks, two.ranks)


def test_a_method_that_fails_says_why_and_the_others_go_on():
    X, y = blobs(80)
    result = compare(
        X,
        y,
        methods={"nothing": None, "mine": Failing(), "class weights": None},
        classifiers=["logistic"],
        cv=2,
    )
    assert result.failures == {"mine": "ValueError: no rows for this"}
    assert result.methods == tuple(result.ranks.index)
    assert set(result.methods) == {"nothing", "class weights"}
    assert result.table["failed"]["mine"] == "ValueError: no rows for this"
    assert np.isnan(result.table["rank"]["mine"])
    assert result.table.index[-1] == "mine"


def test_class_weights_need_weights_of_classes_or_rows():
    X, y = blobs(120)
    two = ["nothing", "class weights"]
    classifiers = {"neighbours": KNeighborsClassifier(), "line": LogisticRegression()}
    result = compare(X, y, methods=two, classifiers=classifiers, cv=2)
    # A method that fails with one classifier is not ranked.
    assert "takes neither class_weight nor sample_weight" in result.failures["class weights"]
    assert result.methods == ("nothing",)
    result = compare(X, y, methods=two, classifiers={"bayes": GaussianNB()}, cv=3)
    recall = result.table["balanced_accuracy"]
    assert recall["class weights"] > recall["nothing"]


def test_all_methods_failing_is_an_error():
    X, y = blobs(60)
    with pytest.raises(RuntimeError, match="No method could be run"):
        compare(X, y, methods={"mine": Failing()}, classifiers=["logistic"], cv=2)


def test_what_was_finished_is_not_done_again(tmp_path):
    X, y = blobs(60)
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    same = {
        "methods": {"nothing": None, "mine": FailsOnce(str(work))},
        "classifiers": ["logistic"],
        "cv": 2,
        "memory": str(cache),
    }
    assert "mine" in compare(X, y, **same).failures
    (work / "go").touch()
    assert compare(X, y, **same).failures == {}  # failures are tried again
    first = compare(X, y, **same)
    assert (work / "calls").read_text() == "xxxx"
    assert compare(X, y, **same).scores.equals(first.scores)  # seconds too
    assert (work / "calls").read_text() == "xxxx"
    compare(X[::-1], y[::-1], **same)  # other rows are another comparison
    assert (work / "calls").read_text() == "xxxxxx"


def test_an_interrupted_comparison_goes_on_where_it_stopped(tmp_path):
    X, y = blobs(60)
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    counted = FailsOnce(str(work))
    same = {
        # The last named begins first.
        "methods": {"stops": Interrupted(str(work)), "counted": counted},
        "classifiers": ["logistic"],
        "cv": 2,
        "memory": str(cache),
    }
    (work / "go").touch()
    compare(X, y, **{**same, "methods": {"counted": counted}})
    (work / "go").unlink()
    with pytest.raises(KeyboardInterrupt):
        compare(X, y, **same)
    assert (work / "calls").read_text() == "xxx"
    (work / "go").touch()
    compare(X, y, **same)
    assert (work / "calls").read_text() == "xxxxx"  # the two folds of what was interrupted


def test_progress(capsys):
    X, y = blobs(60)
    compare(X, y, verbose=True, **QUICK)
    assert "6/6" in capsys.readouterr().err


def test_folds_and_metrics_as_given():
    X, y = blobs(100)
    repeated = RepeatedStratifiedKFold(n_splits=2, n_repeats=3, random_state=0)
    result = compare(X, y, **{**QUICK, "cv": repeated}, scoring=["roc_auc", "roc_auc"])
    assert result.metrics == ("roc_auc",)  # once
    assert result.scores["fold"].nunique() == 6
    cv = StratifiedShuffleSplit(2, train_size=0.5, test_size=0.1, random_state=0)
    assert compare(X, y, **{**QUICK, "cv": cv}).test_share == pytest.approx(1 / 6)  # of rows in use


@pytest.mark.parametrize(
    "rows, cv, note",
    [
        (3, 5, "3 folds instead of 5: the smallest class has 3 rows."),
        (2, 3, "the smallest class has 2 rows, and is missing in the test rows of some folds."),
    ],
)
def test_folds_adapt_to_small_classes(rows, cv, note):
    X, y = blobs(100)
    y[:rows] = 2
    result = compare(X, y, **{**QUICK, "cv": cv})
    assert result.scores["fold"].nunique() == 3
    assert result.notes == [note]
    assert np.isfinite(result.scores[list(result.metrics)]).all(axis=None)


def test_a_class_of_one_row_is_trained_on_and_never_scored(tmp_path):
    X, y = blobs(100)
    X[:, 0] = np.arange(100)
    y = np.where(np.arange(100) == 17, "rare", y.astype(str))
    # Thresholds are for two classes, ADASYN for hard ones; the ensemble takes long.
    left_out = ("tuned threshold", "ADASYN", "ensemble")
    methods = {name: None for name in SIMPLE if name not in left_out}
    result = compare(
        X,
        y,
        methods={**methods, "mine": Recorder(str(tmp_path))},
        classifiers=["logistic"],
        cv=3,
    )
    assert result.failures == {}
    assert result.notes[0].startswith("One row only of the classes 'rare'")
    assert all(17 in joblib.load(path)[0][:, 0] for path in tmp_path.iterdir())


def test_columns_that_are_missing_throughout_are_left_out():
    X, y = mixed()
    X["empty"] = np.nan
    X["name"] = [f"patient {i}" for i in range(len(X))]
    result = compare(X, y, **QUICK)
    assert result.notes == [
        "All values of 'empty' are missing: nothing is learned from that.",
        "Nearly every row has a value of its own in 'name': leave identifiers out.",
    ]
    with pytest.raises(ValueError, match="missing throughout"):
        compare(X[["empty"]], y, **QUICK)


def test_warnings_are_kept_by_method():
    X, y = blobs(60)
    result = compare(
        X, y, methods={"line": LogisticRegression(max_iter=1)}, classifiers=["logistic"], cv=2
    )
    assert any("failed to converge" in said for said in result.warnings["line"])


def test_users_samplers_get_a_seed_and_are_not_simple():
    X, y = blobs(100)
    methods = {"nothing": None, "SMOTE": SMOTE(k_neighbors=2), "b": RandomOverSampler()}
    one, two = (
        compare(X, y, methods=methods, classifiers=["logistic"], cv=2, random_state=0)
        for _ in range(2)
    )
    assert one.scores[list(one.metrics)].equals(two.scores[list(two.metrics)])
    assert one.simple == ("nothing",)


def test_pipelines_get_rows_as_they_come():
    X, y = blobs(100)
    learner = make_pipeline(StandardScaler(), LogisticRegression())
    result = compare(
        X,
        y,
        methods=["nothing", "class weights", "prior correction", "SMOTE", "ADASYN"],
        classifiers={"pipeline": learner},
        cv=2,
    )
    assert result.failures == {}
    line = result.scores[result.scores["method"] == "class weights"]
    plain = compare(X, y, methods=["class weights"], classifiers={"p": learner}, cv=2)
    assert line["roc_auc"].tolist() == plain.scores["roc_auc"].tolist()
    recall = result.table["balanced_accuracy"]
    assert recall["class weights"] > recall["nothing"]


IDENTIFIERS = np.arange(200)
BAD = {
    "methods": ({"methods": ["SMOTTE"]}, ValueError, "'SMOTTE'.*Did you mean 'SMOTE'"),
    "methods twice": ({"methods": ["SMOTE", "SMOTE"]}, ValueError, "SMOTE more than once"),
    "no methods": ({"methods": []}, ValueError, "methods is empty"),
    "no estimator": ({"methods": {"a": 1}}, TypeError, "neither fit_resample nor predict"),
    "no name": ({"methods": {1: SMOTE()}}, TypeError, "names are strings"),
    "classifiers": ({"classifiers": ["mpl"]}, ValueError, "Did you mean 'mlp'"),
    "no classifiers": ({"classifiers": []}, ValueError, "classifiers is empty"),
    "no classifier": ({"classifiers": {"a": SMOTE()}}, TypeError, "no classifier"),
    "scoring": ({"scoring": ["roc_acu"]}, ValueError, "Did you mean 'roc_auc'"),
    "no list of methods": ({"methods": 3}, TypeError, "must be 'all'"),
    "seed": ({"random_state": -1}, ValueError, "Seed"),
    "empty": ({"X": np.zeros((0, 2)), "y": []}, ValueError, "y is empty"),
    "mixed labels": ({"y": np.array([1, "a"] * 100, dtype=object)}, TypeError, "several types"),
    "twice": (
        {"X": pd.DataFrame(np.zeros((200, 2)), columns=["a", "a"])},
        ValueError,
        "must be unique",
    ),
    "leaking splits": ({"cv": [(np.arange(150), np.arange(100, 200))]}, ValueError, "split 0"),
    "scoring as a word": ({"scoring": "roc_auc"}, ValueError, "must be a list"),
    "rope": ({"rope": -1}, ValueError, "rope=-1"),
    "cv": ({"cv": 1}, ValueError, "cv=1"),
    "continuous": ({"y": np.linspace(0, 1, 200)}, ValueError, "continuous.*pandas.cut"),
    "identifiers": ({"y": IDENTIFIERS}, ValueError, "200 distinct values"),
    "constant": ({"y": np.zeros(200)}, ValueError, "one class 0.0"),
    "missing": ({"y": [None, *"ab" * 99, "a"]}, ValueError, "missing labels"),
    "singletons": ({"y": np.arange(200) == 0}, ValueError, "a single row"),
    "images": ({"X": np.zeros((200, 1, 4, 4))}, ValueError, "compare takes a table"),
    "infinite": ({"X": np.full((200, 2), np.inf)}, ValueError, "infinity"),
    "constant columns": ({"X": np.ones((200, 2))}, ValueError, "constant"),
    "length": ({"y": [0, 1]}, ValueError, "inconsistent"),
}


@pytest.mark.parametrize("changed, error, message", BAD.values(), ids=BAD)
def test_bad_input_is_refused_before_anything_is_trained(tmp_path, changed, error, message):
    X, y = blobs()
    changed = dict(changed)
    X, y = changed.pop("X", X), changed.pop("y", y)
    with pytest.raises(error, match=message):
        compare(X, y, **{**QUICK, **changed})


# --------------------------------------------------------------------------- splits and groups


def grouped():
    X, y = blobs(60, share=0.4)
    return X, y, np.arange(60) % 6


@pytest.mark.parametrize(
    "cv, n_folds",
    [
        (GroupKFold(3), 3),
        (StratifiedGroupKFold(2), 2),
        (LeaveOneGroupOut(), 6),
        (GroupShuffleSplit(2, random_state=0), 2),
        (3, 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_groups_stay_together(tmp_path, cv, n_folds):
    X, y, groups = grouped()
    X[:, -1] = groups
    mine = RecordingClassifier(str(tmp_path))
    named = pd.Series([f"patient {k}" for k in groups], index=np.arange(60) * 2)
    result = compare(X, y, methods={"mine": mine}, cv=cv, groups=named, scoring=["roc_auc"])
    assert result.failures == {}
    assert result.scores["fold"].nunique() == n_folds
    for path in tmp_path.iterdir():
        rows = joblib.load(path)[0][:, -1]
        assert all((rows == k).sum() in (0, (groups == k).sum()) for k in range(6))


@pytest.mark.parametrize(
    "cv", [GroupKFold(3), LeaveOneGroupOut(), StratifiedGroupKFold(3), LeavePGroupsOut(2)]
)
def test_splitters_of_groups_ask_for_them(cv):
    X, y, _ = grouped()
    with pytest.raises(ValueError, match=rf"{type(cv).__name__}.*say by groups=\.\.\."):
        compare(X, y, **{**QUICK, "cv": cv})


BAD_SPLITS = {
    "one row a test": ({"cv": LeaveOneOut()}, "rows of one class only.*neg_log_loss"),
    "other rows": ({"cv": PredefinedSplit(np.arange(50) % 2)}, "for 50 rows, and y has 60"),
    "more folds than rows": ({"cv": KFold(100)}, "cannot split 60 rows"),
    "no splits": ({"cv": []}, "cv has no splits"),
    "no test rows": ({"cv": [(np.arange(9), [])]}, "split 0 has no test rows"),
    "no training rows": ({"cv": [([], np.arange(9))]}, "split 0 has no training rows"),
    "rows that are not there": ({"cv": [(np.arange(9), [70])]}, "cannot split 60 rows: index 70"),
    "one class in training": ({"cv": KFold(2)}, "split 1 hold only the class 0"),
    "a class that is tested alone": (
        {"cv": KFold(2), "y": np.repeat([0, 1, 2], [15, 30, 15])},
        "hold no row of 0, which is tested there",
    ),
    "a name of groups": ({"groups": "patient"}, "groups is 'patient', and y has 60 rows"),
    "few groups": ({"groups": [1, 2]}, "shape .2,., and y has 60 rows"),
    "a missing group": ({"groups": [None, *"ab" * 29, "c"]}, "groups is missing for row 0"),
    "more folds than groups": ({"groups": np.arange(60) % 2}, "groups: 2"),
}


@pytest.mark.parametrize("changed, message", BAD_SPLITS.values(), ids=BAD_SPLITS)
def test_splits_that_say_nothing_are_refused(changed, message):
    X, y, _ = grouped()
    changed = {"y": np.sort(y), **changed}
    with pytest.raises(ValueError, match=message):
        compare(X, methods={"mine": Failing()}, **{"cv": 3, **changed})


def test_scores_of_rows_need_one_class_only():
    X, y, _ = grouped()
    result = compare(
        X[:12], y[:12], methods=["nothing"], classifiers=["logistic"], cv=LeaveOneOut(),
        scoring=["neg_brier"],
    )  # fmt: skip
    assert result.scores["neg_brier"].notna().all()


def test_splits_of_one_class_are_noted():
    X, y, _ = grouped()
    rows = np.arange(60)
    first, second = rows[y == 0][:5], rows[:20]
    cv = [(np.setdiff1d(rows, test), test) for test in (first, second)]
    result = compare(X, y, **{**QUICK, "cv": cv})
    assert result.notes == [
        "The test rows of 1 of 2 splits are of one class: roc_auc cannot be taken there."
    ]


# ------------------------------------------------------------------- what scores are taken of

SILENT = {
    "linear": LinearSVC(),
    "ridge": RidgeClassifier(),
    "pipeline": make_pipeline(StandardScaler(), LinearSVC()),
    "search": GridSearchCV(LinearSVC(), {"C": [1, 2]}),
    "one against the rest": OneVsRestClassifier(LinearSVC()),
    "threshold": TunedThresholdClassifierCV(LinearSVC()),
}


@pytest.mark.parametrize("place", ["methods", "classifiers"])
@pytest.mark.parametrize("silent", SILENT.values(), ids=SILENT)
def test_classifiers_without_probabilities_are_refused_before_training(silent, place):
    X, y = blobs(60)
    given = {"methods": {"fails": Failing()}, "classifiers": {"line": LogisticRegression()}}
    given[place] = {**given[place], "mine": silent}
    message = rf"{place}\['mine'\].* no predict_proba, and neg_log_loss .*CalibratedClassifierCV"
    with pytest.raises(ValueError, match=message):
        compare(X, y, cv=2, scoring=["roc_auc", "neg_log_loss"], **given)


def test_decisions_will_do_for_rankings():
    X, y = blobs(60)
    mine = {name: SILENT[name] for name in ("linear", "pipeline", "ridge")}
    result = compare(X, y, methods=mine, cv=2, scoring=["roc_auc", "balanced_accuracy"])
    assert result.failures == {}
    votes = {"votes": VotingClassifier([("a", LogisticRegression())])}
    with pytest.raises(ValueError, match="no predict_proba and no decision_function, and roc_auc"):
        compare(X, y, methods=votes, cv=2, scoring=["roc_auc", "balanced_accuracy"])


def test_classifiers_that_have_probabilities_in_the_end():
    X, y = blobs(60)
    methods = {
        "search": GridSearchCV(SGDClassifier(), {"loss": ["log_loss"]}, cv=2),
        "calibrated": CalibratedClassifierCV(LinearSVC(), cv=2),
    }
    result = compare(  # classifiers in the place of the others leave those unused
        X, y, methods=methods, classifiers={"unused": LinearSVC()}, cv=2, scoring=["neg_log_loss"]
    )
    assert result.failures == {}


@pytest.mark.parametrize(
    "labels",
    [
        pd.to_datetime(["2020-01-01", "2021-01-01"]),
        pd.IntervalIndex.from_breaks([0, 1, 2]),
        [("a", 1), ("b", 2)],
        [Decimal(1), Decimal("10.5")],
    ],
    ids=["dates", "intervals", "tuples", "decimals"],
)
def test_labels_that_metrics_do_not_know_are_compared(labels):
    codes = np.arange(40) % 2
    X = np.ma.masked_array(np.random.default_rng(0).normal(size=(40, 2)) + codes[:, None])
    X[::7] = np.ma.masked
    result = compare(
        X, [labels[code] for code in codes], methods=["nothing"], classifiers=["logistic"], cv=2
    )
    assert not result.failures
    assert result.scores["balanced_accuracy"].notna().all()


def test_numbers_in_text_are_noted_once():
    v = np.random.default_rng(0).normal(size=80)
    X = pd.DataFrame({"price": [f"{x:.3f}".replace(".", ",") for x in v], "size": v})
    few = {"hidden_layer_sizes": (4,), "row_filter": None, "device": "cpu"}
    methods = {"ours": MGVAESampler(pretrain_steps=2, finetune_steps=1, **few)}
    result = compare(X, v > 0, methods=methods, classifiers=["logistic"], cv=2)
    (note,) = result.notes
    assert "own in 'price': leave identifiers out. The cells of 'price' (such as" in note
    assert "look like numbers in text" in note
    assert not any("value of its own" in text for said in result.warnings.values() for text in said)


# ------------------------------------------------------------------------------- a quick look


class Unchanged(BaseEstimator):
    """A sampler that adds nothing, and has a classifier inside."""

    estimator = GaussianNB()

    def fit_resample(self, X, y):
        return X, y


@pytest.fixture
def instant(monkeypatch):
    """No method and no classifier takes long."""
    for name, (kind, make) in _REGISTRY.items():
        if make is not None:
            made = GaussianNB() if kind == "classifier" else Unchanged()
            monkeypatch.setitem(_REGISTRY, name, (kind, lambda made=made, **_: made))
    monkeypatch.setitem(_REGISTRY, "tuned threshold", ("prior", None))
    for name in _LEARNERS:
        monkeypatch.setitem(_LEARNERS, name, lambda _: GaussianNB())


SCORED = {"scoring": ["roc_auc"], "quick": True}


@pytest.mark.usefixtures("instant")
def test_a_quick_look_takes_few_and_says_what_it_leaves_out():
    X, y = blobs(60)
    result = compare(X, y, **SCORED)
    assert result.failures == {}
    assert set(result.methods) == set(QUICK_LOOK["methods"])
    assert set(result.scores["classifier"]) == {*QUICK_LOOK["classifiers"], "own model"}
    assert result.scores["fold"].nunique() == 3
    (note,) = result.notes
    assert note.startswith(
        "A quick look, which leaves out the methods random over-sampling, ADASYN"
    )
    assert note.endswith("; the classifier mlp; 2 of 5 folds. Without quick all are compared.")
    assert all(f" {name}" in note for name in set(METHODS) - set(result.methods))
    assert f"Note: {note}" in repr(result)


@pytest.mark.usefixtures("instant")
def test_thresholds_are_left_out_of_a_quick_look_at_several_classes():
    X, _ = blobs(60)
    result = compare(X, np.arange(60) % 3, classifiers=["logistic"], **SCORED)
    assert result.failures == {}
    assert "tuned threshold" not in result.methods
    assert "tuned threshold" in result.notes[0]


@pytest.mark.usefixtures("instant")
@pytest.mark.parametrize(
    "given, methods, classifiers, n_folds, left_out",
    [
        ({"methods": ["ADASYN"]}, 1, 2, 3, "the classifier mlp; 2 of 5 folds"),
        ({"methods": "all", "classifiers": ["logistic"]}, 16, 1, 3, "2 of 5 folds"),
        ({"classifiers": {"mine": GaussianNB()}, "cv": 2}, 8, 1, 2, "the methods random"),
        ({"methods": {"mine": Unchanged()}, "cv": KFold(2)}, 1, 2, 2, "the classifier mlp. "),
        ({"methods": ["ADASYN"], "classifiers": ["logistic"], "cv": 5}, 1, 1, 5, ""),
    ],
)
def test_what_is_named_wins_over_the_quick_look(given, methods, classifiers, n_folds, left_out):
    X, y = blobs(60)
    result = compare(X, y, **given, **SCORED)
    assert len(result.methods) == methods
    assert len(set(result.scores["classifier"]) - {"own model"}) == classifiers
    assert result.scores["fold"].nunique() == n_folds
    assert len(result.notes) == bool(left_out)
    assert not left_out or f"leaves out {left_out}" in result.notes[0]


@pytest.mark.usefixtures("instant")
def test_without_names_all_are_compared():
    X, y = blobs(60)
    result = compare(X, y, classifiers=["logistic"], scoring=["roc_auc"])
    assert set(result.methods) == set(METHODS)
    assert result.scores["fold"].nunique() == 5
    assert result.notes == []

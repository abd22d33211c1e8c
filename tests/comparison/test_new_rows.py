"""How well the rows that a method adds can be told from test rows."""

import numpy as np
import pytest
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from imbdeep.comparison import Comparison, compare
from imbdeep.comparison._new_rows import Labelled, new_rows_auc


def three_classes(seed=0):
    """200, 60 and 16 rows, of which two folds test 100, 30 and 8: too few of the last."""
    random = np.random.default_rng(seed)
    y = np.repeat(["large", "middle", "small"], [200, 60, 16])
    shift = np.array([{"large": 0, "middle": 2, "small": 4}[label] for label in y])
    return random.normal(size=(len(y), 3)) + shift[:, None], y


class Drawing(BaseEstimator):
    """Adds rows of the true distribution, or others, and puts all in a random order."""

    def __init__(self, shift=0.0, lost=0):
        self.shift = shift
        self.lost = lost

    def fit_resample(self, X, y):
        random = np.random.default_rng(len(X))
        new = random.normal(size=(150, 3)) + 2 + self.shift
        X, y = np.concatenate([X, new]), np.concatenate([y, ["middle"] * 150])
        order = random.permutation(len(X))[self.lost :]
        return X[order], y[order]


def found(methods, **options):
    X, y = three_classes()
    options = {"classifiers": ["logistic"], "cv": 2, "scoring": ["roc_auc"], **options}
    return compare(X, y, methods=methods, **options)


def test_new_rows_are_told_from_test_rows_as_far_as_they_differ():
    methods = {
        "nothing": None,
        **dict.fromkeys(["random over-sampling", "SMOTE", "ADASYN"]),
        "true": Drawing(),
        "far": Drawing(9),
        "far and fewer": Drawing(9, lost=40),
        "under": RandomUnderSampler(),
        "tomek": SMOTETomek(),
    }
    result = found(methods, classifiers={"logistic": LogisticRegression(), "bayes": GaussianNB()})
    assert result.failures == {}
    means = result.table["two_sample_auc"].unstack()
    assert means.nunique(axis=1).max() == 1  # it belongs to the method, not to the classifier
    means = means["logistic"]
    assert means[["nothing", "under"]].isna().all()
    assert 0.35 < means["true"] < 0.65
    assert means["far"] > 0.97
    assert means["far and fewer"] > 0.97  # the given rows do not count, in any order
    others = means[["random over-sampling", "SMOTE", "ADASYN", "tomek"]]
    assert others.between(0.2, 1).all()
    assert "two_sample_auc: how well a forest tells the rows" in repr(result)


def test_it_enters_neither_ranks_nor_verdict():
    result = found({"nothing": None, "true": Drawing(), "far": Drawing(9)})
    ranks, verdict = result.ranks, result.verdict
    assert ranks.columns.tolist() == ["roc_auc"]
    scores = result.scores.assign(two_sample_auc=0.9)
    other = Comparison(
        scores, metrics=result.metrics, simple=result.simple, test_share=result.test_share
    )
    assert other.ranks.equals(ranks)
    assert other.verdict == verdict


def test_where_no_method_adds_rows_there_is_nothing_to_report():
    result = found(["nothing", "class weights"])
    assert result.scores["two_sample_auc"].isna().all()
    assert "how well a forest" not in repr(result)


def test_it_is_kept_with_the_scores(tmp_path):
    same = {"methods": {"true": Drawing()}, "memory": str(tmp_path)}
    first, again = found(**same).scores, found(**same).scores
    assert first["two_sample_auc"].notna().all()
    assert first.equals(again)
    other = found({"true": Drawing()}, random_state=1).scores
    assert not other["two_sample_auc"].equals(first["two_sample_auc"])


@pytest.mark.parametrize("n_added, n_real", [(9, 30), (30, 9), (0, 30)])
def test_few_rows_show_nothing(n_added, n_real):
    x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    y = np.zeros(100, dtype=int)
    given = Labelled(x[:40], y[:40])
    after = Labelled(np.concatenate([x[:40], x[40 : 40 + n_added]]), y[: 40 + n_added])
    assert np.isnan(new_rows_auc(given, after, Labelled(x[-n_real:], y[-n_real:]), seed=0))


def test_repeated_rows_are_added_rows():
    X, y = three_classes()
    x, y = X[y != "small"].astype(np.float32), y[y != "small"]
    resampled = Labelled(*SMOTE(random_state=0).fit_resample(x, y))
    repeated = Labelled(np.concatenate([x, x[-60:], x[-60:]]), np.concatenate([y, *[y[-60:]] * 2]))
    real = Labelled(x[-60:] + np.float32(0.01), y[-60:])
    for after in (resampled, repeated):
        assert 0 <= new_rows_auc(Labelled(x, y), after, real, seed=0) <= 1

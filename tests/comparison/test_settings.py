"""Settings of scikit-learn that hold everywhere leave the comparison what it is."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, SVMSMOTE
from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline
from sklearn import config_context
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from imbdeep.comparison import compare


def mixed(n=60, seed=0):
    random = np.random.default_rng(seed)
    ill = random.random(n) < 0.3
    frame = pd.DataFrame(
        {
            "age": random.normal(50 + 10 * ill, 8),
            "city": random.choice(["Rome", "Oslo"], n),
            "ward": random.choice(["a", "b", "c"], n),
        }
    )
    return frame, np.where(ill, "ill", "well")


def encoder():
    return make_column_transformer(
        (OneHotEncoder(sparse_output=False), make_column_selector(dtype_exclude="number")),
        (StandardScaler(), make_column_selector(dtype_include="number")),
    )


#: Columns, and the samplers of others that take them.
TABLES = {
    "mixed": (
        ["age", "city", "ward"],
        {
            "mine": SMOTENC(["city", "ward"], random_state=0),
            "piped": make_imbalanced_pipeline(
                encoder(), SMOTE(random_state=0), LogisticRegression()
            ),
        },
    ),
    "categories": (["city", "ward"], {"mine": SMOTEN(random_state=0)}),
    "numbers": (["age"], {"mine": SVMSMOTE(random_state=0)}),
}


def scores(table, names):
    X, y = mixed()
    columns, own = TABLES[table]
    result = compare(
        X[columns],
        y,
        methods={**dict.fromkeys(names), **own},
        classifiers=["logistic"],
        cv=2,
        scoring=["neg_log_loss"],
    )
    assert result.failures == {}
    return result.scores[["method", "fold", "neg_log_loss"]]


@pytest.mark.parametrize("table", TABLES)
def test_every_rival_stays_whatever_transformers_return(table):
    plain = scores(table, ["nothing", "SMOTE"])
    for output in ("pandas", "polars"):
        with config_context(transform_output=output):
            pd.testing.assert_frame_equal(scores(table, ["nothing", "SMOTE"]), plain)


def test_own_pipelines_keep_the_setting_in_other_processes():
    X, y = mixed()
    picks = make_pipeline(
        StandardScaler(),
        FunctionTransformer(pd.DataFrame.get, kw_args={"key": ["age"]}),
        LogisticRegression(),
    )
    X = X[["age"]].assign(weight=X["age"] ** 2)
    with config_context(transform_output="pandas"):
        result = compare(
            X, y, methods={"SMOTE": None, "mine": picks}, classifiers={"p": picks}, cv=2, n_jobs=2
        )
    assert (result.failures, result.warnings) == ({}, {})


def test_what_takes_no_frames_is_run_without_and_says_so():
    X, y = mixed()
    piped = make_imbalanced_pipeline(encoder(), SMOTE(random_state=0), LogisticRegression())
    with config_context(transform_output="polars"):
        result = compare(X, y, methods={"mine": piped}, cv=2, scoring=["roc_auc"])
    assert result.failures == {}
    assert "transform_output is 'polars'" in result.warnings["mine"][0]

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from imbdeep.comparison._fold import Table, Task, adapted, evaluate, interpolated
from imbdeep.comparison._methods import Method, Settings
from imbdeep.encoding import Layout, TabularEncoder

SETTINGS = Settings(device="cpu", random_state=0, categorical_features="auto")


def encoded(seed=0, n=60, numbers=True, words=True):
    """A table of two classes, 45 and 15 rows, encoded, with its layout."""
    random = np.random.default_rng(seed)
    y = np.repeat(["large", "small"], [n * 3 // 4, n // 4])
    columns = {}
    if numbers:
        columns["a"] = random.normal(size=n)
        columns["b"] = np.where(random.random(n) < 0.3, np.nan, random.normal(size=n))
    if words:
        columns["c"] = random.choice(["x", "y", "z"], n)
        columns["d"] = random.random(n) < 0.5
    encoder = TabularEncoder().set_output(transform="default")
    return encoder.fit_transform(pd.DataFrame(columns)), y, encoder.layout_


@pytest.mark.parametrize("numbers, words", [(True, True), (True, False), (False, True)])
def test_interpolated_rows_are_rows_of_the_layout(numbers, words):
    x, y, layout = encoded(numbers=numbers, words=words)
    new, labels = interpolated(x, y, layout, 0)
    assert (new[: len(x)] == x).all()
    assert new.dtype == np.float32
    assert np.unique(labels, return_counts=True)[1].tolist() == [45, 45]
    start = layout.n_gaussian
    if words:
        assert np.isin(new[:, start : start + layout.n_bernoulli], [0, 1]).all()
        group = new[:, start + layout.n_bernoulli :]
        assert (group.sum(axis=1) == 1).all()
        assert np.isin(group, [0, 1]).all()
    if numbers and words:
        for gaussian, missing in layout.missing:
            assert (new[new[:, missing] == 1, gaussian] == 0).all()


def test_numbers_alone_are_smotes():
    from imblearn.over_sampling import SMOTE

    x, y, _ = encoded(words=False)
    x = x[:, :1].repeat(3, axis=1)
    layout = Layout(3, 0, (), ())
    expected, _ = SMOTE(random_state=0).fit_resample(x, y)
    assert (interpolated(x, y, layout, 0)[0] == expected).all()


@pytest.mark.parametrize(
    "resample, rows", [(interpolated, 1), (interpolated, 2), (interpolated, 3), (adapted, 3)]
)
def test_tiny_classes(resample, rows):
    x, y, layout = encoded(n=80, words=False)
    kept = np.r_[np.arange(60), 60 : 60 + rows]
    x, y = x[kept], y[kept]
    # Between the others, so that ADASYN finds these hard.
    x[-rows:] = x[:rows] + 1e-3
    new, labels = resample(x, y, layout, 0)
    assert (new[: len(x)] == x).all()
    assert (labels == "small").sum() > rows


def test_adasyn_cannot_do_with_one_row():
    x, y, layout = encoded(n=80, words=False)
    with pytest.raises(ValueError, match="one training row"):
        adapted(x[:61], y[:61], layout, 0)


TASK = Task({"line": LogisticRegression()}, ["neg_log_loss"], SETTINGS)


def test_threshold_needs_two_classes_and_two_rows_of_each():
    X, _ = make_classification(30, random_state=0)
    rows = np.arange(30)
    for y, message in (
        (rows % 3, "a threshold is for two classes"),
        ((rows == 0).astype(int), "one training row"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate(Method("tuned threshold", "threshold"), TASK, rows, rows, "", Table(X, y))


def test_class_weights_are_scikit_learns():
    X, y = make_classification(200, weights=[0.9], flip_y=0.2, random_state=0)
    train, test = np.arange(150), np.arange(150, 200)
    ((record,), said) = evaluate(
        Method("class weights", "weights"), TASK, train, test, "", Table(X, y)
    )
    encoder = TabularEncoder(handle_unknown="ignore").set_output(transform="default")
    line = LogisticRegression(class_weight="balanced").fit(
        encoder.fit_transform(X[train]), y[train]
    )
    proba = line.predict_proba(encoder.transform(X[test]))
    expected = np.log(proba[np.arange(50), y[test]]).mean()
    assert record["neg_log_loss"] == pytest.approx(expected)
    assert said == []

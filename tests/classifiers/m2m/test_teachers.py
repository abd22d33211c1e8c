"""Teachers that a user hands in: which are taken, and what is said of those that are not."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.classifiers._m2m.teachers import net_on
from tests.test_common import made

SHORT = {"max_epochs": 2, "hidden_layer_sizes": (8,), "device": "cpu", "random_state": 0}


def table(n=120, n_features=3, labels=("a", "b", "c"), seed=0):
    """A long-tailed table whose classes lie apart."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(labels)), [n // 2**k for k in range(len(labels))])
    X = rng.normal(size=(len(codes), n_features)) + 2 * codes[:, None]
    return X, np.array(labels)[codes]


def erm(X, y, **params):
    return ERMClassifier(**{**SHORT, **params}).fit(X, y)


def m2m(**params):
    return made(M2mClassifier, **{**SHORT, "beta": 0.5, "gamma": 0.0, "defer": 0.5, **params})


X, Y = table()


@pytest.fixture(scope="module")
def teacher():
    return erm(X, Y)


# Those that are taken


def test_a_given_teacher_is_the_one_in_use_and_brings_its_encoder(teacher):
    classifier = m2m(teacher=teacher).fit(X, Y)
    assert classifier.teachers_ == [teacher.net_]
    assert classifier.encoder_ is teacher.encoder_
    assert classifier.teacher is teacher
    assert classifier.net_.teachers == [(teacher.net_, [0, 1, 2])]
    assert not hasattr(classifier, "_given")


@pytest.mark.parametrize("container", [list, tuple])
def test_an_ensemble_is_a_list_or_a_tuple(teacher, container):
    other = erm(X, Y, random_state=1)
    classifier = m2m(teacher=container([teacher, FrozenEstimator(other)])).fit(X, Y)
    assert classifier.teachers_ == [teacher.net_, other.net_]
    _, confidence = classifier.translate(X[:8], "c", return_confidence=True, random_state=0)
    assert (confidence >= 0).all()
    assert (confidence <= 1).all()


def test_a_teacher_of_more_classes_is_read_at_its_columns():
    labels = np.where(Y == "a", "m", Y)  # sorts last
    more, extra = table(60, seed=1, labels=("z", "a", "k"))
    known = erm(np.r_[X, more + 4], np.r_[labels, extra], encode=False)
    assert known.classes_.tolist() == ["a", "b", "c", "k", "m", "z"]
    classifier = m2m(teacher=known, encode=False).fit(X, labels)
    assert classifier.net_.teachers == [(known.net_, [1, 2, 4])]
    found, confidence = classifier.translate(X, "m", return_confidence=True)
    expected = known.predict_proba(found)[:, 4]
    np.testing.assert_allclose(confidence, expected, rtol=1e-4, atol=1e-7)


def test_clone_undoes_a_teacher_that_is_not_frozen(teacher):
    with pytest.raises(ValueError, match=r"not fitted.*FrozenEstimator"):
        clone(m2m(teacher=teacher)).fit(X, Y)


# Those that are not


FRAME = pd.DataFrame(X, columns=["p", "q", "r"])
SQUARES = np.random.default_rng(0).random((len(Y), 16))
SHAPED = {"image_shape": (1, 4, 4), "module": "mlp"}
#: The teacher, parameters and rows of the student, and what is said.
REFUSED = {
    "none at all": (lambda: [], {}, X, "teacher is an empty list: give fitted classifiers"),
    "unfitted": (ERMClassifier, {}, X, "not fitted: call its fit first"),
    "no gradients": (
        lambda: [LogisticRegression().fit(X, Y)],
        {},
        X,
        r"LogisticRegression\(\) is no classifier of imbdeep",
    ),
    "frozen without": (
        lambda: FrozenEstimator(LogisticRegression().fit(X, Y)),
        {},
        X,
        r"LogisticRegression\(\) is no classifier of imbdeep",
    ),
    "a word": (lambda: "ensemble", {}, X, "'teacher' parameter"),
    "fewer classes": (
        lambda: erm(X[Y != "b"], Y[Y != "b"]),
        {},
        X,
        r"not fitted on the classes \['b'\].*\['a', 'c'\]",
    ),
    "other columns": (lambda: erm(X, Y), {}, np.c_[X, X], "columns is 3 there and 6 here"),
    "other names": (
        lambda: erm(FRAME, Y),
        {},
        FRAME[["q", "p", "r"]],
        r"the column names is \['p', 'q', 'r'\] there",
    ),
    "no names": (lambda: erm(FRAME, Y), {}, X, "the column names is .* and None here"),
    "encoded": (lambda: erm(X, Y), {"encode": False}, X, "encode is True there and False here"),
    "as they are": (lambda: erm(X, Y, encode=False), {}, X, "encode is False there and True"),
    "another shape": (
        lambda: erm(SQUARES, Y, **SHAPED),
        {"image_shape": (4, 2, 2), "module": "mlp"},
        SQUARES,
        r"image shape is \(1, 4, 4\) there and \(4, 2, 2\) here",
    ),
    "no shape": (lambda: erm(SQUARES, Y, **SHAPED), {}, SQUARES, r"4\) there and None here"),
    "two encodings": (
        lambda: [erm(X, Y), erm(*table(seed=7))],
        {},
        X,
        "encode the rows of X differently",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_teacher_is_refused(case):
    teacher, params, rows, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        m2m(teacher=teacher(), **params).fit(rows, Y)


def test_categories_are_the_teachers(teacher):
    with pytest.raises(ValueError, match=r"categorical_features=\[0\].*fitted with 'auto'"):
        m2m(teacher=teacher, categorical_features=[0]).fit(X, Y)
    whole = np.round(X)
    knowing = erm(whole, Y, categorical_features=[0])
    for same in ("auto", [0], np.array([0])):
        assert m2m(teacher=knowing, categorical_features=same).fit(whole, Y).teachers_


def test_a_net_on_another_device_is_a_copy(teacher):
    there = net_on(teacher.net_, torch.device("meta"))
    assert {weight.device.type for weight in there.module_.parameters()} == {"meta"}
    assert there.device == "meta"
    assert {weight.device.type for weight in teacher.net_.module_.parameters()} == {"cpu"}
    assert net_on(teacher.net_, torch.device("cpu")) is teacher.net_

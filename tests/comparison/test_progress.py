"""The time that the rest of a comparison takes."""

import re

import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from imbdeep.comparison import compare
from imbdeep.comparison._methods import Method
from imbdeep.comparison._progress import TimeLeft, seconds_of

FOLDS = 3


def names(*methods):
    return [method for method in methods for _ in range(FOLDS)]


SIMPLE = [Method("nothing", "nothing"), Method("SMOTE", "interpolation")]
TRAINED = [
    Method("MGVAE", "sampler", LogisticRegression()),
    Method("CVAE", "sampler", LogisticRegression()),
]


@pytest.mark.parametrize(
    "finished, n_processes, text",
    [
        ([], 1, ""),
        ([("nothing", 2)], 1, "at least 10 s left"),  # two of its own, three of SMOTE
        ([("nothing", 2), ("SMOTE", 5)], 1, "at least 14 s left"),
        # 4 s, 10 s, two times 100 s and three times as much for CVAE, a sampler too
        ([("nothing", 2), ("SMOTE", 5), ("MGVAE", 100)], 1, "at least 9 min left"),
        ([("nothing", 2), ("SMOTE", 5), ("MGVAE", 100)], 2, "at least 4 min left"),
        ([("nothing", 2), ("SMOTE", 5), ("MGVAE", 100)], 64, "at least 2 min left"),
        ([("nothing", 2), ("SMOTE", 5), ("MGVAE", 100), ("CVAE", 20)], 1, "about 4 min left"),
        # The mean of a method's own: 4 s and 12 s, two of each of the others.
        ([("nothing", 2), ("SMOTE", 5), ("MGVAE", 4), ("MGVAE", 12), ("CVAE", 1)], 1, "about 24 s"),
        ([("MGVAE", 9000)], 1, "at least 12 h 30 min left"),
        # Two and three times 50 s, two and three times 3 s.
        ([("MGVAE", 50), ("SMOTE", 3)], 1, "at least 4 min left"),
        ([(m.name, 1) for m in names(*SIMPLE, *TRAINED)], 1, ""),
    ],
)
def test_the_time_left_is_that_of_each_method(finished, n_processes, text):
    left = TimeLeft(names(*SIMPLE, *TRAINED), n_processes)
    for name, seconds in finished:
        left.finish(name, seconds)
    assert str(left).startswith(text)
    assert bool(str(left)) == bool(text)


def test_a_kind_that_has_not_finished_counts_nothing():
    left = TimeLeft(names(*SIMPLE, Method("RAE", "classifier", LogisticRegression())), 1)
    left.finish("nothing", 2)
    assert str(left) == "at least 10 s left"
    left.finish("RAE", 20)
    assert str(left) == "at least 50 s left"
    left.finish("SMOTE", 3)
    assert str(left) == "about 50 s left"


def test_the_resampling_of_several_classifiers_counts_once():
    assert seconds_of([{"seconds": 10.0}, {"seconds": 10.5}, {"seconds": 13.0}]) == 13.5
    assert seconds_of([{"seconds": 10.0}]) == 10


def test_the_line_says_how_long_the_rest_takes(capsys, tmp_path):
    X, y = make_classification(60, weights=[0.8], random_state=0)
    options = {"classifiers": ["logistic"], "cv": 3, "memory": str(tmp_path)}
    compare(X, y, methods=["nothing", "class weights"], verbose=True, **options)
    lines = capsys.readouterr().err.split("\r")
    assert [line for line in lines if re.search(r"2/6 \[\d\d:\d\d, about \d+ s left\]", line)]
    assert "6/6 [" in lines[-1]
    assert "left" not in lines[-1]
    # What is kept comes first.
    compare(X, y, methods=["SMOTE", "nothing", "class weights"], verbose=True, **options)
    assert "9/9" in capsys.readouterr().err


def test_nothing_is_printed_by_default(capsys):
    X, y = make_classification(60, weights=[0.8], random_state=0)
    compare(X, y, methods=["nothing"], classifiers=["logistic"], cv=2)
    assert capsys.readouterr() == ("", "")


def test_a_method_that_cannot_be_kept_fails_alone(tmp_path):
    X, y = make_classification(60, weights=[0.8], random_state=0)

    methods = {
        "nothing": None,
        "mine": make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression()),
    }
    result = compare(X, y, methods=methods, classifiers=["logistic"], cv=2, memory=str(tmp_path))
    assert result.methods == ("nothing",)
    assert "mine" in result.failures

"""What the methods add on real tables: the tables, their splits, and the command."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from imbdeep.reproductions import real_tables
from imbdeep.reproductions.real_tables import TABLES, TAILS, Rows, scarcer, split


@pytest.mark.parametrize("name", ["pc1", "phoneme", "satimage", "german credit"])
@pytest.mark.parametrize("real", ["."], indirect=True)
def test_a_table_has_two_classes_the_rarer_being_one(name, real):
    rows = TABLES[name](real)
    assert len(rows.x) == len(rows.y)
    counts = np.bincount(rows.y)
    assert len(counts) == 2
    assert counts[1] < counts[0]


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("real", ["."], indirect=True)
def test_tails_have_several_classes_with_rows_enough(name, real):
    counts = np.unique(TAILS[name](real).y, return_counts=True)[1]
    assert len(counts) > 3
    assert counts.min() >= 100


@pytest.mark.parametrize("name", ["pc1", "phoneme", "satimage"])
def test_a_missing_file_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match="--data"):
        TABLES[name](tmp_path)
    with pytest.raises(FileNotFoundError, match="--data"):
        TABLES[name](None)


def table(n=400, frame=False):
    y = (np.arange(n) % 10 == 0).astype(np.int64)
    x = np.arange(n, dtype=np.float64)[:, None]
    return Rows(pd.DataFrame(x, columns=["a"]) if frame else x, y)


@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize("most", [None, 200, 1000])
def test_split_keeps_shares_and_every_row_once(frame, most):
    taken, train, test = split(table(frame=frame), 0, most)
    n = min(most or 400, 400)
    assert len(taken.y) == n
    assert len(test) == 0.3 * n
    assert sorted([*train, *test]) == list(range(n))
    assert taken.y[test].mean() == pytest.approx(0.1)
    values = np.asarray(taken.x)[:, 0]
    np.testing.assert_array_equal(taken.y, values % 10 == 0)


def test_of_two_classes_the_smaller_keeps_what_is_asked_for():
    taken, train, _ = split(table(), 0, None)
    rows = scarcer(taken.y, train, 5, 0, 100)
    assert np.bincount(taken.y[rows]).tolist() == [100, 5]
    assert set(rows) <= set(train)
    assert len(set(rows)) == len(rows)


def test_several_classes_become_a_long_tail_in_the_order_of_their_sizes():
    y = np.repeat(["b", "a", "c"], [300, 90, 100])
    rows = scarcer(y, np.arange(len(y)), 4, 0, 100)
    # 100, 100 (4 / 100)^(1/2) = 20, 4: b is the largest, a the smallest.
    assert dict(zip(*np.unique(y[rows], return_counts=True), strict=True)) == {
        "a": 4,
        "b": 100,
        "c": 20,
    }


# ------------------------------------------------------------------------------ the command


FEW = ("--methods", "nothing", "SMOTE", "MGVAE")


def small(folder):
    del folder
    return Rows(*make_classification(300, weights=[0.85], random_state=0))


def several(folder):
    del folder
    return Rows(*make_classification(600, n_classes=4, n_informative=5, random_state=0))


def absent(folder):
    raise FileNotFoundError(f"nothing below {folder}")


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.setattr(real_tables, "TABLES", {"small": small, "absent": absent})
    monkeypatch.setattr(real_tables, "TAILS", {"tail": several})
    monkeypatch.setattr(real_tables, "THINNED", ("small",))


def run(*words):
    return real_tables.main([*words, "--scale", "smoke", "--device", "cpu"])


@pytest.mark.usefixtures("tables")
def test_tables_writes_means_and_every_table(capsys, tmp_path):
    output = tmp_path / "scores.csv"
    words = ("tables", "--datasets", "small", "--seeds", "0", "1", "--rows", "100", *FEW)
    assert run(*words, "--output", str(output), "--memory", str(tmp_path / "kept")) == 0
    out = capsys.readouterr().out
    scores = pd.read_csv(output)
    assert set(scores["trial"]) == {0, 1}
    assert set(scores["method"]) == {"nothing", "SMOTE", "MGVAE"}
    assert "**logistic**, means over 1 data sets" in out
    means = 100 * scores[scores["method"] == "SMOTE"][["balanced accuracy", "AP"]].mean()
    assert f"| SMOTE | {means.iloc[0]:.1f} | {means.iloc[1]:.1f} |" in out
    assert "Seeds 0, 1" in out
    # What is kept is used again: the same numbers, and no fit.
    again = tmp_path / "again.csv"
    run(*words, "--output", str(again), "--memory", str(tmp_path / "kept"))
    pd.testing.assert_frame_equal(pd.read_csv(again), scores)


@pytest.mark.usefixtures("tables")
def test_differences_are_tested_over_data_sets(capsys, monkeypatch):
    other = lambda folder: Rows(*make_classification(300, weights=[0.8], random_state=1))  # noqa: E731
    monkeypatch.setitem(real_tables.TABLES, "other", other)
    words = ("--methods", "nothing", "class weights", "random over-sampling", "--rows", "150")
    assert run("tables", "--datasets", "small", "other", "--seeds", "0", *words) == 0
    out = capsys.readouterr().out
    assert out.count("Friedman's p over 2 data sets: ") == len(real_tables.METRICS)
    assert out.count("- nothing against class weights: better ") == len(real_tables.METRICS)


@pytest.mark.usefixtures("tables")
def test_classifiers_stand_beside_class_weights(capsys):
    words = ("--methods", "class weights", "deferred re-weighting", "--rows", "150")
    assert run("classifiers", "--datasets", "small", "--seeds", "0", *words) == 0
    out = capsys.readouterr().out
    assert "| method | balanced accuracy | AP | AUC |" in out
    assert "| deferred re-weighting |" in out


@pytest.mark.usefixtures("tables")
def test_curve_thins_two_classes_and_tails_and_draws(capsys, tmp_path):
    picture, output = tmp_path / "curve.png", tmp_path / "curve.csv"
    words = ("--datasets", "small", "tail, long tail", "--seeds", "0", "--sizes", "5", "10")
    assert run("curve", *words, *FEW[:-1], "--figure", str(picture), "--output", str(output)) == 0
    scores = pd.read_csv(output)
    assert set(scores["size"]) == {5, 10}
    assert set(scores["dataset"]) == {"small", "tail, long tail"}
    assert (tmp_path / "curve_logistic.png").stat().st_size > 10_000
    out = capsys.readouterr().out
    assert "| method | AP, 5 rows | AP, 10 rows | AUC, 5 rows | AUC, 10 rows |" in out
    plt.close("all")


@pytest.mark.usefixtures("tables")
def test_what_is_not_at_hand_is_said(capsys):
    assert run("tables", "--datasets", "absent", "--seeds", "0") == 1
    assert "absent was not run: nothing below" in capsys.readouterr().out


@pytest.mark.usefixtures("tables")
def test_a_class_with_too_few_rows_is_said(capsys):
    assert run("curve", "--datasets", "small", "--seeds", "0", "--sizes", "100") == 1
    assert "small was not run: its smallest class has" in capsys.readouterr().out


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    "words, told",
    [
        (("tables", "--datasets", "elsewhere"), "take some of small, absent"),
        (("tables", "--figure", "x.png"), "--figure is for curve"),
        (("tables", "--sizes", "5"), "--sizes is for curve"),
        (("curve", "--rows", "500"), "--rows is not for curve"),
        (("curve", "--figure", "x.png", "--methods", "SMOTE"), "differences to nothing"),
        (("tables", "--methods", "SMOT"), "--methods SMOT: take some of nothing, class weights"),
        (("nothing",), "invalid choice"),
    ],
)
def test_what_cannot_be_run_is_refused(words, told, capsys):
    with pytest.raises(SystemExit):
        run(*words)
    assert told in capsys.readouterr().err

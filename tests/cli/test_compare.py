"""``compare``, as a user meets it: what is compared, what is printed, what is kept."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import imbdeep.comparison
from imbdeep.cli import main
from imbdeep.cli._compare import sampled_rows
from imbdeep.comparison import CLASSIFIERS, Comparison

QUICK = ["--methods", "nothing", "class-weights", "smote", "--classifiers", "Logistic", "--folds"]
QUICK += ["3", "--jobs", "1", "--quiet"]
METRICS = ("balanced_accuracy", "neg_log_loss")


def csv_of(n=60, target=lambda k: "ill" if k % 4 == 0 else "well", header="size,colour,y"):
    rows = (f"{k % 7 + (k % 4 == 0)},{'red' if k % 3 else 'blue'},{target(k)}" for k in range(n))
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run ``compare`` on a text in ``data.csv``; give the status and the two outputs."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*options, text=None, target="y"):
        if text is not None:
            Path("data.csv").write_text(text)
        status = main(["compare", "data.csv", "--target", target, *options])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def asked(monkeypatch):
    """What the comparison is asked for, in the place of making it."""
    calls = []

    def compare(X, y, **options):
        calls.append((X, y, options))
        return found()

    monkeypatch.setattr(imbdeep.comparison, "compare", compare)
    return calls


def found():
    """A comparison whose numbers can be added up in the head."""
    values = {"nothing": 0.5, "SMOTE": 0.7, "MGVAE": 0.6}
    scores = pd.DataFrame(
        [
            {
                "method": method,
                "classifier": classifier,
                "fold": fold,
                "balanced_accuracy": value + 0.02 * fold + shift,
                "neg_log_loss": -value,
                "seconds": 1.5,
                "memory": 8.0,
            }
            for method, value in values.items()
            for classifier, shift in (("logistic", 0.0), ("mlp", 0.02))
            for fold in range(3)
        ]
    )
    return Comparison(
        scores,
        metrics=METRICS,
        simple=("nothing", "SMOTE"),
        failures={"ADASYN": "ValueError: no neighbours"},
        warnings={"MGVAE": ["few rows", "old"]},
        notes=["2 folds instead of 3"],
    )


def refused(result):
    """The error of a refused command: one line, status 2, nothing said, nothing written."""
    status, out, err = result
    assert (status, out) == (2, "")
    assert err.startswith("imbdeep: ")
    assert err.count("\n") == 1
    assert os.listdir() == ["data.csv"]
    return err


# ---------------------------------------------------------------------------------- what it does


def test_a_comparison_from_file_to_picture(command, tmp_path):
    status, out, err = command(*QUICK, "--output", "scores.csv", text=csv_of())
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Data: data.csv, 60 rows in 2 classes of y (well: 45, ill: 15)."
    ranking = {line[:15].strip(): line for line in lines[4:7]}
    assert set(ranking) == {"nothing", "class weights", "SMOTE"}
    assert all(line.count("±") == 6 for line in ranking.values())
    result = pd.read_csv("scores.csv")
    assert len(result) == 9
    assert result.columns.tolist()[:4] == ["method", "classifier", "fold", "balanced_accuracy"]
    mean = 100 * result[result["method"] == "SMOTE"]["balanced_accuracy"].mean()
    assert f" {mean:.1f} ± " in ranking["SMOTE"]
    assert "balanced_accuracy: " in out.partition("Mean ± standard")[2]
    assert "Scores of every fold: scores.csv" in out
    assert f"Picture: {tmp_path / 'work' / 'imbdeep-compare.png'}" in out
    assert Path("imbdeep-compare.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir()) == ["data.csv", "imbdeep-compare.png", "scores.csv"]


def test_the_table_is_told(command, asked):
    status, out, err = command(text=csv_of())
    assert (status, err) == (0, "")
    assert out.splitlines()[2:7] == [
        "               mean    balanced             neg              ",
        "method   with  rank    accuracy        log loss  seconds  MiB",
        "SMOTE     mlp   1.0  74.0 ± 2.0  -0.700 ± 0.000      1.5    8",
        "MGVAE     mlp   2.0  64.0 ± 2.0  -0.600 ± 0.000      1.5    8",
        "nothing   mlp   3.0  54.0 ± 2.0  -0.500 ± 0.000      1.5    8",
    ]
    assert "Mean ± standard deviation over the 3 folds, in percent (but for neg_log_loss)" in out
    assert "Note: 2 folds instead of 3\n" in out
    assert "Note: MGVAE warned: few rows (and 1 more)\n" in out
    assert "Failed: ADASYN: ValueError: no neighbours\n" in out
    words = " ".join(out.split())
    assert " ".join(found().verdict.split()) in words
    assert out.index("Failed") < out.index("balanced_accuracy: ")


def test_new_rows_have_a_column_where_there_are_some(command, asked, monkeypatch):
    made = found()
    made.scores["two_sample_auc"] = made.scores["method"].map({"SMOTE": 0.64, "MGVAE": 0.9})
    monkeypatch.setattr(imbdeep.comparison, "compare", lambda *_, **__: made)
    status, out, _ = command(text=csv_of())
    assert status == 0
    assert [line[-17:] for line in out.splitlines()[2:7]] == [
        "         new rows",
        "ds  MiB       AUC",
        ".5    8        64",
        ".5    8        90",
        ".5    8         -",
    ]
    assert "New rows AUC: how well a random forest tells" in out


def test_what_is_asked_for(command, asked, tmp_path, monkeypatch):
    words = ["--methods", "nothing,Class weights", "mgvae", "MGVAE", "--classifiers", "MLP"]
    words += ["--metrics", "neg_brier", "roc-auc", "--folds", "4", "--jobs", "2", "--seed", "9"]
    words += ["--device", "cpu", "--cache", "~/kept", "--categorical", "size", "y", "--quiet"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert command(*words, text=csv_of())[0] == 0
    X, y, options = asked[0]
    assert X.columns.tolist() == ["size", "colour"]
    assert y.tolist()[:3] == ["ill", "well", "well"]
    assert options == {
        "methods": ["nothing", "class weights", "MGVAE"],
        "classifiers": ["mlp"],
        "scoring": ["neg_brier", "roc_auc"],
        "cv": 4,
        "n_jobs": 2,
        "random_state": 9,
        "device": "cpu",
        "memory": str(tmp_path / "kept"),
        "categorical_features": ["size"],
        "verbose": False,
    }
    assert command("--no-cache", "--methods", "all")[0] == 0
    options = asked[1][2]
    assert (options["methods"], options["classifiers"], options["scoring"]) == ("all", None, None)
    assert (options["memory"], options["n_jobs"], options["verbose"]) == (None, -1, True)
    assert options["categorical_features"] == "auto"


@pytest.mark.parametrize(
    "words, chosen",
    [
        ([], (None, None, None)),
        (["--methods", "SMOTE", "--folds", "5"], (["SMOTE"], None, 5)),
        (["--methods", "all", "--classifiers", "all"], ("all", list(CLASSIFIERS), None)),
    ],
)
def test_a_quick_look(command, asked, words, chosen):
    assert command("--quick", *words, text=csv_of())[0] == 0
    options = asked[0][2]
    assert options["quick"] is True
    assert (options["methods"], options["classifiers"], options["cv"]) == chosen


def test_a_quick_look_says_what_it_leaves_out(command):
    options = ["--quick", "--methods", "nothing", "SMOTE", "--jobs", "1", "--no-cache"]
    status, out, err = command(*options, text=csv_of())
    assert status == 0
    words = " ".join(out.split())
    assert "Note: A quick look, which leaves out the classifier mlp; 2 of 5 folds." in words
    assert "over the 3 folds" in words
    assert "6/6 [" in err
    assert " s left]" in err


@pytest.mark.parametrize(
    "values, labels, kind",
    [
        (["0", "1"], [0, 1], "i"),
        (["0.0", "1.0"], [0, 1], "i"),
        (["0.5", "1.5"], ["0.5", "1.5"], "O"),
        (["True", "False"], ["True", "False"], "O"),
        (["001", "002"], ["001", "002"], "O"),
    ],
)
def test_labels_of_any_kind(command, asked, values, labels, kind):
    assert command(text=csv_of(target=lambda k: values[k % 2]))[0] == 0
    y = asked[0][1]
    assert type(y) is np.ndarray
    assert y.dtype.kind == kind
    assert y.tolist()[:2] == labels


def test_long_tables_are_sampled(command, asked):
    status, out, _ = command("--max-rows", "20", text=csv_of(400))
    assert status == 0
    X, y, _ = asked[0]
    assert len(X) == len(y) == 20
    assert (y == "ill").sum() == 5
    assert X.index.tolist() == list(range(20))
    assert "20 rows in 2 classes" in out
    assert "a stratified random sample of the 400 rows: --max-rows sets how many" in out
    assert command("--max-rows", "400")[0] == 0
    assert len(asked[1][0]) == 400


def test_a_sample_keeps_shares_and_small_classes():
    y = np.repeat(["a", "b", "c"], [900, 97, 3])
    rows = sampled_rows(y, 100, n_folds=5, seed=0)
    assert [(y[rows] == label).sum() for label in "abc"] == [90, 10, 3]
    assert (np.diff(rows) > 0).all()
    assert rows.tolist() == sampled_rows(y, 100, n_folds=5, seed=0).tolist()
    assert rows.tolist() != sampled_rows(y, 100, n_folds=5, seed=1).tolist()
    assert sampled_rows(y, 1000, n_folds=5, seed=0).tolist() == list(range(1000))


def test_rows_without_a_label(command, asked):
    text = csv_of(target=lambda k: "" if k in (3, 5) else k % 2)
    assert "--target y has no label in row 4, 6 " in refused(command(text=text))
    status, out, _ = command("--drop-unlabelled")
    assert status == 0
    assert "Left out, without a label: 2 of 60 rows." in out
    assert len(asked[0][0]) == 58


def test_interrupted(command, monkeypatch, tmp_path):
    def compare(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(imbdeep.comparison, "compare", compare)
    status, _, err = command(text=csv_of())
    assert status == 130
    kept = tmp_path / "cache" / "imbdeep" / "compare"
    assert err == (
        f"imbdeep: interrupted: what was finished is kept in {kept}, and the same command goes on "
        "from there.\n"
    )
    status, _, err = command("--no-cache")
    assert (status, err) == (130, "imbdeep: interrupted: nothing was kept (--no-cache).\n")
    assert os.listdir() == ["data.csv"]


def test_a_cache_that_cannot_be(command, asked, tmp_path):
    (tmp_path / "cache").write_text("a file")
    status, _, err = command(text=csv_of())
    assert status == 0
    assert err.startswith("imbdeep: note: nothing is kept in ")
    assert asked[0][2]["memory"] is None
    Path("imbdeep-compare.png").unlink()
    err = refused(command("--cache", str(tmp_path / "cache")))
    assert "cannot be used (File exists): name another folder, or do without by --no-cache" in err


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.usefixtures("asked")
class TestRefused:
    """Before any training, with the value, the rule and the next action in one line."""

    @pytest.mark.parametrize(
        "words, message",
        [
            (["--methods", "nothing", "mgave"], "--methods mgave is not known: take some of noth"),
            (["--methods", "nothing", "mgave"], "Did you mean 'MGVAE'?"),
            (["--methods", "random-oversmpling"], "Did you mean 'random over-sampling'?"),
            (["--classifiers", "logistics"], "Did you mean 'logistic'?"),
            (["--metrics", "balanced_acuracy"], "Did you mean 'balanced_accuracy'?"),
            (["--picture", "a.jpg"], "a.jpg must end in .png or .pdf or .svg"),
            (["--folds", "1"], "1 must be an integer from 2 to 20"),
            (["--max-rows", "5"], "5 must be an integer from 20"),
            (["--cache", "a", "--no-cache"], "not allowed with argument"),
        ],
    )
    def test_words(self, command, words, message):
        assert message in refused(command(*words, text=csv_of()))

    def test_target(self, command):
        err = refused(command(text=csv_of(), target="color"))
        assert "--target color is no column of data.csv, which has: size, colour, y." in err
        assert "Did you mean 'colour'?" in err

    @pytest.mark.parametrize(
        "target, message",
        [
            (lambda k: "one", "holds the one class one: two classes are needed"),
            (lambda k: k + 0.5, "holds 60 different numbers"),
            (lambda k: k, "holds 60 values that stand in one row only, of 60 rows"),
            (lambda k: k if k < 40 else 99, "holds 40 values that stand in one row only"),
            (lambda k: f"row {k}", "holds 60 values that stand in one row only"),
        ],
        ids=["constant", "fractions", "integers", "most integers", "names"],
    )
    def test_targets_that_are_no_classes(self, command, target, message):
        err = refused(command(text=csv_of(target=target)))
        assert f"--target y {message}" in err

    def test_an_amount_in_whole_numbers(self, command):
        text = csv_of(300, target=lambda k: k % 120)
        err = refused(command(text=text))
        assert "holds 120 different numbers" in err
        assert "cut it into classes in a column of its own" in err
        assert "--categorical y" in err


def test_numbers_that_are_classes(command, asked):
    text = csv_of(1300, target=lambda k: k % 120)
    assert command("--categorical", "y", text=text)[0] == 0
    assert asked[0][2]["categorical_features"] == "auto"
    assert asked[0][1].dtype.kind == "i"

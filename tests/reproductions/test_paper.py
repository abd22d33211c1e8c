"""The command of a paper: options, rows to choose by, what is written when, for every paper."""

import csv
import importlib

import numpy as np
import pytest
import torch

from imbdeep.classifiers import RAEClassifier
from imbdeep.reproductions import PAPERS
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._paper import Dataset, Paper, Varied, shown
from imbdeep.reproductions._rows import Task, absent

MODULES = {name: importlib.import_module(f"imbdeep.reproductions.{name}") for name in PAPERS}


def load(folder, seed):
    random = np.random.default_rng(seed)
    y, y_test = np.arange(40) % 4 // 3, np.arange(8) % 2
    return Task(random.normal(size=(40, 2)), y, random.normal(size=(8, 2)), y_test)


def damaged(folder, seed):
    raise ValueError("damaged")


def missing(folder, seed):
    raise FileNotFoundError(f"no {folder}:\n put  it there")


class Toy(Paper):
    name, doc, protocol = "toy", "First line.\nSecond.", "the protocol"
    datasets = {
        "a": Dataset("A (Table 1)", load, 7, "Note.", short=Length(steps=3)),
        "b": Dataset("B", load),
        "absent": Dataset("Absent", absent("SVHN")),
        "missing": Dataset("Missing", missing),
        "damaged": Dataset("Damaged", damaged),
    }
    methods = {"plain": Approach("P"), "own": Approach()}
    optional = {"more": ({"x": Approach("X")}, "one row more")}
    published = {"a": {"P": {"S": (61.0, 0.25)}, "Q": {"S": (60.0,)}, "X": {"S": (59.0,)}}}
    groups = (({"plain"}, {"P", "Q"}), ({"x"}, {"X"}))
    metrics = ("score",)
    beside = {"score": "S", "other": "O"}
    scales = {"short": Length(steps=9), "smoke": Length(steps=1, most=(6, 2))}
    varied = Varied(RAEClassifier(), "own", lambda **given: Approach(parameters=given))


@pytest.fixture
def toy(spy):
    """The command, and what was run by it."""
    noted = spy(Toy)

    def run(*arguments):
        noted.trials.clear()
        noted.approaches.clear()
        return Toy().main([*arguments, "--device", "cpu"])

    run.noted = noted
    return run


def test_ours_stand_beside_the_published(toy, capsys):
    assert toy("a", "absent", "--trials", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:8] == [
        "### A (Table 1)",
        "",
        "| method | score | seconds | published S |",
        "| --- | --- | --- | --- |",
        "| plain | 55.0 ± 7.1 | 2 | 61.0 ± 0.2 |",
        "| own | 55.0 ± 7.1 | 2 |  |",
        "| Q (paper only) |  |  | 60.0 |",
        "",
    ]
    assert lines[8] == "### Absent"
    assert lines[-3] == "Not run: SVHN is not among the data sets of imbdeep.datasets."
    assert lines[-1].startswith("Seeds 0, 1; scale short; ")
    assert lines[-1].endswith(" s in all")
    assert f"torch {torch.__version__}, 1 threads, device cpu" in lines[-1]
    assert [(trial.length.steps, trial.setting) for trial in toy.noted.trials] == [(3, 7)] * 2


def test_files_that_are_not_there_are_no_error_and_damaged_ones_are(toy, capsys):
    assert toy("missing", "--trials", "1") == 0
    assert "Not run: no None: put it there" in capsys.readouterr().out
    with pytest.raises(ValueError, match="damaged"):
        toy("damaged", "--trials", "1")


def test_rows_are_those_that_are_asked_for(toy, capsys):
    toy("a", "--trials", "1", "--more")
    assert len(toy.noted.approaches) == 3
    capsys.readouterr()
    toy("a", "--trials", "1", "--methods", "x")
    assert toy.noted.approaches == [Approach("X")]
    text = capsys.readouterr().out
    assert "| x | 50.0 | 2 | 59.0 |" in text
    assert "paper only" not in text  # Q is of the other table
    toy("a", "b", "--seeds", "4", "1", "--scale", "smoke")
    assert [len(trial.task.y_test) for trial in toy.noted.trials] == [4] * 4
    assert [trial.score for trial in toy.noted.trials] == [0.9, 0.6] * 2
    assert "Seeds 4, 1; scale smoke" in capsys.readouterr().out


def test_development_scores_training_rows_alone(toy, capsys):
    varied = ["--vary", "mae_lambda=0.1 n_mixed=3", "n_mixed=2,3 mixing=mixer"]
    toy("a", "--trials", "1", "--development", "--methods", "plain", *varied)
    (trial,) = toy.noted.trials
    rows = {row.tobytes() for row in load(None, 0).x_train}
    assert {row.tobytes() for part in (trial.task.x_train, trial.task.x_test) for row in part} == (
        rows
    )
    assert [dict(approach.parameters) for approach in toy.noted.approaches] == [
        {},
        {"mae_lambda": 0.1, "n_mixed": 3},
        {"n_mixed": 2, "mixing": "mixer"},
        {"n_mixed": 3, "mixing": "mixer"},
    ]
    text = capsys.readouterr().out
    assert "### A (Table 1), a part of the training rows" in text
    assert "| own, n_mixed=3 mixing=mixer | 50.0 |" in text
    assert "published" not in text
    assert "Note." not in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--seeds", "1", "1"), "--seeds 1 1: numbers from 0, each once"),
        (("--seeds", "-1"), "--seeds -1: numbers from 0, each once"),
        (("--trials", "0"), "--trials 0: at least 1"),
        (("c",), "invalid choice: 'c'"),
        (("--output", "."), "--output . is there already"),
        (("--data", "nowhere"), "--data nowhere is no folder: name the one with the data sets"),
        (("--vary", "n_mixed=3"), "add --development"),
        (("--development", "--vary", "device=cpu"), "give NAME=VALUE with parameters of RAECl"),
        (("--development", "--vary", "mixed=3"), "--vary 'mixed=3': give NAME=VALUE"),
        (("--development", "--vary", "n_mixed"), "--vary 'n_mixed': give NAME=VALUE"),
        (("--development", "--vary", ""), "--vary '': give NAME=VALUE"),
    ],
)
def test_what_cannot_be_run_is_refused(toy, capsys, arguments, message):
    with pytest.raises(SystemExit):
        toy(*arguments)
    assert message in capsys.readouterr().err
    assert not toy.noted.trials


@pytest.mark.parametrize("option", ["--output", "--csv", "--results"])
def test_what_is_done_is_kept_when_the_rest_fails(toy, tmp_path, capsys, option):
    path = tmp_path / "results.csv"
    with pytest.raises(ValueError, match="damaged"):
        toy("a", "damaged", "--trials", "1", option, str(path))
    assert "| own | 50.0 | 2 |  |" in capsys.readouterr().out
    with path.open() as file:
        rows = [(row["dataset"], row["method"], row["value"]) for row in csv.DictReader(file)]
    assert rows == [("a", "plain", "0.500000"), ("a", "own", "0.500000")]


class Named:
    def __init__(self, paper):
        self.paper = paper


@pytest.mark.parametrize(
    "ours, rows",
    [
        ({"all": "ALL"}, ["ALL", "A", "B"]),  # of no table: the first
        ({"a": "A"}, ["ALL", "A", "B"]),
        ({"c": "C"}, ["ALL", "C", "D"]),
        ({"a": "A", "c": "C"}, ["ALL", "A", "B", "C", "D"]),
        ({"c": "C", "x": "B"}, ["ALL", "B", "C", "D"]),  # stands beside a row of another table
    ],
)
def test_the_papers_rows_are_those_of_the_tables_asked_for(ours, rows):
    published = dict.fromkeys(("ALL", "A", "B", "C", "D"), 1)
    groups = (({"a", "b"}, {"A", "B"}), ({"c", "d"}, {"C", "D"}))
    methods = {name: Named(paper) for name, paper in ours.items()}
    assert list(shown(published, methods, groups)) == rows


# ------------------------------------------------------------------------------ every paper


@pytest.mark.parametrize(
    "paper, dataset, row, metric, expected",
    [
        ("gamo", "mnist", "Baseline CN, CE", "ACSA", (88, 1)),  # Table 1
        ("gamo", "mnist", "GAMO, LS", "ACSA", (91, 1)),
        ("gamo", "fashion", "DOS, LS", "GM", (79, 2)),
        ("gamo", "cifar10", "Baseline CN, LS", "GM", (37, 1)),  # Table 2
        ("gamo", "svhn", "cDCGAN+CN, LS", "GM", (66, 2)),
        ("gamo", "mnist-conv", "GAMO, LS", "ACSA", (94.97, 0.32)),  # RAE's Table 1
        ("gamo", "isolet", "GAMO, LS", "F1", (93.72,)),  # RAE's Table 13
        ("m2m", "cifar10-jpeg-100", "ERM", "bACC", (68.7, 1.43)),  # Table 1
        ("m2m", "twitter-brown", "ERM-CB-RW", "bACC", (77.5, 0.40)),  # Table 2
        ("m2m", "cifar10-jpeg-100", "50 seeds", "GM", (75.3, 0.29)),  # Table 3
        ("m2m", "cifar10-jpeg-100", "M2m-Clean", "Major", (78.4, 2.45)),  # Table 4
        ("m2m", "sun397", "LDAM-M2m", "bACC", (33.3, 0.20)),
        ("m2m", "cifar10-jpeg-100", "M2m-Ensemble", "bACC", (78.5, 0.20)),  # Table 5
        ("mgvae", "mnist-100", "MGVAE", "B-ACC", (85.0, 0.2)),
        ("mgvae", "mnist-600", "MGVAE", "ACSA", (64.4, 1.1)),
        ("mgvae", "fashion-100", "MGVAE, lambda 5e2", "GM", (87.5, 0.1)),
        ("mgvae", "musk", "OCVAE", "GM", (89.8, 0.2)),
        ("rae", "mnist", "Our", "ACSA", (96.79, 0.09)),  # Table 1
        ("rae", "mnist", "SMOTE", "ACSA", (87.98,)),  # Table 15
        ("rae", "mnist", "Our", "AURPC", (99.71,)),  # Table 12
        ("rae", "mnist", "code of twice", "ACSA", (97.53,)),  # Table 5
        ("rae", "imagenet100", "Our", "GM", (44.81, 0.32)),
        ("rae", "cifar10", "no classifier, no mixer", "ACSA", (20.58,)),  # Table 4
        ("rae", "optical_digits", "GAMO", "ACSA", (98.19,)),  # Table 13
    ],
)
def test_published_numbers(paper, dataset, row, metric, expected):
    assert MODULES[paper].PUBLISHED[dataset][row][metric] == expected


def test_the_papers_tables_are_all_there():
    assert {paper: list(module.TABLES) for paper, module in MODULES.items()} == {
        "mgvae": ["table2", "table3", "table5", "table6", "table7", "table8", "table9"],
        "m2m": ["table1", "table2", "table3", "table4", "table5"],
        "rae": ["table1", "table3", "table4", "table5", "table13"],
        "gamo": ["table1", "table2"],
    }


@pytest.mark.parametrize("paper", PAPERS)
def test_a_paper_keeps_what_all_papers_promise(paper, capsys, tmp_path):
    module = MODULES[paper]
    experiments = module.main.__self__
    assert list(module.TITLES) == list(module.TABLES)
    for words in module.TABLES.values():  # with the options that a user may add behind them
        options = experiments.parser().parse_args([*words, "--trials", "2", "--scale", "short"])
        assert set(options.datasets) <= {*module.PUBLISHED, "optical_digits"}
    assert {"smoke", "short", "full"} <= set(module.SCALES)
    with pytest.raises(SystemExit):
        module.main(["--help"])
    text = capsys.readouterr().out
    assert module.PROTOCOL in text
    told = " ".join(module.PROTOCOL.split())
    assert all(f"{name}: " in told or f"{name} (the default" in told for name in module.SCALES)
    assert "docs/results.md was made with" in told
    # Rows of ours stand beside rows that the paper has.
    ours = {row.paper for rows in (module.METHODS, module.ABLATIONS) for row in rows.values()}
    assert ours - {None} <= set().union(*module.PUBLISHED.values())
    output = tmp_path / "results.csv"
    output.write_text("precious")
    with pytest.raises(SystemExit):
        module.main([next(iter(module.DATASETS)), "--output", str(output)])
    assert output.read_text() == "precious"

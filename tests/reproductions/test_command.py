"""The command of the reproductions: options, rows to choose by, and what is written when."""

import csv
from argparse import Namespace

import pytest
import torch

from imbdeep.classifiers import RAEClassifier
from imbdeep.reproductions._command import (
    NotAtHandError,
    absent,
    add_development,
    command,
    loaded,
    parsed,
    run_trials,
    shown,
    varied,
    write_tables,
)
from imbdeep.reproductions._results import Outcome, Results


@pytest.fixture
def parser():
    made = command("x", "First line.\nSecond.", "the protocol", ["a", "b"], ["full", "smoke"])
    add_development(made, "30 %% of the rows", "RAE")
    return made


def options_of(parser, *arguments):
    return parsed(parser, ["--data", ".", *arguments], lengths=("trials",))


@pytest.mark.parametrize(
    "arguments, seeds",
    [
        ((), [0, 1, 2]),
        (("--trials", "2"), [0, 1]),
        (("--seeds", "4", "1"), [4, 1]),
        (("--seeds", "7", "--trials", "5"), [7]),
    ],
)
def test_seeds_follow_from_trials_and_trials_from_seeds(parser, arguments, seeds):
    options = options_of(parser, *arguments)
    assert options.seeds == seeds
    assert options.trials == len(seeds)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--seeds", "1", "1"), "--seeds 1 1: numbers from 0, each once"),
        (("--seeds", "-1"), "--seeds -1: numbers from 0, each once"),
        (("--trials", "0"), "--trials 0: at least 1"),
        (("c",), "invalid choice: 'c'"),
        (("--output", "."), "--output . is there already"),
        (("--data", "nowhere"), "--data nowhere is no folder: name the one with the data sets"),
    ],
)
def test_what_cannot_be_run_is_refused(parser, capsys, arguments, message):
    with pytest.raises(SystemExit):
        options_of(parser, *arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--output", "--csv", "--results"])
def test_the_file_has_three_names(parser, tmp_path, option):
    path = str(tmp_path / "r.csv")
    assert options_of(parser, option, path).output == path


@pytest.mark.parametrize(
    "text, rows",
    [
        ("n_mixed=3", [{"n_mixed": 3}]),
        ("mae_lambda=0.1 n_mixed=3", [{"mae_lambda": 0.1, "n_mixed": 3}]),
        ("dropout=0,1e-1", [{"dropout": 0}, {"dropout": 0.1}]),
        ("hidden_layer_sizes=(8,)", [{"hidden_layer_sizes": (8,)}]),
        (
            "hidden_layer_sizes=(8,4),[2,3],auto",
            [{"hidden_layer_sizes": value} for value in ((8, 4), [2, 3], "auto")],
        ),
        ("sampling=None,balanced", [{"sampling": None}, {"sampling": "balanced"}]),
        (
            "n_mixed=2,3 mixing=mixer,1.0",
            [{"n_mixed": n, "mixing": mixing} for n in (2, 3) for mixing in ("mixer", 1.0)],
        ),
    ],
)
def test_varied_rows_are_all_combinations_of_values(parser, text, rows):
    options = options_of(parser, "--development", "--vary", text)
    found = varied(parser, options, RAEClassifier())
    assert list(found.values()) == rows
    for told, row in found.items():
        assert told == " ".join(f"{name}={value}" for name, value in row.items())


def test_nothing_is_varied_on_the_test_part(parser, capsys):
    assert varied(parser, options_of(parser), RAEClassifier()) == {}
    with pytest.raises(SystemExit):
        varied(parser, options_of(parser, "--vary", "n_mixed=3"), RAEClassifier())
    assert "add --development" in capsys.readouterr().err


def test_unknown_parameters_are_refused_with_the_known(parser, capsys):
    options = options_of(parser, "--development", "--vary", "device=cpu")
    with pytest.raises(SystemExit):
        varied(parser, options, RAEClassifier())
    told = capsys.readouterr().err
    assert "--vary 'device=cpu': give NAME=VALUE with parameters of RAEClassifier (" in told


def test_what_is_done_is_kept_when_the_rest_fails(parser, tmp_path, capsys):
    path = tmp_path / "results.csv"
    options = options_of(parser, "--device", "cpu", "--results", str(path))

    def table(name, results, device):
        assert device == torch.device("cpu")
        results.add(name, "method", 0, Outcome({"score": 0.5}, 1.0))
        if name == "b":
            raise KeyboardInterrupt
        return f"table of {name}\n"

    with pytest.raises(KeyboardInterrupt):
        write_tables(options, ["a", "b"], table, "told")
    assert capsys.readouterr().out == "table of a\n\n"
    with path.open() as file:
        assert [row["dataset"] for row in csv.DictReader(file)] == ["a", "b"]


def test_the_machine_comes_last(parser, capsys):
    options = options_of(parser, "--device", "cpu")
    assert write_tables(options, ["a"], lambda *_: "one\n", "three trials", last="two\n") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["one", "", "two"]
    assert lines[3].startswith("three trials; ")
    assert lines[3].endswith(" s in all")
    assert f"torch {torch.__version__}, " in lines[3]


def test_files_that_are_not_there_are_no_error_and_say_so():
    def load(folder, seed):
        raise FileNotFoundError(f"no {folder}:\n put  it there")

    options = Namespace(seeds=[0], data="x")
    rest = {"trial": None, "table": lambda known: "table\n", "below": None}
    told = run_trials("name", {}, Results(), options, load=load, **rest)
    assert told == "table\n\nNot run: no x: put it there\n"
    with pytest.raises(NotAtHandError, match="SVHN is not among"):
        loaded(absent("SVHN"), "x", 0)
    assert loaded(lambda folder, seed: (folder, seed), "x", 1) == ("x", 1)


def test_damaged_files_are_an_error():
    def load():
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        loaded(load)


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
    tables = (({"a", "b"}, {"A", "B"}), ({"c", "d"}, {"C", "D"}))
    methods = {name: Named(paper) for name, paper in ours.items()}
    assert list(shown(published, methods, *tables)) == rows

"""``reproduce``: names of tables to command lines of papers."""

import sys
from types import ModuleType

import pytest

import imbdeep.reproductions
from imbdeep.cli import main


@pytest.fixture
def calls(monkeypatch):
    """Two papers that only write down their command lines."""
    seen = []

    def paper(name, doc, tables):
        module = ModuleType(f"imbdeep.reproductions.{name}", doc)
        module.TABLES = {table: words for table, (words, _) in tables.items()}
        module.TITLES = {table: title for table, (_, title) in tables.items()}

        def run(words):
            seen.append((name, words))
            if "--stop" in words:
                raise KeyboardInterrupt
            if "--help" in words:
                raise SystemExit(0)
            return 0

        module.main = run
        monkeypatch.setitem(sys.modules, module.__name__, module)

    paper("first", "FIRST (2001): its tables.", {"table2": (("a", "b", "--flag"), "A and B")})
    paper("other", "Other (2002): its tables.", {"table1": ((), "all"), "table10": (("c",), "C")})
    monkeypatch.setattr(imbdeep.reproductions, "PAPERS", ("first", "other"))
    return seen


def test_a_table_is_run_with_the_words_behind_it(calls):
    assert main(["reproduce", "first-table2", "--trials", "3", "--data", "-x"]) == 0
    assert main(["reproduce", "other-table1"]) == 0
    assert calls == [
        ("first", ["a", "b", "--flag", "--trials", "3", "--data", "-x"]),
        ("other", []),
    ]


def test_help_of_a_table_is_the_papers_own(calls):
    with pytest.raises(SystemExit):
        main(["reproduce", "other-table10", "--help"])
    assert calls == [("other", ["c", "--help"])]


def test_list(calls, capsys):
    assert main(["reproduce", "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "FIRST (2001): python -m imbdeep.reproductions.first",
        "  first-table2    A and B",
        "Other (2002): python -m imbdeep.reproductions.other",
        "  other-table1    all",
        "  other-table10   C",
    ]
    assert calls == []


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "name a table: python -m imbdeep reproduce [--list | TABLE"),
        (["first-tabel2"], "is no table: python -m imbdeep reproduce --list names them all. Did"),
        (["first-tabel2"], "Did you mean 'first-table2'?"),
        (["table2"], "Did you mean 'first-table2'?"),
        (["--list", "first"], "--list takes no other words, and there is first"),
        (["--trials", "3"], "--trials is no table"),
    ],
)
def test_refused(calls, capsys, words, message):
    assert main(["reproduce", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert calls == []


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help(word, capsys):
    assert main(["reproduce", word]) == 0
    assert capsys.readouterr().out.startswith("usage: python -m imbdeep reproduce [--list |")


def test_interrupted(calls, capsys):
    assert main(["reproduce", "first-table2", "--stop"]) == 130
    assert "interrupted: a table is written when all its trials are done" in capsys.readouterr().err


def test_the_papers(capsys):
    """Every table has a name that can be typed, a title, and words that its command takes."""
    assert main(["reproduce", "--list"]) == 0
    out = capsys.readouterr().out
    for table in ("mgvae-table2", "m2m-table2", "rae-table1", "gamo-table1"):
        assert f"  {table} " in out

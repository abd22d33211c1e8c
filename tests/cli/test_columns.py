"""What the cells of a column are: numbers in any spelling, words, gaps; and the messages."""

import re
import shlex

import pandas as pd
import pytest

from imbdeep.cli._terminal import CommandError

WORDS = ["None", "NA", "null", "nan", "NaN", "N/A", "NULL", "#N/A", "<NA>", "n/a", "-nan"]


def table_of(**columns):
    """A csv of these columns and two classes."""
    lines = [",".join([*columns, "y"])]
    for k, row in enumerate(zip(*columns.values(), strict=True)):
        lines.append(
            ",".join([*('"{}"'.format(str(c).replace('"', '""')) for c in row), f"c{k % 2}"])
        )
    return "\n".join(lines) + "\n"


def amounts(spell):
    """Forty amounts, from small to large, some negative."""
    return [spell(round((-1) ** (k % 5 == 0) * 1.37**k * 3, 2)) for k in range(40)]


@pytest.mark.parametrize("spell", [str, lambda word: f"{word} {word}"])
def test_words_stay_words(read, capsys, spell):
    table = read(table_of(a=["", *map(spell, WORDS)]))
    assert table["a"].isna().tolist() == [True] + [False] * len(WORDS)
    assert table["a"].tolist()[1:] == list(map(spell, WORDS))
    assert capsys.readouterr().err == ""


def test_words_among_numbers_are_missing(read, capsys):
    cells = ["1.5", "", *WORDS, "  ", "\xa0", "7"]
    table = read(table_of(a=cells, b=range(len(cells)), c=["x"] * len(cells)))
    assert table["a"].dropna().tolist() == [1.5, 7.0]
    err = capsys.readouterr().err
    assert "'None' in a, 'NA' in a" in err
    assert r"'\xa0' in a" in err
    assert "'  ' in a" in err
    assert " in b" not in err
    kept = read(table_of(a=cells, b=range(len(cells))), categorical=["a"])
    assert kept["a"].fillna("").tolist() == cells
    with pytest.raises(CommandError, match="column a: 'NA' is no number"):
        read(table_of(a=["NA", *range(40)]), default_missing=False)
    assert read(table_of(a=["NA", *range(40)]), default_missing=False, missing=["NA"])["a"][1] == 0


def test_columns_of_missing_values_alone(read):
    assert read(table_of(a=["NA"] * 4, b=[""] * 4)).dtypes.astype(str).tolist() == [
        *("string", "Int64", "string")
    ]


@pytest.mark.parametrize(
    "cells, dtype",
    [
        (["+5", "1e3", " 7", "8 "], "Float64"),
        (["5", "+7", "\xa09"], "Int64"),
        (["007", "5"], "string"),
        (["1" * 25, "2" * 25], "string"),  # an integer that no dtype holds
        ([str(2**63), ""], "UInt64"),
        (["True", "False", ""], "boolean"),
        (["true", "false"], "string"),
        (["TRUE", "FALSE", "True"], "string"),
    ],
)
def test_dtypes(read, cells, dtype):
    table = read(table_of(a=cells))
    assert str(table["a"].dtype) == dtype
    if dtype in ("string", "boolean"):
        assert [str(cell) for cell in table["a"].dropna()] == [cell for cell in cells if cell]


def european(value):
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


SPELLINGS = {
    "decimal comma": (lambda v: str(v).replace(".", ","), "--decimal ,"),
    "thousands": (lambda v: f"{v:,.2f}", "--thousands ,"),
    "European": (european, "--decimal , --thousands ."),
    "blanks": (lambda v: f"{v:,.2f}".replace(",", " "), "--thousands ' '"),
    "no-break": (lambda v: european(v).replace(".", "\xa0"), "--decimal , --thousands ' '"),
    "Swiss": (lambda v: f"{v:,.2f}".replace(",", "’"), """--thousands ''"'"''"""),
    "underscores": (lambda v: f"{v:_.2f}", "--thousands _"),
}


@pytest.mark.parametrize("spell, advice", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_that_options_read(read, spell, advice):
    """The advice works when it is followed, and columns with a point need none."""
    text = table_of(a=amounts(spell), b=amounts(str))
    with pytest.raises(CommandError) as refused:
        read(text)
    message = str(refused.value)
    assert re.search(r"data.csv, line \d+, column a: .* is no number as it stands", message)
    assert f"{advice} reads it as " in message
    words = shlex.split(advice)
    how = {words[k].strip("-"): words[k + 1] for k in range(0, len(words), 2)}
    table = read(text, **how)
    assert table["a"].tolist() == amounts(float)
    assert table["b"].tolist() == amounts(float)
    assert read(text, categorical=["a"])["a"].tolist() == amounts(spell)


def test_two_readings_are_both_named(read):
    with pytest.raises(CommandError) as refused:
        read(table_of(a=["1,234", "12", "5,678", "901"] * 5))
    assert "--decimal , reads it as 1.234; --thousands , reads it as 1234;" in str(refused.value)
    grouped = read(
        table_of(a=["1,234", "12"] * 5, b=["1,5", "2"] * 5), thousands=",", categorical="b"
    )
    assert grouped["a"].tolist() == [1234, 12] * 5
    with pytest.raises(CommandError, match="column b: '1,5' is no number"):  # not 15
        read(table_of(a=["1,234", "12"] * 5, b=["1,5", "2"] * 5), thousands=",")


def test_points_between_thousands(read, capsys):
    """Seen where there are two; one of them may be a decimal point."""
    with pytest.raises(CommandError, match=r"--decimal , --thousands \. reads it as 1234567;"):
        read(table_of(a=["1.234.567", "12", "5.678"] * 5))
    cells = ["1.234", "987", "5.678"] * 5
    assert read(table_of(a=cells))["a"].tolist() == list(map(float, cells))
    assert "note: '1.234' in column a of data.csv is read with" in capsys.readouterr().err
    assert read(table_of(a=cells), decimal=",", thousands=".")["a"][0] == 1234
    read(table_of(a=["1.234", "98.7", "5.678"] * 5, b=["1.234", "0.500", "2.250"] * 5))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "spell",
    [
        lambda v: f"${v:,.2f}",
        lambda v: f"{european(v)} €",
        lambda v: f"EUR {v}",
        lambda v: f"{v}%",
        lambda v: f"{v:.0f} %",
        lambda v: f"({-v})" if v < 0 else str(v),
        lambda v: str(v).replace("-", "−"),
        lambda v: f"{-v}-" if v < 0 else str(v),
    ],
)
def test_spellings_that_want_repair(read, spell):
    with pytest.raises(CommandError) as refused:
        read(table_of(a=amounts(spell)))
    assert "write such numbers with digits and a point alone" in str(refused.value)
    assert "--categorical a says" in str(refused.value)
    assert read(table_of(a=amounts(spell)), categorical=["a"])["a"][3] == amounts(spell)[3]


@pytest.mark.parametrize(
    "cells, message",
    [
        ([*range(30), *["small", "large"] * 5], "words beside 30 numbers, such as 'small'"),
        ([*range(30), *["low"] * 50], "words beside 30 numbers, such as 'low'"),
        ([f"{k % 28 + 1:02d}.01.2024" for k in range(30)], "names, such as '01.01.2024'"),
        ([f"2024-01-{k % 28 + 1:02d}" for k in range(60)], "28 different names"),
        ([f"{k % 30} kg" for k in range(60)], "names, such as '0 kg'"),
        ([f"{k:05d}" for k in range(40)], "40 different names, such as '00000'"),
    ],
)
def test_names_that_say_little_are_noted(read, capsys, cells, message):
    assert read(table_of(a=cells))["a"].tolist() == list(map(str, cells))
    err = capsys.readouterr().err
    assert "note: column a of data.csv holds " in err
    assert message in err
    assert "--categorical a" in err
    read(table_of(a=cells), categorical=["a"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "cells",
    [["red", "blue"] * 20, ["11th", "HS-grad"] * 20, ["10-19", "20-29"] * 20, ["T", "F"] * 20],
)
def test_levels_need_no_note(read, capsys, cells):
    read(table_of(a=cells))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("labels", [["0", "1", "unknown"], ["1,5", "2,5"], ["5 %", "10 %"]])
def test_labels_may_be_any_words(read, capsys, labels):
    table = read(table_of(a=range(42), label=(labels * 21)[:42]), target="label")
    assert table["label"].tolist() == (labels * 21)[:42]
    assert capsys.readouterr().err == ""


def test_a_column_that_looks_like_an_option(read):
    with pytest.raises(CommandError, match=r"--missing x, or say .* with --categorical=-a, or"):
        read(table_of(**{"-a": ["x", *range(40)]}))


@pytest.mark.parametrize("dtype", [object, "string"])
def test_numbers_as_texts_in_parquet(read_parquet, capsys, dtype):
    cells = pd.Series(["1.5", "NA", "3", None] * 5, dtype=dtype)
    table = read_parquet(pd.DataFrame({"a": cells, "y": ["0", "1"] * 10}), target="y")
    assert table["a"].dropna().tolist() == [1.5, 3.0] * 5
    assert table["y"].tolist() == ["0", "1"] * 10
    err = capsys.readouterr().err
    assert "the texts in a of data.parquet are learnt as the numbers" in err
    assert "'NA' in a" in err
    named = read_parquet(pd.DataFrame({"a": cells, "y": [0, 1] * 10}), categorical=["a"])
    assert named["a"].tolist()[:3] == ["1.5", "NA", "3"]

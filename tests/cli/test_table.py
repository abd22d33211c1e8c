"""Tables in files: what is read, and the line and the column of what is not."""

import bz2
import gzip
import lzma
import shlex
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import psutil
import pytest

from imbdeep.cli._table import TableFile, labelled
from imbdeep.cli._terminal import CommandError

NUMBERS = [str(k / 4) for k in range(40)]


def column_of(cells, header="a,y"):
    return "\n".join([header, *(f"{cell},{k % 2}" for k, cell in enumerate(cells))]) + "\n"


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
@pytest.mark.parametrize(
    "text, message",
    [
        (
            "a,y\n1,2\n4,5,6\n",
            ", line 3: 3 cells stand there, and the header has 2: repair that line",
        ),
        ("a,y\n1,2,3\n4,5,6\n", ", line 2: 3 cells stand there, and the header has 2"),
        ("a,y\n1,2\n\n4\n5,6\n", ", line 4: 1 cells stand there, and the header has 2"),
        ('a,y\n"1\n1",2\n4\n', ", line 4: 1 cells stand there"),  # a cell of two lines
        ('a,y\n1,2\n"1,2\n3,4\n', ", line 3: a quotation mark is opened in this row and never"),
        ("a,y\n1,2\nb,\xe9\n".encode("latin-1"), ", line 3, column y: the byte 0xe9 is no UTF-8"),
        ("a,\xe9\n1,2\n".encode("latin-1"), ", line 1, column 2: the byte 0xe9 is no UTF-8"),
        ("ä,y\n1,2\n".encode() + b"\xff,2\n", ", line 3, column ä: the byte 0xff"),
        ("a,y\n1,2\n".encode("utf-16"), "as iconv -f UTF-16 -t UTF-8 does if it is UTF-16"),
        ("a,b,a\n1,2,3\n", ", line 1: columns 1 and 3 are both called 'a': rename one"),
        ("1.5,2,3\n4,5,6\n", ", line 1 should hold the names of the columns, and holds the num"),
        ("", " is empty: there is nothing to learn from"),
        ("a,y\n", " has no rows"),
    ],
)
def test_malformed(read, text, message, name):
    with pytest.raises(CommandError) as refused:
        read(text, name)
    assert message in str(refused.value)
    assert str(refused.value).startswith((f"{name}{message}", f"{name}, line 1, column"))


@pytest.mark.parametrize("extra, n", [(",", 4), (",,", 5), ("", 4)])
@pytest.mark.parametrize("rows", [range(1, 7), [3], [6]], ids=["every row", "one row", "last row"])
def test_cells_beyond_the_header(read, extra, n, rows):
    """Also where they are empty, which pandas cuts, or are one less, which pandas fills up."""
    lines = ["a,b,c,y" if not extra else "a,b,y", *["1,r,2" + ",z" * (not extra)] * 6]
    for k in rows:
        lines[k] = lines[k] + extra if extra else lines[k].removesuffix(",z")
    n, header = (n, 3) if extra else (3, 4)
    message = f"data.csv, line {min(rows) + 1}: {n} cells stand there, and the header has {header}"
    with pytest.raises(CommandError, match=message):
        read("\n".join(lines) + "\n")


TABLE = "a,b,y\n1,x,0\n2,x,1\n"


@pytest.mark.parametrize(
    "begin", ["", "# by me\n", "A title, and more\n\nof it\n", "sep={}\n", "\ufeff"]
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.tsv"])
def test_another_separator_and_lines_above(read, begin, separator, name):
    """The error says what to type, and that reads the table."""
    text = begin.format(separator) + TABLE.replace(",", separator)
    usual = "\t" if name == "data.tsv" else ","
    if separator == usual and begin in ("", "\ufeff"):
        read(text, name)
        return
    with pytest.raises(CommandError) as refused:
        read(text, name)
    words = shlex.split(str(refused.value).partition("read it so with ")[2].removesuffix("."))
    how = {"separator": separator} if "--separator" in words else {}
    assert words.count("\\t") == (how == {"separator": "\t"})
    if "--skip-rows" in words:
        how["skip_rows"] = int(words[words.index("--skip-rows") + 1])
    table = read(text, name, **how)
    assert table.columns.tolist() == ["a", "b", "y"]
    assert table["y"].tolist() == [0, 1]


def test_lines_above_with_as_many_cells(read):
    with pytest.raises(CommandError, match="Where the names stand in line 3, add --skip-rows 2"):
        read("# by,me,,\n,,,\na,b,y,z\n1,2,3,4\n", target="y")


PACKED = {
    "gzip": (gzip.compress(b"a,y\n1,2\n"), "packed by gzip"),
    "zip": (b"PK\x03\x04\x14\x00", "a zip archive, as Excel sheets are too"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel sheet"),
    "parquet": (b"PAR1\x15\x04\x15", "a parquet file"),
    "bzip2": (bz2.compress(b"a,y\n1,2\n"), "packed by bzip2"),
    "xz": (lzma.compress(b"a,y\n1,2\n"), "packed by xz"),
}


@pytest.mark.parametrize("data, what", PACKED.values(), ids=PACKED)
def test_files_that_are_no_text(read, data, what):
    with pytest.raises(CommandError, match=f"data.csv is {what}, and cannot be read as its ending"):
        read(data)
    if what != "packed by gzip":
        with pytest.raises(CommandError, match=f"data.csv.gz is {what}"):
            read(data, "data.csv.gz")


def test_text_under_other_endings(read, tmp_path):
    assert read("PK,PAR1\n1,2\n").columns.tolist() == ["PK", "PAR1"]
    (tmp_path / "text.csv.gz").write_text(TABLE)
    with pytest.raises(CommandError, match=r"Not a gzipped file .* \.csv if it is text"):
        TableFile(tmp_path / "text.csv.gz").read()
    (tmp_path / "text.parquet").write_text(TABLE)
    with pytest.raises(CommandError, match=r"If it is a text, give it the ending \.csv"):
        TableFile(tmp_path / "text.parquet").read()
    with pytest.raises(CommandError, match="line 1, column 1: the byte 0x0 is no UTF-8 text"):
        read(TABLE.encode("utf-16-le"))


@pytest.mark.parametrize("name", ["  y", "y\xa0", " Y", "\u200by", "y\t"])
def test_names_but_for_case_and_white_space(read, capsys, name):
    table = read(TABLE.replace("y", name), target="y")
    assert capsys.readouterr().err == (
        f"imbdeep: note: --target y is read as the column {name!r} of data.csv.\n"
    )
    file = TableFile(Path("data.csv"))
    assert file.column(name, table, "--target") == name
    both = read(TABLE.replace("b", "y").replace("y\n", f"{name}\n"))
    assert both.columns.tolist() == ["a", "y", name]
    assert f"the columns 'y' and {name!r} of data.csv differ only by" in capsys.readouterr().err
    with pytest.raises(CommandError) as refused:
        file.column("z", both, "--target")
    assert f"which has: a, y, {name if name == ' y' else repr(name)}." in str(refused.value)


def test_labels_but_for_case_and_white_space(read, capsys):
    table = read("a,y\n1,yes\n2,yes \n3,no\n4,No\n")
    labelled(TableFile(Path("data.csv")), table, "y")
    err = capsys.readouterr().err
    assert "the labels 'yes' and 'yes ' of y differ only by case or white space" in err
    assert "the labels 'no' and 'No' of y" in err


@pytest.mark.parametrize("odd", ["#NUM!", "-", "n. d.", "3+"])
def test_numbers_but_for_a_few_words(read, odd):
    text = column_of([*NUMBERS[:20], odd, *NUMBERS[20:]])
    with pytest.raises(CommandError) as refused:
        read(text)
    message = str(refused.value)
    assert f"data.csv, line 22, column a: {odd!r} is no number, as 40 cells" in message
    remedy = message.partition("as missing with ")[2].partition(", or")[0]
    assert (
        remedy
        == {
            "#NUM!": "--missing '#NUM!'",
            "-": "--missing=-",
            "n. d.": "--missing 'n. d.'",
            "3+": "--missing 3+",
        }[odd]
    )
    table = read(text, missing=[odd])
    assert table["a"].dtype.kind == "f"
    assert table["a"].isna().sum() == 1
    assert table["a"].dropna().tolist() == [k / 4 for k in range(40)]
    assert read(text, categorical=["a"])["a"][20] == odd


def test_many_words_in_many_columns(read):
    rows = [f"{k},{k},{k % 2}" for k in range(100)]
    rows[7], rows[8], rows[9] = "eight,8,0", "nine,8,0", "8,ten,0"
    with pytest.raises(CommandError) as refused:
        read("\n".join(["a,b,y", *rows]))
    message = str(refused.value)
    assert "line 9, column a: 'eight' is no number" in message
    assert "(so too in b)" in message
    assert "--missing eight --missing nine --missing ten" in message
    assert "--categorical a b," in message


@pytest.mark.parametrize("real", ["water_quality"], indirect=True)
def test_water_quality(real):
    """The three rows of the real table, of which a sheet made '#NUM!'."""
    path = real / "water_quality" / "waterQuality1.csv"
    with pytest.raises(CommandError, match=r"line 7553, column ammonia: '#NUM!' is no number"):
        TableFile(path).read()
    table = TableFile(path, missing=["#NUM!"]).read()
    assert table["is_safe"].isna().sum() == 3
    assert all(dtype.kind in "if" for dtype in table.dtypes)


def test_without_header(read):
    table = read("1,x\n2,y\n", has_header=False)
    assert table.columns.tolist() == ["c0", "c1"]
    assert table["c0"].tolist() == [1, 2]
    file = TableFile(Path("data.csv"), has_header=False)
    assert file.column("1", table, "--target") == "c1"
    assert file.column("c1", table, "--target") == "c1"
    with pytest.raises(CommandError, match=r"--target 2 is no column of data.csv, which has: c0"):
        file.column("2", table, "--target")
    with pytest.raises(CommandError, match="line 2: 1 cells stand there, and the first row has 2"):
        read("1,x\n2\n", has_header=False)
    with pytest.raises(CommandError, match=r"line 3, column c0: '\?' is no number"):
        read("1,x\n2,x\n?,x\n", has_header=False)


def test_a_first_row_taken_for_names(read):
    table = read("5.1,3.5,setosa\n4.9,3.0,setosa\n")
    with pytest.raises(CommandError, match="holds no names, say so with --no-header"):
        TableFile(Path("data.csv")).column("y", table, "--target")


def test_numbered_names_and_nameless_columns(read, capsys):
    assert read("0,1,2\n3,4,5\n").columns.tolist() == ["0", "1", "2"]
    table = read(",a,y\n0,1,2\n")
    assert table.columns.tolist() == ["Unnamed: 0", "a", "y"]
    err = capsys.readouterr().err
    assert "column 1 of data.csv has no name" in err
    assert "take it out" in err


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
def test_too_large(read, monkeypatch, name):
    free = SimpleNamespace(available=40_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert len(read("a,y\n" + "1,0\n" * 1900, name)) == 1900
    monkeypatch.setattr(pd, "read_csv", None)  # nothing is read
    with pytest.raises(CommandError) as refused:
        read("a,y\n" + "1,0\n" * 250_000, name)
    size = "0.0 MB or more" if name.endswith("gz") else "1.0 MB"
    assert f"holds {size}, more than a fifth of the 0.0 MB of memory" in str(refused.value)
    assert "take a random part of its rows" in str(refused.value)


def test_words_in_parquet(tmp_path):
    path = tmp_path / "data.parquet"
    frame = pd.DataFrame(
        {"a": [*map(str, range(39)), "?"], "b": [*range(39), -9], "y": [0, 1] * 20}
    )
    frame.to_parquet(path)
    with pytest.raises(CommandError, match=r"row 40, column a: '\?' is no number"):
        TableFile(path).read()
    frame.assign(nested=[[k] for k in range(40)]).to_parquet(path)
    table = TableFile(path, missing=["?", "-9"]).read()
    assert table["a"].dropna().tolist() == list(range(39))
    assert table["b"].dropna().tolist() == list(range(39))
    assert table["y"].tolist() == frame["y"].tolist()

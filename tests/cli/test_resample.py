"""``resample`` from file to file: the original cells come out as they went in."""

import csv
import io
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import imbdeep.over_sampling
from imbdeep.cli import main

ODD = ["None", "NA", "null", " ", "#N/A", 'a "b"', "c, d", "e;f", "g\th", "i\nj", "007", "true"]


@pytest.fixture
def resample(tmp_path, monkeypatch, capsys):
    """Run ``resample`` with a sampler that repeats rows; give the status and the errors."""
    monkeypatch.chdir(tmp_path)

    def fit_resample(self, X, y):
        counts = y.value_counts()
        (rows,) = np.nonzero((y == counts.index[-1]).to_numpy())
        rows = np.resize(rows, counts.iloc[0] - counts.iloc[-1])
        self.device_, self.filter_ = "cpu", LogisticRegression()
        self.filter_scores_ = {"few": {"candidates": 0.5, "kept": 0.75}}
        return (
            pd.concat([X, X.iloc[rows]], ignore_index=True),
            pd.concat([y, y.iloc[rows]], ignore_index=True),
        )

    monkeypatch.setattr(imbdeep.over_sampling.MGVAESampler, "fit_resample", fit_resample)

    def run(source, output, options=""):
        words = ["resample", source, "--output", output, "--target", "y", "--quiet", "--force"]
        status = main([*words, *shlex.split(options)])
        run.out, err = capsys.readouterr()
        return status, err

    return run


def rows_of(n=40, label=lambda k: "NA" if k % 4 == 0 else "None", decimal="."):
    spellings = ["{}.50", "+{}.0", "{}e1", "NA", ""]
    return [
        ["number", "word", "y"],
        *(
            [spellings[k % 5].format(k).replace(".", decimal), ODD[k % len(ODD)], label(k)]
            for k in range(n)
        ),
    ]


def written(rows, separator=",", **how):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, **how).writerows(rows)
    return text.getvalue()


def cells_of(path, separator=","):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter=separator))


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_come_out_as_they_went_in(resample, quoting, end):
    rows = rows_of()
    text = written(rows, quoting=quoting, lineterminator=end)
    Path("data.csv").write_bytes(text.encode())
    status, err = resample("data.csv", "out.csv")
    assert status == 0
    assert "'NA' in number" in err
    assert "LogisticRegression gives few a mean probability of 0.50 among the rows" in resample.out
    assert Path("out.csv").read_bytes().startswith(text.encode())
    assert len(cells_of("out.csv")) == 61
    assert {row[2] for row in cells_of("out.csv")[41:]} == {"NA"}
    assert resample("data.csv", "out.tsv")[0] == 0
    assert cells_of("out.tsv", "\t")[:41] == rows
    assert resample("out.tsv", "back.csv")[0] == 0
    assert cells_of("back.csv")[:41] == rows
    assert resample("data.csv", "out.parquet")[0] == 0
    table = pd.read_parquet("out.parquet")
    assert table["word"].tolist()[:40] == [row[1] for row in rows[1:]]
    assert table["y"].value_counts().to_dict() == {"NA": 30, "None": 30}
    assert table["number"].isna().tolist()[:40] == [k % 5 > 2 for k in range(40)]
    assert resample("out.parquet", "last.csv")[0] == 0
    assert [row[1:] for row in cells_of("last.csv")[:41]] == [row[1:] for row in rows]


@pytest.mark.parametrize("begin", ["", "\ufeff", "number,word,y\n\n"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_original_lines_are_the_same_bytes(resample, begin, end):
    """With a byte order mark, with an empty line, without an end of the last line."""
    lines = [] if "y" in begin else ["number,word,y"]
    lines += [f"{k}.50,w{k % 3},{'ill' if k % 4 == 0 else 'well'}" for k in range(40)]
    text = begin.replace("\n", end or "\n") + (end or "\n").join(lines) + end
    Path("data.csv").write_bytes(text.encode())
    assert resample("data.csv", "out.csv")[0] == 0
    after = Path("out.csv").read_bytes()
    assert after.startswith(text.encode())
    assert after.count(b"\n") == after.count((end or "\n").encode())
    assert len(after.split()) == 61


@pytest.mark.parametrize("output", ["out.csv", "out.tsv"])
def test_rows_with_a_label_are_copied(resample, output):
    rows = rows_of(label=lambda k: "" if k % 7 == 2 else "None" if k % 4 else "NA")
    kept = [row for row in rows if row[2]]
    Path("data.csv").write_bytes(written(rows, quoting=csv.QUOTE_ALL).encode())
    assert resample("data.csv", output, "--drop-unlabelled")[0] == 0
    assert cells_of(output, {"out.csv": ",", "out.tsv": "\t"}[output])[: len(kept)] == kept
    if output == "out.csv":
        text = written(kept, quoting=csv.QUOTE_ALL)
        assert Path(output).read_bytes().startswith(text.encode())


def test_unlabelled_numbers(resample):
    rows = rows_of(label=lambda k: ["1", "0", "0", "NA"][k % 4])
    Path("data.csv").write_bytes(written(rows).encode())
    status, err = resample("data.csv", "out.csv")
    assert status == 2
    assert "'NA' in y" in err
    assert "has no label in row 4, 8" in err
    assert resample("data.csv", "out.csv", "--drop-unlabelled")[0] == 0
    assert cells_of("out.csv")[:31] == [row for row in rows if row[2] != "NA"]
    for option in ("--categorical y number", "--no-default-missing --categorical number"):
        assert resample("data.csv", "out.csv", option)[0] == 0
        assert cells_of("out.csv")[:41] == rows
        assert {row[2] for row in cells_of("out.csv")[41:]} <= {"1", "NA"}


@pytest.mark.parametrize("labels", [("true", "false"), ("TRUE", "FALSE"), ("True", "False")])
def test_truth_as_it_is_spelled(resample, labels):
    rows = rows_of(label=lambda k: labels[k % 4 > 0])
    Path("data.csv").write_bytes(written(rows).encode())
    for output in ("out.csv", "out.tsv"):
        assert resample("data.csv", output)[0] == 0
        result = cells_of(output, "\t" if output == "out.tsv" else ",")
        assert result[:41] == rows
        assert {row[2] for row in result[41:]} == {labels[0]}


@pytest.mark.parametrize("above", ["", "sep=;\n"])
@pytest.mark.parametrize("names", [("a.csv", "b.csv"), ("a.tsv", "b.tsv"), ("a.csv", "b.csv.gz")])
def test_separator_and_decimal_come_back(resample, above, names):
    """The output is read with the same options."""
    rows = rows_of(decimal=",")
    Path(names[0]).write_bytes((above + written(rows, ";")).encode())
    options = "--separator ';' --decimal ," + " --skip-rows 1" * bool(above)
    assert resample(*names, options)[0] == 0
    again = names[0].replace("a.", "again.")
    assert resample(names[1], again, options)[0] == 0
    result = Path(again).read_text().removeprefix(above)
    cells = list(csv.reader(result.splitlines(keepends=True), delimiter=";"))
    assert len(cells) == 61
    assert all(row[0] in ("", "NA") or "." not in row[0] for row in cells)
    assert resample(names[0], "out.parquet", options)[0] == 0
    assert pd.read_parquet("out.parquet")["number"][0] == 0.5
    assert resample(names[0], "other.csv" if "tsv" in names[0] else "other.tsv", options)[0] == 0
    other = cells_of("other.csv") if "tsv" in names[0] else cells_of("other.tsv", "\t")
    assert other[:41] == rows


def test_texts_of_a_parquet_file_stay_texts(resample):
    frame = pd.DataFrame(
        {
            "a": ["1.5", "unknown", "3", None] * 10,
            "b": [f"{k},5" for k in range(40)],
            "c": [-9 if k % 5 == 0 else k for k in range(40)],
            "w": ["None", "", "NA", None] * 10,
            "y": ["0", "1", "1", "1"] * 10,
        }
    )
    frame.to_parquet("data.parquet")
    options = "--missing unknown --missing=-9 --decimal ,"
    assert resample("data.parquet", "out.parquet", options)[0] == 0
    table = pd.read_parquet("out.parquet")
    stored = pd.read_parquet("data.parquet")
    pd.testing.assert_frame_equal(table[:40], stored, check_dtype=False)
    assert table["b"].dtype == stored["b"].dtype
    assert set(table["a"][40:]) == {"1.5"}
    assert set(table["b"][40:]) <= set(frame["b"])
    assert set(table["y"][40:]) == {"0"}


@pytest.mark.parametrize(
    "options, message",
    [
        ("--separator ab", "'ab' must be one character"),
        ("--separator x", "'x' must be one character that is no letter"),
        ("--decimal , --thousands ,", "--decimal and --thousands are both ','"),
        ("--skip-rows -1", "-1 must be an integer from 0"),
    ],
)
def test_options_that_cannot_be(resample, options, message):
    Path("data.csv").write_text(written(rows_of()))
    status, err = resample("data.csv", "out.csv", options)
    assert status == 2
    assert message in err


def test_options_of_texts(resample):
    pd.DataFrame({"a": [1, 2], "y": [0, 1]}).to_parquet("data.parquet")
    for option in ("--separator ';'", "--skip-rows 1", "--no-header"):
        assert f"{option.split()[0]} is for texts" in resample("data.parquet", "out.csv", option)[1]

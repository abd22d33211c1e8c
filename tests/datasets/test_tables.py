"""Tables: small files, both collections, and the real files by their checksums."""

import gzip
import hashlib

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from imbdeep.datasets import fetch
from imbdeep.datasets._files import REMOTES, content_of


def test_musks_are_the_minority(tmp_path, write):
    x = np.arange(4 * 166, dtype=np.int16).reshape(4, 166)
    write(tmp_path, "musk2/musk2.npz", {"X": x, "y": np.array([1, 2, 1, 1], dtype=np.uint8)})
    bunch = fetch("musk2", data_home=tmp_path)
    np.testing.assert_array_equal(bunch.data, x)
    assert bunch.target.tolist() == [0, 1, 0, 0]
    assert bunch.target.dtype == np.int64


def test_isolet_is_two_letters_against_the_rest_or_all_letters(tmp_path, write):
    y = np.array([26, 1, 3, 2], dtype=np.uint8)
    write(tmp_path, "isolet/isolet.npz", {"X": np.zeros((4, 617), dtype=np.float32), "y": y})
    assert fetch("isolet", data_home=tmp_path).target.tolist() == [0, 1, 0, 1]
    bunch = fetch("isolet", letters=True, data_home=tmp_path)
    assert [bunch.target_names[code] for code in bunch.target] == ["Z", "A", "C", "B"]


def openml(monkeypatch, n_columns, labels):
    """What fetch_openml gives: musk has names of molecules too, and its labels are words."""
    columns = {f"f{i}": np.arange(len(labels)) + i for i in range(1, n_columns + 1)}
    frame = pd.DataFrame({"molecule_name": ["m"] * len(labels), **columns})
    answer = Bunch(data=frame, target=pd.Series(labels))
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda **_: answer)


@pytest.mark.parametrize(
    "name, columns, labels, expected",
    [
        ("musk2", 166, ["0", "1", "0"], [0, 1, 0]),
        ("isolet", 617, ["1", "'2'", "3"], [1, 1, 0]),
    ],
)
def test_openml_is_asked_once(name, columns, labels, expected, monkeypatch, cache):
    openml(monkeypatch, columns, labels)
    for bunch in (fetch(name), fetch(name, download=False)):
        assert bunch.target.tolist() == expected
        np.testing.assert_array_equal(bunch.data, np.add.outer(range(3), range(1, columns + 1)))
    assert [path.name for path in (cache / name).iterdir()] == [f"{name}.npz"]


def test_another_table_of_openml_is_refused(monkeypatch, cache):
    openml(monkeypatch, 165, ["0", "1"])
    with pytest.raises(ValueError, match=r"OpenML 1116 .*165 instead of 166 columns"):
        fetch("musk2")
    assert not cache.exists()


def test_water_without_label_is_dropped(tmp_path, write):
    text = "aluminium,ammonia,is_safe\n1.65,9.08,1\n0.5,#NUM!,#NUM!\n2,3,0\n"
    bunch = fetch("water_quality", data_home=write(tmp_path, WATER, text))
    assert bunch.data.tolist() == [[1.65, 9.08], [2, 3]]
    assert bunch.target.tolist() == [1, 0]
    assert bunch.feature_names == ["aluminium", "ammonia"]


def test_mammography_has_quoted_labels(tmp_path, write):
    text = "0.23,5.07,-0.2,0.8,-0.3,0.4,'-1'\n0.15,-0.1,0.6,-0.8,-0.3,-0.9,'1'\n"
    bunch = fetch("mammography", data_home=write(tmp_path, "mammography/mammography.csv", text))
    assert bunch.data.shape == (2, 6)
    assert bunch.data[1, 0] == 0.15
    assert bunch.target.tolist() == [0, 1]


def test_webpage_keeps_each_line_once(tmp_path, write):
    parts = {"w7a": "-1 3:1 300:1 \n+1 1:1 \n-1 \n", "w7a.test": "+1 1:1 \n-1 2:1 \n-1 2:1 \n"}
    for name, lines in parts.items():
        write(tmp_path, f"webpage/{name}.txt.gz", gzip.compress(lines.encode()))
    bunch = fetch("webpage", data_home=tmp_path)
    assert bunch.data.dtype == np.float32
    assert bunch.data.shape == (4, 300)
    assert [np.flatnonzero(row).tolist() for row in bunch.data] == [[2, 299], [0], [], [1]]
    assert bunch.target.tolist() == [0, 1, 0, 0]


PAYMENTS = [f"{kind}{i}" for kind in ("BILL_AMT", "PAY_AMT") for i in range(1, 7)]
MONTHS = [f"PAY_{i}" for i in (0, 2, 3, 4, 5, 6)]
SMALL = {
    "adult/adult-train.csv": """\
39, State-gov, 77516, Bachelors, 13, Divorced, Sales, Husband, White, Male, 2174, 0, 40, Cuba, <=50K
50, ?, 83311, HS-grad, 9, Divorced, ?, Wife, Black, Female, 0, 0, 13, Holand-Netherlands, >50K
""",
    "adult/adult-test.csv": """\
25, Private, 226802, 11th, 7, Never-married, Sales, Own-child, Black, Male, 0, 0, 40, ?, <=50K.
28, Private, 336951, Bachelors, 12, Divorced, Sales, Husband, White, Male, 0, 0, 40, Cuba, >50K.
""",
    "credit_default/default_credit_card_clients.csv": f"""\
LIMIT_BAL,SEX,EDUCATION,MARRIAGE,AGE,{",".join(MONTHS)},{",".join(PAYMENTS)},default
20000,female,university,married,24,{",".join("1" * 18)},1
50000,male,other,single,26,{",".join("2" * 18)},0
""",
    "german_credit/german.csv": """\
A11,6,A34,A43,1169,A65,A75,4,A93,A101,4,A121,67,A143,A152,2,A173,1,A192,A201,1
A12,48,A32,A43,5951,A61,A73,2,A92,A101,2,A121,22,A143,A152,1,A173,1,A191,A201,2
""",
    "hypothyroid/hypothyroid.data": """\
hypothyroid,72,M,f,f,f,f,f,f,f,f,f,f,f,y,30,y,0.60,y,15,y,1.48,y,10,n,?
negative,?,?,t,f,f,f,f,f,f,f,f,f,f,y,145,y,1.70,y,19,y,1.13,y,17,n,?
""",
}
WATER = "water_quality/waterQuality1.csv"


@pytest.fixture
def folder(tmp_path, write):
    for i, (name, content) in enumerate(SMALL.items()):
        if i < 2:
            name, content = f"{name}.gz", gzip.compress(content.encode())
        write(tmp_path, name, content)
    return tmp_path


@pytest.mark.parametrize(
    "name, n_numbers, n_categories, target",
    [
        ("adult", 6, 8, [0, 1]),
        ("credit_default", 20, 3, [1, 0]),
        ("german_credit", 7, 13, [0, 1]),
        ("hypothyroid", 7, 18, [1, 0]),
    ],
)
def test_columns_have_their_kinds_and_the_minority_is_one(
    folder, name, n_numbers, n_categories, target
):
    bunch = fetch(name, data_home=folder)
    assert bunch.data.shape == (2, n_numbers + n_categories)
    assert bunch.feature_names == list(bunch.data.columns)
    assert bunch.categorical_features == list(bunch.data.select_dtypes("category").columns)
    assert len(bunch.categorical_features) == n_categories
    assert len(bunch.data.select_dtypes("number").columns) == n_numbers
    assert bunch.target.tolist() == target
    assert (bunch.target.dtype, len(bunch.target_names)) == (np.int64, 2)


def test_adults_levels_are_the_same_in_both_parts(folder):
    train, test = (fetch("adult", subset=part, data_home=folder) for part in ("train", "test"))
    assert (train.data.dtypes == test.data.dtypes).all()
    assert train.data["workclass"].isna().tolist() == [False, True]
    assert test.data["native-country"].isna().tolist() == [True, False]
    assert test.data.index.tolist() == [0, 1]
    assert test.target.tolist() == [0, 1]  # of labels with a full stop


@pytest.mark.parametrize(
    "file, content, message",
    [
        ("german_credit/german.csv", "1,2,3\n", "it has 3 instead of 21 columns"),
        ("german_credit/german.csv", "", "No columns"),
        ("german_credit/german.csv", "1,2\n1,2,3,4\n", "Expected 2 fields in line 2"),
        (
            "credit_default/default_credit_card_clients.csv",
            ",".join(map(str, range(24))) + "\n",
            "its columns are not LIMIT_BAL, SEX, ",
        ),
        ("hypothyroid/hypothyroid.data", b"\xff\xfe,1\n", "codec can't decode"),
        (WATER, "a,b\n1,2\n", "it has no column is_safe"),
        ("musk2/musk2.npz", b"PK\x03\x04 half a file", ""),
    ],
)
def test_a_wrong_file_is_named(tmp_path, write, file, content, message):
    write(tmp_path, file, content)
    with pytest.raises(ValueError, match=rf"{file} is damaged or another file .*{message}"):
        fetch(file.split("/")[0], data_home=tmp_path)


CHECKED = [name for name, (checksum, _) in REMOTES.items() if checksum and len(checksum) == 64]


@pytest.mark.parametrize(
    "real, name",
    [(name.split("/")[0], name) for name in CHECKED],
    indirect=["real"],
    ids=CHECKED,
)
def test_the_local_rows_are_those_that_would_be_downloaded(real, name):
    path = next(p for p in (real / name, real / f"{name}.gz") if p.is_file())
    assert hashlib.sha256(content_of(path)).hexdigest() == REMOTES[name][0]

"""Tables of mixed columns: parsing of small files, and the real ones by their counts."""

import gzip

import numpy as np
import pytest

from imbdeep.datasets import (
    _mixed,
    fetch_adult,
    fetch_credit_default,
    fetch_german_credit,
    fetch_hypothyroid,
)

ADULT_TRAIN = """\
39, State-gov, 77516, Bachelors, 13, Divorced, Sales, Husband, White, Male, 2174, 0, 40, Cuba, <=50K
50, ?, 83311, HS-grad, 9, Divorced, ?, Wife, Black, Female, 0, 0, 13, Holand-Netherlands, >50K
"""
ADULT_TEST = """\
25, Private, 226802, 11th, 7, Never-married, Sales, Own-child, Black, Male, 0, 0, 40, ?, <=50K.
28, Private, 336951, Bachelors, 12, Divorced, Sales, Husband, White, Male, 0, 0, 40, Cuba, >50K.
"""
CREDIT = """\
LIMIT_BAL,SEX,EDUCATION,MARRIAGE,AGE,default
20000,female,university,married,24,1
50000,male,other,single,26,0
"""
GERMAN = """\
A11,6,A34,A43,1169,A65,A75,4,A93,A101,4,A121,67,A143,A152,2,A173,1,A192,A201,1
A12,48,A32,A43,5951,A61,A73,2,A92,A101,2,A121,22,A143,A152,1,A173,1,A191,A201,2
"""
HYPOTHYROID = """\
hypothyroid,72,M,f,f,f,f,f,f,f,f,f,f,f,y,30,y,0.60,y,15,y,1.48,y,10,n,?
negative,?,?,t,f,f,f,f,f,f,f,f,f,f,y,145,y,1.70,y,19,y,1.13,y,17,n,?
"""
SMALL = {
    "adult": (fetch_adult, {"adult-train.csv": ADULT_TRAIN, "adult-test.csv": ADULT_TEST}),
    "credit_default": (fetch_credit_default, {"default_credit_card_clients.csv": CREDIT}),
    "german_credit": (fetch_german_credit, {"german.csv": GERMAN}),
    "hypothyroid": (fetch_hypothyroid, {"hypothyroid.data": HYPOTHYROID}),
}


@pytest.fixture
def folder(tmp_path):
    for name, (_, files) in SMALL.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            path = tmp_path / name / (f"{file}.gz" if name in ("adult", "credit_default") else file)
            path.write_bytes(
                gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode()
            )
    return tmp_path


@pytest.mark.parametrize(
    "name, numbers, categories, target",
    [
        ("adult", 6, 8, [0, 1]),
        ("credit_default", 2, 3, [1, 0]),
        ("german_credit", 7, 13, [0, 1]),
        ("hypothyroid", 7, 18, [1, 0]),
    ],
)
def test_columns_have_their_kinds_and_the_minority_is_one(
    folder, name, numbers, categories, target
):
    load, _ = SMALL[name]
    bunch = load(data_home=folder)
    kinds = ["category" if str(kind) == "category" else "number" for kind in bunch.data.dtypes]
    assert (kinds.count("number"), kinds.count("category")) == (numbers, categories)
    assert bunch.feature_names == list(bunch.data.columns)
    of_kind = [c for c, kind in zip(bunch.feature_names, kinds, strict=True) if kind == "category"]
    assert bunch.categorical_features == of_kind
    assert bunch.target.tolist() == target
    assert bunch.target.dtype == np.int64
    assert len(bunch.target_names) == 2
    x, y = load(data_home=folder, return_X_y=True)
    assert x.equals(bunch.data)
    assert y.tolist() == target


def test_adults_levels_are_the_same_in_both_parts(folder):
    train, test = (fetch_adult(subset=part, data_home=folder) for part in ("train", "test"))
    assert (train.data.dtypes == test.data.dtypes).all()
    assert train.data["workclass"].isna().tolist() == [False, True]
    assert test.data["native-country"].isna().tolist() == [True, False]
    assert test.data.index.tolist() == [0, 1]
    assert test.target.tolist() == [0, 1]  # of labels with a full stop
    with pytest.raises(ValueError, match="subset='both' is none of 'train', 'test'"):
        fetch_adult(subset="both", data_home=folder)


@pytest.mark.parametrize("name", SMALL)
def test_other_rows_are_not_downloaded(name, server):
    load, files = SMALL[name]
    remotes = {"adult": _mixed._ADULT_FILES}.get(name) or {
        "": {
            "credit_default": _mixed._CREDIT,
            "german_credit": _mixed._GERMAN,
            "hypothyroid": _mixed._HYPOTHYROID,
        }[name]
    }
    for remote, content in zip(remotes.values(), files.values(), strict=True):
        server[0][remote.urls[0]] = content.encode()
    with pytest.raises(FileNotFoundError, match=f"{name}: .* has the MD5 .* instead of"):
        load()


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("german_credit", "1,2,3\n", "it has 3 instead of 21 columns"),
        ("german_credit", "", "No columns"),
        ("german_credit", "1,2\n1,2,3,4\n", "Expected 2 fields in line 2"),
        ("credit_default", "SEX,default\nmale,1\n", "it lacks the columns EDUCATION, MARRIAGE"),
        ("hypothyroid", "\xff\xfe,1\n", "codec can't decode"),
    ],
)
def test_a_wrong_file_is_named(folder, name, content, message):
    load, files = SMALL[name]
    (file,) = files
    for path in (folder / name).iterdir():
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=rf"{file}.* is damaged .*{message}"):
        load(data_home=folder)


@pytest.mark.parametrize(
    "real, subset, shape, minority, missing",
    [
        ("adult", "train", (32_561, 14), 7841, 4262),
        ("adult", "test", (16_281, 14), 3846, 2203),
        ("credit_default", None, (30_000, 23), 6636, 0),
        ("german_credit", None, (1000, 20), 300, 0),
        ("hypothyroid", None, (3163, 25), 151, 5329),
    ],
    indirect=["real"],
)
def test_real_tables_have_their_counts(real, subset, shape, minority, missing, request):
    name = request.node.callspec.params["real"]
    chosen = {} if subset is None else {"subset": subset}
    bunch = SMALL[name][0](data_home=real, download=False, **chosen)
    assert bunch.data.shape == shape
    assert np.bincount(bunch.target).tolist() == [shape[0] - minority, minority]
    assert bunch.data.isna().sum().sum() == missing


@pytest.mark.parametrize(
    "real, files",
    [
        (
            "adult",
            {
                f"adult-{part}.csv.gz": _mixed._ADULT_FILES[f"adult-{part}.csv"]
                for part in ("train", "test")
            },
        ),
        ("credit_default", {"default_credit_card_clients.csv.gz": _mixed._CREDIT}),
        ("german_credit", {"german.csv": _mixed._GERMAN}),
        ("hypothyroid", {"hypothyroid.data": _mixed._HYPOTHYROID}),
    ],
    indirect=["real"],
)
def test_the_local_rows_are_those_that_would_be_downloaded(real, files, request, server):
    name = request.node.callspec.params["real"]
    for file, remote in files.items():
        server[0][remote.urls[0]] = (real / name / file).read_bytes()
    assert len(SMALL[name][0](return_X_y=True)[1]) > 900

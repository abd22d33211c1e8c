"""Tables of numbers: small files, both collections, and the real files by their counts."""

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from imbdeep.datasets import (
    _tables,
    fetch_isolet,
    fetch_mammography,
    fetch_musk2,
    fetch_optical_digits,
    fetch_water_quality,
    fetch_webpage,
)

WATER = "aluminium,ammonia,is_safe\n1.65,9.08,1\n0.5,#NUM!,#NUM!\n2,3,0\n"
SPOTS = "0.23,5.07,-0.2,0.8,-0.3,0.4,'-1'\n0.15,-0.1,0.6,-0.8,-0.3,-0.9,'1'\n"


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_musks_are_the_minority(tmp_path):
    x = np.arange(4 * 166, dtype=np.int16).reshape(4, 166)
    (tmp_path / "musk2").mkdir()
    np.savez(tmp_path / "musk2" / "musk2.npz", X=x, y=np.array([1, 2, 1, 1], dtype=np.uint8))
    bunch = fetch_musk2(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.data, x)
    assert bunch.target.tolist() == [0, 1, 0, 0]
    assert bunch.target.dtype == np.int64
    assert (bunch.feature_names[0], bunch.feature_names[-1]) == ("f1", "f166")
    assert bunch.target_names == ["no musk", "musk"]
    assert (bunch.image_shape, bunch.categorical_features) == (None, [])


def test_isolet_is_two_letters_against_the_rest_or_all_letters(tmp_path):
    (tmp_path / "isolet").mkdir()
    y = np.array([26, 1, 3, 2], dtype=np.uint8)
    np.savez(tmp_path / "isolet" / "isolet.npz", X=np.zeros((4, 617), dtype=np.float32), y=y)
    assert fetch_isolet(data_home=tmp_path).target.tolist() == [0, 1, 0, 1]
    bunch = fetch_isolet(letters=True, data_home=tmp_path)
    assert [bunch.target_names[code] for code in bunch.target] == ["Z", "A", "C", "B"]


def openml(n_columns, labels):
    """What fetch_openml gives: musk has names of molecules too, and its labels are words."""
    columns = {f"f{i}": np.arange(len(labels)) + i for i in range(1, n_columns + 1)}
    frame = pd.DataFrame({"molecule_name": ["m"] * len(labels), **columns})

    def fetch(*, data_id, as_frame, cache):
        assert (as_frame, cache) == (True, False)
        return Bunch(data=frame, target=pd.Series(labels), data_id=data_id)

    return fetch


@pytest.mark.parametrize(
    "load, columns, labels, expected",
    [
        (fetch_musk2, 166, ["0", "1", "0"], [0, 1, 0]),
        (fetch_isolet, 617, ["1", "'2'", "3"], [1, 1, 0]),
    ],
)
def test_openml_is_asked_once(load, columns, labels, expected, monkeypatch, cache):
    monkeypatch.setattr(_tables, "fetch_openml", openml(columns, labels))
    first = load()
    monkeypatch.setattr(_tables, "fetch_openml", None)
    again = load(download=False)
    for bunch in (first, again):
        assert bunch.target.tolist() == expected
        np.testing.assert_array_equal(bunch.data, np.add.outer(range(3), range(1, columns + 1)))
    name = "musk2" if load is fetch_musk2 else "isolet"
    assert [path.name for path in (cache / name).iterdir()] == [f"{name}.npz"]


def test_another_table_of_openml_is_refused(monkeypatch, cache):
    monkeypatch.setattr(_tables, "fetch_openml", openml(165, ["0", "1"]))
    with pytest.raises(ValueError, match=r"OpenML 1116 .*165 instead of 166 columns"):
        fetch_musk2()
    assert not cache.exists()


@pytest.mark.parametrize("load, name", [(fetch_musk2, "musk2"), (fetch_isolet, "isolet")])
def test_without_openml_the_error_says_where_it_looked(load, name):
    for download, why in ((True, "OpenML failed"), (False, "download=False")):
        with pytest.raises(FileNotFoundError, match=rf"xdg/imbdeep/{name}/{name}.npz.*{why}"):
            load(download=download)


def test_a_broken_array_file_is_named(tmp_path):
    write(tmp_path, "musk2/musk2.npz", b"PK\x03\x04 half a file")
    with pytest.raises(ValueError, match=r"musk2.npz is damaged"):
        fetch_musk2(data_home=tmp_path)


def test_water_without_label_is_dropped(tmp_path):
    write(tmp_path, "water_quality/waterQuality1.csv", WATER)
    bunch = fetch_water_quality(data_home=tmp_path)
    assert bunch.data.tolist() == [[1.65, 9.08], [2, 3]]
    assert bunch.target.tolist() == [1, 0]
    assert bunch.feature_names == ["aluminium", "ammonia"]
    write(tmp_path, "water_quality/waterQuality1.csv", "a,b\n1,2\n")
    with pytest.raises(ValueError, match="no column is_safe"):
        fetch_water_quality(data_home=tmp_path)


def test_water_that_is_not_the_papers_is_not_downloaded(server):
    server[0][_tables._WATER.urls[0]] = WATER.encode()
    with pytest.raises(FileNotFoundError, match="instead of 93ddb6f0ad5e7ffd7accecd35cb47446"):
        fetch_water_quality()


def test_mammography_has_quoted_labels(tmp_path):
    write(tmp_path, "mammography/mammography.csv", SPOTS)
    bunch = fetch_mammography(data_home=tmp_path)
    assert bunch.data.shape == (2, 6)
    assert bunch.data[1, 0] == 0.15
    assert bunch.target.tolist() == [0, 1]


def test_webpage_keeps_each_line_once(tmp_path):
    parts = {"w7a": "-1 3:1 300:1 \n+1 1:1 \n-1 \n", "w7a.test": "+1 1:1 \n-1 2:1 \n-1 2:1 \n"}
    for name, lines in parts.items():
        write(tmp_path, f"webpage/{name}.txt.gz", gzip.compress(lines.encode()))
    bunch = fetch_webpage(data_home=tmp_path)
    assert bunch.data.dtype == np.float32
    assert bunch.data.shape == (4, 300)
    assert [np.flatnonzero(row).tolist() for row in bunch.data] == [[2, 299], [0], [], [1]]
    assert bunch.target.tolist() == [0, 1, 0, 0]


def collection(monkeypatch, cache, expected):
    """imbalanced-learn's collection, of few rows: labels -1 and 1."""

    def fetch(*, data_home, filter_data, download_if_missing):
        assert data_home == str(cache)
        assert download_if_missing
        (name,) = filter_data
        y = np.repeat([-1, 1], [expected[0], expected[1]])
        return {name: Bunch(data=np.zeros((len(y), 300)), target=y)}

    monkeypatch.setattr(_tables, "fetch_datasets", fetch)


@pytest.mark.parametrize(
    "load, counts",
    [
        (fetch_mammography, (10_923, 260)),
        (fetch_webpage, (33_799, 981)),
        (fetch_optical_digits, (5066, 554)),
    ],
)
def test_imbalanced_learn_has_what_is_not_in_the_folder(load, counts, monkeypatch, cache):
    collection(monkeypatch, cache, counts)
    assert tuple(np.bincount(load(return_X_y=True)[1])) == counts
    collection(monkeypatch, cache, (counts[0], counts[1] + 1))
    with pytest.raises(ValueError, match=rf"zenodo is damaged .*not {{0: {counts[0]}, 1"):
        load()


@pytest.mark.parametrize(
    "load, own",
    [
        (fetch_mammography, "mammography.csv"),
        (fetch_webpage, "w7a.txt.gz and w7a.test.txt.gz"),
        (fetch_optical_digits, ""),
    ],
)
def test_without_the_collection_the_error_says_where_it_looked(load, own, tmp_path):
    (tmp_path / "own").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"not in .*xdg/imbdeep/zenodo.*no network"
    ) as caught:
        load(data_home=tmp_path / "own")
    assert own in str(caught.value)
    assert (str(tmp_path / "own") in str(caught.value)) == bool(own)
    assert "Try again with download=True" in str(caught.value)


def test_half_a_collection_is_named(monkeypatch):
    def fetch(**kwargs):
        raise zipfile.BadZipFile("File is not a zip file")

    monkeypatch.setattr(_tables, "fetch_datasets", fetch)
    with pytest.raises(ValueError, match=r"zenodo is damaged .*delete or replace it"):
        fetch_optical_digits()


def test_bundled_digits_need_nothing(monkeypatch):
    bunch = fetch_optical_digits(source="bundled", download=False)
    assert bunch.data.shape == (1797, 64)
    assert np.bincount(bunch.target).tolist() == [1623, 174]
    assert bunch.image_shape == (1, 8, 8)
    with pytest.raises(ValueError, match="source='sklearn' is none of"):
        fetch_optical_digits(source="sklearn")


@pytest.mark.parametrize(
    "real, load, shape, minority",
    [
        ("musk2", fetch_musk2, (6598, 166), 1017),
        ("isolet", fetch_isolet, (7797, 617), 600),
        ("water_quality", fetch_water_quality, (7996, 20), 912),
        ("mammography", fetch_mammography, (11_183, 6), 260),
        ("webpage", fetch_webpage, (34_780, 300), 981),
    ],
    indirect=["real"],
)
def test_real_tables_have_their_counts(real, load, shape, minority):
    bunch = load(data_home=real, download=False)
    assert bunch.data.shape == shape
    assert np.bincount(bunch.target).tolist() == [shape[0] - minority, minority]
    assert len(bunch.feature_names) == shape[1]
    assert np.isfinite(bunch.data).all()


@pytest.mark.parametrize("real", ["isolet"], indirect=True)
def test_letters_are_of_nearly_one_size(real):
    counts = np.bincount(fetch_isolet(letters=True, data_home=real).target)
    assert counts.tolist() == [300] * 5 + [298] + [300] * 6 + [299] + [300] * 13


@pytest.mark.parametrize("real", ["water_quality"], indirect=True)
def test_the_local_water_is_what_would_be_downloaded(real, server):
    content = (real / "water_quality" / "waterQuality1.csv").read_bytes()
    server[0][_tables._WATER.urls[0]] = content
    assert fetch_water_quality().data.shape == (7996, 20)

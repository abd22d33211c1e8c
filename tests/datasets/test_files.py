"""Where files are looked for, and downloads that go well, wrong or half-way."""

import gzip
import hashlib
import re

import numpy as np
import pytest

from imbdeep.datasets._files import REMOTES, Files, arrays_of, cache_folder, content_of

CONTENT = b"some rows\n" * 100
URL, MIRROR = "https://one.example/f.csv", "https://two.example/f.csv"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def remote(monkeypatch):
    monkeypatch.setitem(REMOTES, "set/f.csv", (SHA256, [URL, MIRROR]))


def get(data_home=None, *, download=True):
    return Files(data_home, download).get("set/f.csv")


def everything_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_what_can_be_downloaded_has_addresses_and_most_of_it_a_checksum():
    assert all(url.startswith("http") for _, urls in REMOTES.values() for url in urls)
    unchecked = [name for name, (checksum, _) in REMOTES.items() if checksum is None]
    assert unchecked == ["reuters_r52/reuters21578.tar.gz"]
    kinds = [re.fullmatch("md5:[0-9a-f]{32}|[0-9a-f]{64}", c) for c, _ in REMOTES.values() if c]
    assert all(kinds)


def test_own_folder_goes_before_the_variable_and_that_before_the_cache(
    tmp_path, cache, monkeypatch, write
):
    own, variable = (write(tmp_path / name, "set/f.csv", "mine") for name in ("own", "variable"))
    write(cache, "set/f.csv", "cached")
    assert cache_folder() == cache
    assert get() == cache / "set" / "f.csv"
    monkeypatch.setenv("IMBDEEP_DATA", str(variable))
    assert get() == variable / "set" / "f.csv"
    assert get(str(own)) == own / "set" / "f.csv"
    (own / "set" / "f.csv").unlink()
    assert get(own) == cache / "set" / "f.csv"  # not that of the variable
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get("~/variable") == variable / "set" / "f.csv"


@pytest.mark.parametrize(
    "asked, there", [("a.gz", "a"), ("a", "a.gz"), ("a", "a"), ("a.gz", "a.gz")]
)
def test_a_file_may_be_gzipped_or_not(tmp_path, asked, there, write):
    content = gzip.compress(CONTENT) if there.endswith(".gz") else CONTENT
    path = Files(write(tmp_path, f"set/{there}", content), False).find(f"set/{asked}")
    assert path.name == there
    assert content_of(path) == CONTENT


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"data_home='.*nowhere' is no folder: name the"):
        get(tmp_path / "nowhere")
    monkeypatch.setenv("IMBDEEP_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"IMBDEEP_DATA=.*nowhere is no folder"):
        get()


def test_a_download_is_kept_and_the_own_folder_only_read(server, cache, tmp_path):
    server[URL] = CONTENT
    own = tmp_path / "own"
    own.mkdir()
    path = get(own)
    assert path == cache / "set" / "f.csv"
    assert path.read_bytes() == CONTENT
    assert get() == get(download=False) == path
    assert server.asked == [URL]
    assert everything_in(cache) == ["f.csv"]
    assert not list(own.iterdir())


def test_another_address_is_tried_where_one_gives_another_file(server):
    server.update({URL: b"<html>Welcome</html>", MIRROR: CONTENT})
    assert get().read_bytes() == CONTENT
    assert server.asked == [URL, MIRROR]


@pytest.mark.parametrize(
    "answer, why",
    [
        (None, "no network"),
        (b"<html>Welcome</html>", f"expected {SHA256}"),
        (ConnectionResetError("gone"), "gone"),
        (TimeoutError("slow"), "slow"),
    ],
)
def test_a_failed_download_leaves_nothing_and_says_what_to_do(server, cache, tmp_path, answer, why):
    own = tmp_path / "own"
    own.mkdir()
    server.update({} if answer is None else {URL: answer})
    with pytest.raises(FileNotFoundError) as caught:
        get(own)
    places = (str(own / "set" / "f.csv"), str(cache / "set" / "f.csv"))
    for part in (*places, URL, MIRROR, why, "into a folder 'set'", "IMBDEEP_DATA"):
        assert part in str(caught.value)
    assert everything_in(cache) == []


def test_without_a_download_the_error_names_the_address(server):
    with pytest.raises(FileNotFoundError, match=f"download=False forbids fetching it from {URL}"):
        get(download=False)
    assert server.asked == []


def test_pickled_objects_are_not_loaded(tmp_path, write):
    write(tmp_path, "a.npz", {"X": np.array([{"any": "thing"}], dtype=object), "y": np.arange(2)})
    (y,) = arrays_of(tmp_path / "a.npz", "y")
    assert y.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"a.npz is damaged .*allow_pickle=False"):
        arrays_of(tmp_path / "a.npz", "X")
    with pytest.raises(ValueError, match=r"a.npz is damaged .*z"):
        arrays_of(tmp_path / "a.npz", "z")

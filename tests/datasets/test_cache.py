"""Where files are looked for, and downloads that go well, wrong or half-way."""

import gzip
import hashlib
import os
from collections import Counter

import numpy as np
import pytest

from imbdeep.datasets._cache import (
    Remote,
    arrays_of,
    as_bunch,
    cache_folder,
    check_choice,
    check_counts,
    content_of,
    find,
    obtain,
    places,
    write_whole,
)

CONTENT = b"some rows\n" * 100
URL, MIRROR = "https://one.example/f.csv", "https://two.example/f.csv"


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


MD5 = md5(CONTENT)


def fetch(data_home=None, *, urls=(URL,), checksum=MD5, download=True):
    files = {"f.csv": Remote(urls, checksum)}
    (path,) = obtain("set", files, data_home=data_home, download=download)
    return path


def everything_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def put(folder, content=b"mine"):
    (folder / "set").mkdir(parents=True)
    (folder / "set" / "f.csv").write_bytes(content)
    return folder


def test_cache_is_where_the_desktop_keeps_caches(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "xdg" / "imbdeep"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "imbdeep"


def test_own_folder_goes_before_the_variable_and_that_before_the_cache(
    tmp_path, cache, monkeypatch
):
    own, variable = put(tmp_path / "own"), put(tmp_path / "variable")
    assert places(None) == [cache]
    monkeypatch.setenv("IMBDEEP_DATA", str(variable))
    assert places(None) == [variable, cache]
    assert places(str(own)) == [own, cache]
    put(cache, b"cached")
    assert fetch() == variable / "set" / "f.csv"
    assert fetch(own) == own / "set" / "f.csv"
    (own / "set" / "f.csv").unlink()
    assert fetch(own) == cache / "set" / "f.csv"  # not that of the variable


@pytest.mark.parametrize(
    "asked, there", [("a.gz", "a"), ("a", "a.gz"), ("a", "a"), ("a.gz", "a.gz")]
)
def test_a_file_may_be_gzipped_or_not(tmp_path, asked, there):
    (tmp_path / "set").mkdir()
    content = gzip.compress(CONTENT) if there.endswith(".gz") else CONTENT
    (tmp_path / "set" / there).write_bytes(content)
    path = find("set", asked, tmp_path)
    assert path.name == there
    assert content_of(path) == CONTENT


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"data_home='.*nowhere' is no folder: name the"):
        places(tmp_path / "nowhere")
    monkeypatch.setenv("IMBDEEP_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"IMBDEEP_DATA=.*nowhere is no folder"):
        places(None)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "rows").mkdir()
    assert places("~/rows") == [tmp_path / "rows", cache]


def test_a_download_is_kept(server, cache):
    answers, asked = server
    answers[URL] = CONTENT
    path = fetch()
    assert path == cache / "set" / "f.csv"
    assert path.read_bytes() == CONTENT
    assert fetch() == fetch(download=False) == path
    assert asked == [URL]
    assert everything_in(cache) == ["f.csv"]


def test_the_checksum_may_be_that_of_what_is_compressed(server):
    server[0][URL] = gzip.compress(CONTENT, mtime=1)
    assert content_of(fetch()) == CONTENT


def test_a_wrong_checksum_leaves_nothing(server, cache):
    server[0][URL] = b"<html>Welcome</html>"
    with pytest.raises(FileNotFoundError) as caught:
        fetch()
    for part in (URL, md5(b"<html>Welcome</html>"), MD5):
        assert part in str(caught.value)
    assert everything_in(cache) == []


def test_another_address_is_tried(server):
    answers, asked = server
    answers |= {URL: b"rotten", MIRROR: CONTENT}
    assert fetch(urls=(URL, MIRROR)).read_bytes() == CONTENT
    assert asked == [URL, MIRROR]


@pytest.mark.parametrize("download, why", [(True, "no network"), (False, "download=False")])
def test_without_network_the_error_says_where_it_looked_and_what_to_do(tmp_path, download, why):
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        fetch(own, download=download)
    message = str(caught.value)
    for part in (str(own / "set" / "f.csv"), "xdg/imbdeep/set/f.csv", why, "IMBDEEP_DATA"):
        assert part in message


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), TimeoutError("slow")])
def test_a_download_that_breaks_off_leaves_no_half_file(server, response, cache, error):
    server[0][URL] = response(CONTENT[:500], error=error)
    with pytest.raises(FileNotFoundError, match=str(error)):
        fetch()
    assert everything_in(cache) == []


def test_a_user_who_interrupts_leaves_no_half_file(server, response, cache):
    server[0][URL] = response(CONTENT[:500], error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fetch()
    assert everything_in(cache) == []


def test_fewer_bytes_than_announced_are_refused(server, response, cache):
    server[0][URL] = response(CONTENT[:500], length=1000)
    with pytest.raises(FileNotFoundError, match="broke off after 500 of 1000 bytes"):
        fetch(checksum=None)
    assert everything_in(cache) == []
    server[0][URL] = response(CONTENT, length=1000)
    assert fetch(checksum=None).read_bytes() == CONTENT


def test_the_own_folder_is_only_read(server, tmp_path, cache):
    server[0][URL] = CONTENT
    own = tmp_path / "own"
    (own / "set").mkdir(parents=True)
    for folder in (own / "set", own):
        folder.chmod(0o555)
    assert fetch(own).is_relative_to(cache)
    assert everything_in(own) == []
    assert os.listdir(own / "set") == []


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path, monkeypatch):
    server[0][URL] = CONTENT
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"file/imbdeep/set cannot be written .*XDG_CACHE_HOME"):
        fetch()


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "f"
    write_whole(target, lambda part: part.write_bytes(b"old"))

    def fail(part):
        part.write_bytes(b"new, half")
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        write_whole(target, fail)
    assert target.read_bytes() == b"old"
    assert everything_in(tmp_path) == ["f"]


def test_half_a_gzipped_file_is_damaged(tmp_path):
    path = tmp_path / "f.gz"
    noise = np.random.default_rng(0).bytes(5000)
    path.write_bytes(gzip.compress(noise)[:2000])
    with pytest.raises(ValueError, match=r"f.gz is damaged or another file .*delete or replace it"):
        content_of(path)


def test_pickled_objects_are_not_loaded(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.array([{"any": "thing"}], dtype=object), y=np.arange(2))
    (y,) = arrays_of(tmp_path / "a.npz", "y")
    assert y.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"a.npz is damaged .*allow_pickle=False"):
        arrays_of(tmp_path / "a.npz", "X")
    with pytest.raises(ValueError, match=r"a.npz is damaged .*z"):
        arrays_of(tmp_path / "a.npz", "z")


def test_class_counts_are_compared(tmp_path):
    check_counts(tmp_path, Counter("aab"), {"a": 2, "b": 1})
    with pytest.raises(ValueError, match=r"class counts {'a': 2, 'b': 1}, not {'a': 3}"):
        check_counts(tmp_path, Counter("aab"), {"a": 3})


def test_choices_are_listed():
    check_choice("subset", "train", ("train", "test"))
    with pytest.raises(ValueError, match=r"subset='Train' is none of 'train', 'test'"):
        check_choice("subset", "Train", ("train", "test"))


def test_a_bunch_names_its_columns():
    x, y = np.zeros((3, 2)), np.arange(3)
    given = {"target_names": "abc", "describe": "three rows"}
    bunch = as_bunch(x, y, return_X_y=False, **given)
    assert bunch.data is x
    assert bunch.target is y
    assert (bunch.feature_names, bunch.target_names) == (["f1", "f2"], ["a", "b", "c"])
    assert (bunch.image_shape, bunch.categorical_features) == (None, [])
    assert bunch.DESCR == "three rows"
    assert as_bunch(x, y, return_X_y=True, **given) == (x, y)

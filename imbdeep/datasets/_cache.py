"""Where the files of a data set are: in a folder of the user's, in the cache, or on the network."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

#: Environment variable that names the folder with the user's own copies.
DATA_VARIABLE = "IMBDEEP_DATA"
_TIMEOUT = 60  # seconds without a byte

#: What ``data_home`` may be.
Folder: TypeAlias = str | os.PathLike[str] | None


class Remote(NamedTuple):
    """A file on the network: addresses to try in turn, and the MD5 of its content.

    The MD5 is that of the file as it comes or, for a gzipped one, of what it holds: some servers
    compress anew. None where none is known; then the loader must check what it reads.
    """

    urls: tuple[str, ...]
    md5: str | None


def cache_folder() -> Path:
    """Folder for what is downloaded: ``$XDG_CACHE_HOME/imbdeep``, else ``~/.cache/imbdeep``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imbdeep"


def places(data_home: Folder) -> list[Path]:
    """Folders to look into, in order; the user's own folder is only ever read."""
    own = os.environ.get(DATA_VARIABLE) if data_home is None else data_home
    if not own:
        return [cache_folder()]
    folder = Path(own).expanduser()
    if not folder.is_dir():
        said = f"{DATA_VARIABLE}={own}" if data_home is None else f"data_home={str(own)!r}"
        raise FileNotFoundError(
            f"{said} is no folder: name the one that holds a subfolder for each data set, or leave "
            "it out."
        )
    return [folder, cache_folder()]


def find(dataset: str, name: str, data_home: Folder) -> Path | None:
    """The file ``name`` of a data set, gzipped or not, in the first place that has it."""
    other = name.removesuffix(".gz") if name.endswith(".gz") else f"{name}.gz"
    for place in places(data_home):
        for candidate in (name, other):
            if (path := place / dataset / candidate).is_file():
                return path
    return None


def obtain(
    dataset: str,
    files: Mapping[str, Remote],
    *,
    data_home: Folder,
    download: bool,
) -> list[Path]:
    """The files of a data set, those that are nowhere downloaded into the cache."""
    paths = []
    for name, remote in files.items():
        path = find(dataset, name, data_home)
        if path is None:
            if not download:
                raise missing(dataset, name, data_home, "download=False forbids fetching it")
            path = _download(dataset, name, remote, data_home)
        paths.append(path)
    return paths


def missing(dataset: str, name: str, data_home: Folder, why: str) -> FileNotFoundError:
    """The error that says where a file was looked for, why it could not be had, what to do."""
    looked = " or ".join(str(place / dataset / name) for place in places(data_home))
    return FileNotFoundError(
        f"{dataset}: there is no {looked}, and {why}. Put the file into a folder {dataset!r} and "
        f"name the folder above that one as data_home or in the environment variable "
        f"{DATA_VARIABLE}, or try again with download=True where there is a network."
    )


def _download(dataset: str, name: str, remote: Remote, data_home: Folder) -> Path:
    target = cache_folder() / dataset / name
    failures = []
    for url in remote.urls:
        try:
            write_whole(target, partial(_fetch, url, md5=remote.md5))
            return target
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"{url}: {error}")
    raise missing(dataset, name, data_home, f"downloading failed ({'; '.join(failures)})")


def _fetch(url: str, part: Path, *, md5: str | None) -> None:
    with urlopen(url, timeout=_TIMEOUT) as response, part.open("wb") as file:
        shutil.copyfileobj(response, file)
        length = response.headers.get("Content-Length")
    size = part.stat().st_size
    if length is not None and size != int(length):
        raise ValueError(f"broke off after {size} of {length} bytes")
    if md5 is not None and md5 not in (found := list(_md5s(part))):
        raise ValueError(f"has the MD5 {found[-1]} instead of {md5}")


def _md5s(path: Path) -> Iterable[str]:
    content = path.read_bytes()
    yield hashlib.md5(content, usedforsecurity=False).hexdigest()
    if content[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, EOFError, zlib.error):
            yield hashlib.md5(gzip.decompress(content), usedforsecurity=False).hexdigest()


def write_whole(target: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under another name and rename it at the end: there is no half a file."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
    except OSError as error:
        raise OSError(
            f"{target.parent} cannot be written ({error}): set XDG_CACHE_HOME to a folder for "
            "downloads, or put the file where data_home says."
        ) from error
    os.close(handle)
    part = Path(name)
    try:
        write(part)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def content_of(path: Path) -> bytes:
    """Bytes of a file, decompressed where it is gzipped."""
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, str(error)) from error


def arrays_of(path: Path, *names: str) -> list[NDArray[Any]]:
    """Arrays of an npz file, by their names; pickled objects are refused."""
    try:
        with path.open("rb") as handle, np.load(handle) as file:
            return [file[name] for name in names]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, why: str) -> ValueError:
    """The error for a file that is there and cannot be right."""
    return ValueError(f"{path} is damaged or another file ({why}): delete or replace it.")


def check_counts(path: Path, counts: Mapping[Any, int], expected: Mapping[Any, int]) -> None:
    """Raise unless what was read has the classes that are known, each with its number of rows."""
    if dict(counts) != dict(expected):
        raise damaged(path, f"it has the class counts {dict(counts)}, not {dict(expected)}")


def as_bunch(
    data: Any,
    target: Any,
    *,
    target_names: Iterable[str],
    describe: str,
    return_X_y: bool,
    feature_names: Iterable[str] | None = None,
    image_shape: tuple[int, int, int] | None = None,
    categorical_features: Iterable[str] = (),
) -> Any:
    """What a loader returns: (data, target), or both with their names in a Bunch."""
    if return_X_y:
        return data, target
    if feature_names is None:
        feature_names = (f"f{column}" for column in range(1, data.shape[1] + 1))
    return Bunch(
        data=data,
        target=target,
        feature_names=list(feature_names),
        target_names=list(target_names),
        image_shape=image_shape,
        categorical_features=list(categorical_features),
        DESCR=describe,
    )


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise unless a parameter is one of its values."""
    if value not in (allowed := list(choices)):
        raise ValueError(f"{name}={value!r} is none of {', '.join(map(repr, allowed))}.")

"""Where the files of a data set are: in the user's folder, in the cache, or on the network."""

from __future__ import annotations

import csv
import gzip
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Environment variable that names the folder with the user's own copies.
DATA_VARIABLE = "IMBDEEP_DATA"

#: What ``data_home`` may be.
Folder: TypeAlias = str | os.PathLike[str] | None


def lines_of(name: str, separator: str | None = None) -> list[list[str]]:
    """Return the columns of each line of a table that comes with the package."""
    text = (files("imbdeep.datasets") / name).read_text(encoding="utf-8")
    return [line.split(separator) for line in text.splitlines() if not line.startswith("#")]


#: What can be downloaded, by ``<folder>/<file>``: the checksum, and addresses to try in turn.
REMOTES: dict[str, tuple[str | None, list[str]]] = {
    name: (None if checksum == "-" else checksum, urls)
    for name, checksum, *urls in lines_of("downloads.txt")
}


def cache_folder() -> Path:
    """Folder for downloads, that of the operating system: ``~/.cache/imbdeep`` on Linux."""
    import pooch

    return Path(pooch.os_cache("imbdeep"))


class Files(NamedTuple):
    """Where to look for files. Their names are ``<folder>/<file>``, below one of the places."""

    data_home: Folder
    download: bool

    def places(self) -> list[Path]:
        """Folders to look into, in order. The user's own folder is only read."""
        own = os.environ.get(DATA_VARIABLE) if self.data_home is None else self.data_home
        if not own:
            return [cache_folder()]
        folder = Path(own).expanduser()
        if not folder.is_dir():
            said = f"data_home={str(own)!r}" if self.data_home else f"{DATA_VARIABLE}={own}"
            raise FileNotFoundError(
                f"{said} is no folder: name the one that holds a subfolder for each data set, or "
                "leave it out."
            )
        return [folder, cache_folder()]

    def find(self, name: str) -> Path | None:
        """The file, gzipped or not, in the first place that has it."""
        plain = name.removesuffix(".gz")
        other = plain if plain != name else f"{name}.gz"
        for place in self.places():
            for path in (place / name, place / other):
                if path.is_file():
                    return path
        return None

    def get(self, name: str) -> Path:
        """The file, downloaded into the cache where it is in no place."""
        path = self.find(name)
        if path is not None:
            return path
        if name not in REMOTES:
            raise self.missing(name, "it is on no server")
        checksum, urls = REMOTES[name]
        if not self.download:
            raise self.missing(name, f"download=False forbids fetching it from {urls[0]}")
        import pooch

        target, failures = cache_folder() / name, []
        for url in urls:
            try:  # pooch writes under another name first, so that no half a file is left
                return Path(pooch.retrieve(url, checksum, fname=target.name, path=target.parent))
            except (OSError, ValueError) as error:  # requests raises OSErrors
                failures.append(f"{url}: {error}")
        raise self.missing(name, f"downloading failed ({'; '.join(failures)})")

    def missing(self, name: str, why: str) -> FileNotFoundError:
        """The error that says where a file was looked for, why it is not there, what to do."""
        looked = " or ".join(str(place / name) for place in self.places())
        folder = name.split("/")[0]
        return FileNotFoundError(
            f"{folder}: there is no {looked}, and {why}. Put the file into a folder {folder!r} and "
            "name the folder above that one as data_home or in the environment variable "
            f"{DATA_VARIABLE}, or try again with download=True where there is a network."
        )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file in the error where it cannot be read."""
    try:
        yield
    except (
        *(OSError, KeyError, ValueError, EOFError),
        *(csv.Error, tarfile.TarError, zipfile.BadZipFile, zlib.error),
    ) as error:
        raise damaged(path, str(error)) from error


def content_of(path: Path) -> bytes:
    """Bytes of a file, decompressed where it is gzipped."""
    content = path.read_bytes()
    with reading(path):
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def arrays_of(path: Path, *names: str) -> list[NDArray[Any]]:
    """Arrays of an npz file, by their names; pickled objects are refused."""
    with reading(path), path.open("rb") as handle, np.load(handle) as file:
        return [file[name] for name in names]


def members_of(path: Path, pattern: str) -> dict[str, bytes]:
    """Contents of the files of a tar archive whose names match; nothing is written to the disk."""
    with reading(path), tarfile.open(path) as archive:
        return {
            member.name.rsplit("/", 1)[-1]: file.read()
            for member in archive
            if re.search(pattern, member.name) and (file := archive.extractfile(member))
        }


def damaged(path: Path, why: str) -> ValueError:
    """The error for a file that is there and cannot be right."""
    return ValueError(f"{path} is damaged or another file ({why}): delete or replace it.")


def check_counts(path: Path, counts: Mapping[Any, int], expected: Mapping[Any, int]) -> None:
    """Raise unless what was read has the classes that are known, each with its number of rows."""
    if dict(counts) != dict(expected):
        raise damaged(path, f"it has the class counts {dict(counts)}, not {dict(expected)}")


class Loaded(NamedTuple):
    """What a loader reads: data, labels as numbers from 0, and their names."""

    data: Any
    target: NDArray[np.int64]
    target_names: Iterable[str]
    feature_names: Iterable[str] | None = None
    image_shape: tuple[int, int, int] | None = None
    categorical_features: Iterable[str] = ()


class Dataset(NamedTuple):
    """What reads the files of a data set, and the options of ``fetch`` it takes.

    Options have their values, the default first; ``...`` stands for any value. ``about`` says what
    it is, its shape, where it comes from and its licence.
    """

    load: Callable[..., Loaded]
    options: Mapping[str, tuple[Any, ...]] = MappingProxyType({})
    about: str = ""

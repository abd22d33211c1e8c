"""Tables of numbers with two classes: those of MGVAE and RAE, and Mammography."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from imblearn.datasets import fetch_datasets
from numpy.typing import NDArray
from sklearn.datasets import fetch_openml, load_digits, load_svmlight_file

from imbdeep.datasets._cache import (
    Folder,
    Remote,
    arrays_of,
    as_bunch,
    cache_folder,
    check_choice,
    check_counts,
    content_of,
    damaged,
    find,
    missing,
    obtain,
    places,
    write_whole,
)

_RAW = "https://raw.githubusercontent.com"
_WATER = Remote(
    (
        f"{_RAW}/AhmedNasser1601/WaterQuality/4aa858559d6812f86dd19253db66422c7692af95/"
        "waterQuality2.csv",
    ),
    "93ddb6f0ad5e7ffd7accecd35cb47446",
)
_MAMMOGRAPHY_FILE = "mammography.csv"
_WEBPAGE_FILES = ("w7a.txt.gz", "w7a.test.txt.gz")
#: What may stand in the user's folder, of the tables that imbalanced-learn has.
_OWN_FILES = {"mammography": (_MAMMOGRAPHY_FILE,), "webpage": _WEBPAGE_FILES}
_KEYWORDS = 300


def _from_openml(
    dataset: str, data_id: int, columns: int, dtype: str, data_home: Folder, download: bool
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Arrays X and y of ``<dataset>.npz``, which is made from OpenML where it is nowhere.

    X are the columns called f and a number, y the classes as numbers.
    """
    name = f"{dataset}.npz"
    path = find(dataset, name, data_home)
    if path is None:
        if not download:
            raise missing(dataset, name, data_home, "download=False forbids fetching it")
        try:
            fetched = fetch_openml(data_id=data_id, as_frame=True, cache=False)
        except (OSError, ValueError) as error:
            raise missing(dataset, name, data_home, f"OpenML failed ({error})") from error
        kept = [column for column in fetched.data if re.fullmatch(r"f\d+", column)]
        x = fetched.data[kept].to_numpy(dtype=dtype)
        y = np.asarray([int(str(label).strip("'")) for label in fetched.target])
        if x.shape[1] != columns:
            raise damaged(
                Path(f"OpenML {data_id}"), f"{x.shape[1]} instead of {columns} columns f1, f2, ..."
            )
        path = cache_folder() / dataset / name
        write_whole(path, partial(_save, x=x, y=y))
    x, y = arrays_of(path, "X", "y")
    return x, y.astype(np.int64)


def _save(path: Path, *, x: NDArray[Any], y: NDArray[np.int64]) -> None:
    with path.open("wb") as file:  # np.savez would append .npz to a name
        np.savez_compressed(file, X=x, y=y)


def _from_imblearn(
    dataset: str, wanted: dict[int, int], data_home: Folder, download: bool
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """One of the tables of imbalanced-learn, whose minority is 1."""
    home = cache_folder()
    try:
        fetched = fetch_datasets(
            data_home=str(home), filter_data=(dataset,), download_if_missing=download
        )[dataset]
    except zipfile.BadZipFile as error:
        raise damaged(home / "zenodo", str(error)) from error
    except (OSError, ValueError) as error:
        own = " and ".join(_OWN_FILES.get(dataset, ()))
        raise FileNotFoundError(
            f"{dataset}: imbalanced-learn's collection is not in {home / 'zenodo'}"
            + (f", {own} in none of {', '.join(map(str, places(data_home)))}" if own else "")
            + f" ({error}). Try again with download=True where there is a network"
            + (f", or put the files into a folder {dataset!r} below data_home." if own else ".")
        ) from error
    y = (fetched.target == 1).astype(np.int64)
    check_counts(home / "zenodo", Counter(y.tolist()), wanted)
    return fetched.data, y


def fetch_musk2(
    *, data_home: Folder = None, download: bool = True, return_X_y: bool = False
) -> Any:
    """Load Musk (version 2): molecules in 166 whole numbers, 1017 musks among 6598.

    Read from ``musk2/musk2.npz``, arrays ``X`` and ``y`` (2 or 1: musk); downloaded from OpenML
    (data set 1116), whose rows may come in another order.

    Parameters
    ----------
    data_home : str or path, default=None
        Folder with a subfolder for each data set, which is only read. None takes the environment
        variable ``IMBDEEP_DATA``. The cache (``~/.cache/imbdeep``) is searched after it.
    download : bool, default=True
        Whether a file that is in neither may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        ``data``, an array of shape (6598, 166); ``target``, 1 for musks; ``feature_names``;
        ``target_names``; ``image_shape``, None; ``categorical_features``, empty; ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded; the message says where it was looked for.
    ValueError
        If a file is damaged.
    """
    x, y = _from_openml("musk2", 1116, 166, "int16", data_home, download)
    return as_bunch(
        x,
        (y == y.max()).astype(np.int64),  # 2 of 1 and 2, 1 of 0 and 1
        target_names=("no musk", "musk"),
        describe="Musk, version 2 (UCI): shapes of molecules, musks and others.",
        return_X_y=return_X_y,
    )


def fetch_isolet(
    *,
    letters: bool = False,
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
) -> Any:
    """Load Isolet: spoken letters in 617 numbers, A and B (600 rows) against the rest (7197).

    Read from ``isolet/isolet.npz``, arrays ``X`` and ``y`` (1 to 26); downloaded from OpenML (data
    set 300), whose rows may come in another order.

    Parameters
    ----------
    letters : bool, default=False
        Whether the target is the letter, one of 26 classes of about 300 rows.
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_musk2`.
    download : bool, default=True
        Whether a file that is not there may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_musk2`: ``data`` in [-1, 1], and ``target`` 1 for A and B, or the number
        of the letter from 0.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    x, y = _from_openml("isolet", 300, 617, "float32", data_home, download)
    alphabet = [chr(ord("A") + code) for code in range(26)]
    return as_bunch(
        x,
        y - 1 if letters else (y <= 2).astype(np.int64),
        target_names=alphabet if letters else ("C to Z", "A or B"),
        describe="Isolet (UCI): spoken letters.",
        return_X_y=return_X_y,
    )


def fetch_water_quality(
    *, data_home: Folder = None, download: bool = True, return_X_y: bool = False
) -> Any:
    """Load Water Quality: 20 measurements, 912 safe waters among 7996.

    Read from ``water_quality/waterQuality1.csv``; downloaded from a copy on GitHub and checked by
    its MD5. The data are artificial. The three rows without a label are dropped, as MGVAE does.

    Parameters
    ----------
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_musk2`.
    download : bool, default=True
        Whether a file that is not there may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_musk2`; ``target`` is 1 for safe water.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    import pandas as pd

    (path,) = obtain(
        "water_quality", {"waterQuality1.csv": _WATER}, data_home=data_home, download=download
    )
    frame = pd.read_csv(io.BytesIO(content_of(path)), na_values="#NUM!").dropna()
    if "is_safe" not in frame:
        raise damaged(path, "it has no column is_safe")
    features = frame.drop(columns="is_safe")
    return as_bunch(
        features.to_numpy(dtype=np.float64),
        (frame["is_safe"].to_numpy() == 1).astype(np.int64),
        feature_names=map(str, features.columns),
        target_names=("unsafe", "safe"),
        describe="Water Quality (Kaggle, mssmartypants): artificial measurements of water.",
        return_X_y=return_X_y,
    )


def fetch_mammography(
    *, data_home: Folder = None, download: bool = True, return_X_y: bool = False
) -> Any:
    """Load Mammography: spots in six numbers, 260 calcifications among 11 183.

    Read from ``mammography/mammography.csv``, the label in its last column; else from
    imbalanced-learn's :func:`~imblearn.datasets.fetch_datasets`, whose rows may come in another
    order.

    Parameters
    ----------
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_musk2`.
    download : bool, default=True
        Whether imbalanced-learn may download its collection into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_musk2`; ``target`` is 1 for calcifications.

    Raises
    ------
    FileNotFoundError
        If the data are nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    import pandas as pd

    path = find("mammography", _MAMMOGRAPHY_FILE, data_home)
    if path is None:
        x, y = _from_imblearn("mammography", {0: 10_923, 1: 260}, data_home, download)
    else:
        frame = pd.read_csv(io.BytesIO(content_of(path)), header=None, quotechar="'")
        x = frame.iloc[:, :-1].to_numpy(dtype=np.float64)
        y = (frame.iloc[:, -1].to_numpy() == 1).astype(np.int64)
    return as_bunch(
        x,
        y,
        target_names=("no calcification", "calcification"),
        describe="Mammography (Woods et al. 1993; OpenML 310): spots of mammograms.",
        return_X_y=return_X_y,
    )


def fetch_webpage(
    *, data_home: Folder = None, download: bool = True, return_X_y: bool = False
) -> Any:
    """Load Webpage: 300 keywords present or absent, 981 pages of a category among 34 780.

    Read from LIBSVM's ``webpage/w7a.txt.gz`` and ``w7a.test.txt.gz``: both parts without repeated
    lines, which are exactly the rows of imbalanced-learn's ``webpage``. Where they are missing,
    that one is taken, whose rows come in another order.

    Parameters
    ----------
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_musk2`.
    download : bool, default=True
        Whether imbalanced-learn may download its collection into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_musk2`; ``data`` of float32, ``target`` 1 for pages of the category.

    Raises
    ------
    FileNotFoundError
        If the data are nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    paths = [find("webpage", name, data_home) for name in _WEBPAGE_FILES]
    found = [path for path in paths if path is not None]
    if len(found) == len(paths):
        lines: dict[bytes, None] = {}  # a dict keeps the order, so that a seed draws the same rows
        for path in found:
            lines |= dict.fromkeys(content_of(path).split(b"\n"))
        content = io.BytesIO(b"\n".join(line for line in lines if line.strip()))
        sparse, labels = load_svmlight_file(content, n_features=_KEYWORDS, dtype=np.float32)
        x, y = sparse.toarray(), (labels == 1).astype(np.int64)
    else:
        x, y = _from_imblearn("webpage", {0: 33_799, 1: 981}, data_home, download)
    return as_bunch(
        x.astype(np.float32, copy=False),
        y,
        feature_names=(f"keyword{i}" for i in range(1, _KEYWORDS + 1)),
        target_names=("other", "category"),
        describe="Webpage (Platt 1998; LIBSVM w7a): keywords of pages.",
        return_X_y=return_X_y,
    )


def fetch_optical_digits(
    *,
    source: str = "imblearn",
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
) -> Any:
    """Load Optical digits: handwritten digits in 8 x 8 counts, 554 eights among 5620.

    Parameters
    ----------
    source : {"imblearn", "bundled"}, default="imblearn"
        ``"imblearn"`` takes all rows from :func:`~imblearn.datasets.fetch_datasets`. ``"bundled"``
        takes the 1797 of them that come with scikit-learn, 174 of which are eights; it needs no
        network and is only taken on demand, because it is another data set.
    data_home : str or path, default=None
        Only named in errors: imbalanced-learn keeps its collection in the cache.
    download : bool, default=True
        Whether imbalanced-learn may download its collection into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_musk2`; ``target`` is 1 for the digit 8, and ``image_shape`` (1, 8, 8).

    Raises
    ------
    FileNotFoundError
        If the data are nowhere and cannot be downloaded.
    ValueError
        If ``source`` is none of the two.

    Examples
    --------
    >>> from imbdeep.datasets import fetch_optical_digits
    >>> digits = fetch_optical_digits(source="bundled")
    >>> digits.data.shape, int(digits.target.sum())
    ((1797, 64), 174)
    """
    check_choice("source", source, ("imblearn", "bundled"))
    if source == "bundled":
        x, labels = load_digits(return_X_y=True)
        y = (labels == 8).astype(np.int64)
    else:
        x, y = _from_imblearn("optical_digits", {0: 5066, 1: 554}, data_home, download)
    return as_bunch(
        x,
        y,
        target_names=("another digit", "8"),
        image_shape=(1, 8, 8),
        describe=f"Optical recognition of handwritten digits (UCI), {source}.",
        return_X_y=return_X_y,
    )

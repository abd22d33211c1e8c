"""Tables of two classes: of numbers, those of MGVAE and RAE; of numbers and categories, UCI's."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imblearn.datasets
import numpy as np
import sklearn.datasets
from numpy.typing import NDArray

from imbdeep.datasets._files import (
    Dataset,
    Files,
    Loaded,
    arrays_of,
    cache_folder,
    check_counts,
    content_of,
    damaged,
    reading,
)

if TYPE_CHECKING:
    import pandas as pd

_KEYWORDS = 300
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _openml(
    files: Files, name: str, data_id: int, columns: int, dtype: str
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Arrays X and y of an npz file, which is made from OpenML where it is in no place.

    X are the columns called f and a number, y the classes as numbers.
    """
    path = files.find(name)
    if path is None:
        if not files.download:
            raise files.missing(name, f"download=False forbids fetching data set {data_id}, OpenML")
        try:
            fetched = sklearn.datasets.fetch_openml(data_id=data_id, as_frame=True, cache=False)
        except (OSError, ValueError) as error:
            raise files.missing(name, f"OpenML failed ({error})") from error
        kept = [column for column in fetched.data if re.fullmatch(r"f\d+", column)]
        if len(kept) != columns:
            raise damaged(
                Path(f"OpenML {data_id}"), f"{len(kept)} instead of {columns} columns f1, f2, ..."
            )
        path = cache_folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npz")  # renamed when it is whole
        np.savez_compressed(
            part,
            X=fetched.data[kept].to_numpy(dtype=dtype),
            y=np.asarray([int(str(label).strip("'")) for label in fetched.target]),
        )
        part.replace(path)
    x, y = arrays_of(path, "X", "y")
    return x, y.astype(np.int64)


def _musk2(files: Files) -> Loaded:
    x, y = _openml(files, "musk2/musk2.npz", 1116, 166, "int16")
    # 2 of 1 and 2 in the file, 1 of 0 and 1 from OpenML
    return Loaded(x, (y == y.max()).astype(np.int64), ("no musk", "musk"))


def _isolet(files: Files, letters: bool) -> Loaded:
    x, y = _openml(files, "isolet/isolet.npz", 300, 617, "float32")
    if letters:
        return Loaded(x, y - 1, _LETTERS)
    return Loaded(x, (y <= 2).astype(np.int64), ("C to Z", "A or B"))


def _collection(
    files: Files, number: int, name: str, expected: dict[int, int], own: str | None = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """One of the tables of imbalanced-learn, whose minority is 1; ``own`` could be there instead.

    imbalanced-learn keeps its collection, an npz file each, in a folder ``zenodo``.
    """
    file = f"zenodo/x{number}data.npz"
    path = files.find(file) or cache_folder() / file
    try:
        fetched = imblearn.datasets.fetch_datasets(
            data_home=str(path.parents[1]), filter_data=(name,), download_if_missing=files.download
        )[name]
    except zipfile.BadZipFile as error:
        raise damaged(path, str(error)) from error
    except (OSError, ValueError) as error:
        why = f"imbalanced-learn's collection is not in {path.parent} ({error})"
        raise files.missing(own or file, why) from error
    y = (fetched.target == 1).astype(np.int64)
    check_counts(path, Counter(y.tolist()), expected)
    return fetched.data, y


def _mammography(files: Files) -> Loaded:
    own = "mammography/mammography.csv"
    path = files.find(own)
    if path is None:
        x, y = _collection(files, 25, "mammography", {0: 10_923, 1: 260}, own)
    else:
        frame = _read(path, header=None, quotechar="'")
        x = frame.iloc[:, :-1].to_numpy(dtype=np.float64)
        y = (frame.iloc[:, -1].to_numpy() == 1).astype(np.int64)
    return Loaded(x, y, ("no calcification", "calcification"))


def _webpage(files: Files) -> Loaded:
    """LIBSVM's two parts without repeated lines are the rows of imbalanced-learn's webpage."""
    own = "webpage/w7a.txt.gz"
    paths = [files.find(name) for name in (own, "webpage/w7a.test.txt.gz")]
    if None in paths:
        x, y = _collection(files, 23, "webpage", {0: 33_799, 1: 981}, f"{own} and w7a.test.txt.gz")
    else:
        lines: dict[bytes, None] = {}  # a dict keeps the order, so that a seed draws the same rows
        for path in filter(None, paths):
            lines |= dict.fromkeys(content_of(path).split(b"\n"))
        content = io.BytesIO(b"\n".join(line for line in lines if line.strip()))
        sparse, labels = sklearn.datasets.load_svmlight_file(
            content, n_features=_KEYWORDS, dtype=np.float32
        )
        x, y = sparse.toarray(), (labels == 1).astype(np.int64)
    names = [f"keyword{i}" for i in range(1, _KEYWORDS + 1)]
    return Loaded(x.astype(np.float32, copy=False), y, ("other", "category"), names)


def _optical_digits(files: Files, source: str) -> Loaded:
    if source == "bundled":
        x, digits = sklearn.datasets.load_digits(return_X_y=True)
        y = (digits == 8).astype(np.int64)
    else:
        x, y = _collection(files, 2, "optical_digits", {0: 5066, 1: 554})
    return Loaded(x, y, ("another digit", "8"), image_shape=(1, 8, 8))


def _read(path: Path, **options: Any) -> pd.DataFrame:
    import pandas as pd

    content = content_of(path)
    with reading(path):
        return pd.read_csv(io.BytesIO(content), **options)


def _water_quality(files: Files) -> Loaded:
    """MGVAE drops the rows without a label too."""
    path = files.get("water_quality/waterQuality1.csv")
    frame = _read(path, na_values="#NUM!").dropna()
    if "is_safe" not in frame:
        raise damaged(path, "it has no column is_safe")
    x = frame.drop(columns="is_safe")
    y = (frame["is_safe"].to_numpy() == 1).astype(np.int64)
    return Loaded(x.to_numpy(dtype=np.float64), y, ("unsafe", "safe"), map(str, x.columns))


def _mixed(
    files: Files,
    subset: str = "train",
    *,
    names: Sequence[str],
    columns: str,
    minority: tuple[Any, ...],
    target_names: tuple[str, str],
    header: int | None = None,
) -> Loaded:
    """Comma-separated rows, ``?`` for missing, of the training part and perhaps a test part.

    ``columns`` are the file's columns, with a * behind categories and a = behind the label.
    """
    import pandas as pd

    marked = columns.split()
    plain = [column.rstrip("*=") for column in marked]
    categories = [column[:-1] for column in marked if column.endswith("*")]
    (label,) = (column[:-1] for column in marked if column.endswith("="))
    parts = []
    for path in [files.get(name) for name in names]:
        part = _read(path, header=header, skipinitialspace=True, na_values="?")
        if part.shape[1] != len(plain):
            raise damaged(path, f"it has {part.shape[1]} instead of {len(plain)} columns")
        if header is not None and list(part.columns) != plain:
            raise damaged(path, f"its columns are not {', '.join(plain)}")
        parts.append(part.set_axis(plain, axis=1))
    # All parts together, so that a level that one of them lacks is a level of both.
    whole = pd.concat(parts, ignore_index=True).astype(dict.fromkeys(categories, "category"))
    n_train = len(parts[0])
    frame = (whole[:n_train] if subset == "train" else whole[n_train:]).reset_index(drop=True)
    y = frame[label].isin(minority).to_numpy().astype(np.int64)
    return Loaded(
        frame.drop(columns=label), y, target_names, frame.columns.drop(label), None, categories
    )


def _mixed_dataset(columns: str, names: Sequence[str], **how: Any) -> Dataset:
    options = {"subset": ("train", "test")} if len(names) > 1 else {}
    return Dataset(partial(_mixed, columns=columns, names=names, **how), options)


TABLES = {
    "musk2": Dataset(_musk2),
    "isolet": Dataset(_isolet, {"letters": (False, True)}),
    "water_quality": Dataset(_water_quality),
    "mammography": Dataset(_mammography),
    "webpage": Dataset(_webpage),
    "optical_digits": Dataset(_optical_digits, {"source": ("imblearn", "bundled")}),
    "adult": _mixed_dataset(
        """
        age workclass* fnlwgt education* education-num marital-status* occupation* relationship*
        race* sex* capital-gain capital-loss hours-per-week native-country* income=
        """,
        ("adult/adult-train.csv", "adult/adult-test.csv"),
        minority=(">50K", ">50K."),  # the test part's labels end in a full stop
        target_names=("<=50K", ">50K"),
    ),
    "credit_default": _mixed_dataset(
        """
        LIMIT_BAL SEX* EDUCATION* MARRIAGE* AGE PAY_0 PAY_2 PAY_3 PAY_4 PAY_5 PAY_6 BILL_AMT1
        BILL_AMT2 BILL_AMT3 BILL_AMT4 BILL_AMT5 BILL_AMT6 PAY_AMT1 PAY_AMT2 PAY_AMT3 PAY_AMT4
        PAY_AMT5 PAY_AMT6 default=
        """,
        ("credit_default/default_credit_card_clients.csv",),
        minority=(1,),
        target_names=("paid", "default"),
        header=0,
    ),
    "german_credit": _mixed_dataset(
        """
        status* duration credit_history* purpose* amount savings* employment* installment_rate
        personal_status* other_debtors* residence_since property* age other_installments* housing*
        existing_credits job* dependents telephone* foreign_worker* label=
        """,
        ("german_credit/german.csv",),
        minority=(2,),
        target_names=("good", "bad"),
    ),
    "hypothyroid": _mixed_dataset(
        """
        label= age sex* on_thyroxine* query_on_thyroxine* on_antithyroid_medication*
        thyroid_surgery* query_hypothyroid* query_hyperthyroid* pregnant* sick* tumor* lithium*
        goitre* TSH_measured* TSH T3_measured* T3 TT4_measured* TT4 T4U_measured* T4U FTI_measured*
        FTI TBG_measured* TBG
        """,
        ("hypothyroid/hypothyroid.data",),
        minority=("hypothyroid",),
        target_names=("negative", "hypothyroid"),
    ),
}

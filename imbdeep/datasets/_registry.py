"""The data sets by their names, and the function that loads them."""

from __future__ import annotations

from typing import Any

from sklearn.utils import Bunch

from imbdeep.datasets._files import Dataset, Files, Folder, lines_of
from imbdeep.datasets._images import IMAGES
from imbdeep.datasets._tables import TABLES
from imbdeep.datasets._texts import TEXTS

#: What :func:`fetch` loads, by name. ``about`` names the shape, the source and the licence.
DATASETS: dict[str, Dataset] = {
    name: {**IMAGES, **TABLES, **TEXTS}[name]._replace(about=about)
    for name, about in lines_of("datasets.txt", " | ")
}


def fetch(
    name: str,
    *,
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
    **options: Any,
) -> Any:
    """Load a data set of ``DATASETS``.

    Its files are looked for in the user's folder, then in the cache (``~/.cache/imbdeep`` on Linux,
    or as ``XDG_CACHE_HOME`` says); then they are downloaded into the cache and compared with their
    checksums.

    Parameters
    ----------
    name : str
        A name of ``DATASETS``, whose ``about`` says what it is, its shape, where it comes from and
        its licence.
    data_home : str or path, default=None
        The user's folder, with a subfolder for each data set, which is only read. None takes the
        environment variable ``IMBDEEP_DATA``.
    download : bool, default=True
        Whether a file that is in neither place may be downloaded.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.
    **options
        Options of some data sets:

        - ``subset="train"``, ``"test"`` or, of "twitter_pos", ``"dev"``: the part of the release.
        - ``source``, of "cifar10": ``"binary"`` (the default) or ``"jpeg"``, lossy files of a local
          copy (``cifar10_jpeg/train.npz`` and ``test.npz``, arrays ``jpeg``, ``offsets`` and
          ``y``), whose training part may hold fewer images.
        - ``source``, of "optical_digits": ``"imblearn"`` (the default) or ``"bundled"``, the 1797
          rows that come with scikit-learn.
        - ``choose``, of "cifar10": a function that takes the labels of the subset and returns the
          positions of the images to keep, in order. Only these JPEG files are decoded.
        - ``letters=True``, of "isolet": the target is the letter, one of 26 classes.
        - ``as_text=True``, of "reuters36": ``data`` holds the texts instead of the words.

    Returns
    -------
    Bunch or tuple
        ``data``, an array of shape (n_samples, n_features), or a DataFrame where there are
        ``categorical_features``, whose columns have the dtype category and NaN where a value is
        missing; ``target``, classes as numbers from 0, of two classes the minority 1;
        ``feature_names``; ``target_names``; ``image_shape``, (channels, height, width) or None;
        ``categorical_features``; ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded; the message says where it was looked for and
        where to put it.
    TypeError
        If the data set does not take an option.
    ValueError
        If the name or the value of an option is unknown, or a file is damaged.

    Examples
    --------
    >>> from imbdeep.datasets import fetch, make_imbalanced
    >>> digits = fetch("optical_digits", source="bundled")
    >>> digits.data.shape, int(digits.target.sum()), digits.image_shape
    ((1797, 64), 174, (1, 8, 8))
    >>> X, y = fetch("mnist", return_X_y=True)  # doctest: +SKIP
    >>> X, y = make_imbalanced(X, y, "mnist-4000-40", random_state=0)  # doctest: +SKIP
    """
    if name not in DATASETS:
        raise ValueError(f"name={name!r} is none of {', '.join(map(repr, DATASETS))}.")
    dataset = DATASETS[name]
    for option, value in options.items():
        if option not in dataset.options:
            takes = ", ".join(dataset.options) or "none"
            raise TypeError(f"{name} takes no option {option!r}: it takes {takes}.")
        allowed = dataset.options[option]
        if ... not in allowed and value not in allowed:
            raise ValueError(f"{option}={value!r} is none of {', '.join(map(repr, allowed))}.")
    chosen = {option: values[0] for option, values in dataset.options.items()} | options
    loaded = dataset.load(Files(data_home, download), **chosen)
    if return_X_y:
        return loaded.data, loaded.target
    names = loaded.feature_names
    if names is None:
        names = (f"f{column}" for column in range(1, loaded.data.shape[1] + 1))
    return Bunch(
        data=loaded.data,
        target=loaded.target,
        feature_names=list(names),
        target_names=list(loaded.target_names),
        image_shape=loaded.image_shape,
        categorical_features=list(loaded.categorical_features),
        DESCR=dataset.about,
    )

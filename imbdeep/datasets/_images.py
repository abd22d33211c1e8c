"""Images of ten classes: MNIST, Fashion-MNIST and CIFAR-10."""

from __future__ import annotations

import io
import math
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbdeep.datasets._cache import (
    Folder,
    Remote,
    arrays_of,
    as_bunch,
    check_choice,
    content_of,
    damaged,
    find,
    missing,
    obtain,
)

_IDX_NAMES = {"train": "train", "test": "t10k"}
_GREY_SHAPE = (1, 28, 28)
_COLOUR_SHAPE = (3, 32, 32)

_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
_FASHION_MIRRORS = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
_FASHION_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
_FASHION_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_CIFAR_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_CIFAR_FILE = "cifar-10-binary.tar.gz"
_CIFAR = Remote(
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    "c32a1d4ab5d03f1284b67883e8d87530",
)
_CIFAR_MEMBERS = {
    "train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    "test": ("test_batch.bin",),
}


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an idx file of bytes, gzipped or not.

    Parameters
    ----------
    path : str or path
        The file: two zeros, the type 8 (bytes), the number of dimensions, their sizes as four bytes
        each, the most significant first, and the values.

    Returns
    -------
    ndarray of uint8
        The values.

    Raises
    ------
    ValueError
        If the file is no such file, or is shorter or longer than its sizes say.
    """
    path = Path(path)
    content = content_of(path)
    if len(content) < 4 or content[:3] != b"\x00\x00\x08" or len(content) < 4 + 4 * content[3]:
        raise damaged(path, "it is no idx file of bytes")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content, dtype=">i4", count=content[3], offset=4)
    if len(content) - start != math.prod(map(int, shape)):
        raise damaged(path, f"it has {len(content) - start} bytes for the shape {shape.tolist()}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _idx_images(
    dataset: str,
    subset: str,
    mirrors: tuple[str, ...],
    md5: dict[str, str],
    data_home: Folder,
    download: bool,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    check_choice("subset", subset, _IDX_NAMES)
    files = {
        name: Remote(tuple(mirror + name for mirror in mirrors), its)
        for name, its in md5.items()
        if name.startswith(_IDX_NAMES[subset])
    }
    of_images, of_labels = obtain(dataset, files, data_home=data_home, download=download)
    images, labels = read_idx(of_images), read_idx(of_labels)
    if images.ndim != 3 or images.shape[1:] != _GREY_SHAPE[1:]:
        raise damaged(of_images, f"its shape is {images.shape} instead of (n, 28, 28)")
    if labels.shape != images.shape[:1] or labels.max(initial=0) > 9:
        raise damaged(of_labels, f"it lacks a label from 0 to 9 for each of {len(images)} images")
    return images.reshape(len(images), -1), labels.astype(np.int64)


def fetch_mnist(
    *,
    subset: str = "train",
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
) -> Any:
    """Load MNIST: handwritten digits, 28 x 28 grey pixels.

    Read from four idx files in the folder ``mnist``; downloads are checked by their MD5. MGVAE, RAE
    and GAMO make it imbalanced: see ``PROFILES``.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The 60 000 training images or the 10 000 test images.
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
        ``data``, an array of uint8 from 0 to 255 of shape (n, 784); ``target``, the digits;
        ``feature_names``; ``target_names``; ``image_shape``, (1, 28, 28); ``categorical_features``,
        empty; ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded; the message says where it was looked for.
    ValueError
        If ``subset`` is none of the two, or a file is damaged.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998.

    Examples
    --------
    >>> from imbdeep.datasets import fetch_mnist, make_imbalanced
    >>> X, y = fetch_mnist(return_X_y=True)  # doctest: +SKIP
    >>> X, y = make_imbalanced(X, y, "mnist-4000-40", random_state=0)  # doctest: +SKIP
    """
    data, target = _idx_images("mnist", subset, _MNIST_MIRRORS, _MNIST_MD5, data_home, download)
    return as_bunch(
        data,
        target,
        feature_names=_pixels(_GREY_SHAPE),
        target_names=map(str, range(10)),
        image_shape=_GREY_SHAPE,
        describe="MNIST (LeCun et al. 1998): handwritten digits, 28 x 28 grey pixels, 0 to 255.",
        return_X_y=return_X_y,
    )


def fetch_fashion_mnist(
    *,
    subset: str = "train",
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
) -> Any:
    """Load Fashion-MNIST: ten kinds of clothing, 28 x 28 grey pixels.

    Read from four idx files in the folder ``fashion_mnist``, named as those of MNIST; downloads are
    checked by their MD5.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The 60 000 training images or the 10 000 test images.
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_mnist`.
    download : bool, default=True
        Whether a file that is not there may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        As of :func:`fetch_mnist`; ``target_names`` are the kinds.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If ``subset`` is none of the two, or a file is damaged.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", arXiv 1708.07747, 2017.
    """
    data, target = _idx_images(
        "fashion_mnist", subset, _FASHION_MIRRORS, _FASHION_MD5, data_home, download
    )
    return as_bunch(
        data,
        target,
        feature_names=_pixels(_GREY_SHAPE),
        target_names=_FASHION_NAMES,
        image_shape=_GREY_SHAPE,
        describe="Fashion-MNIST (Xiao et al. 2017): clothing, 28 x 28 grey pixels, 0 to 255.",
        return_X_y=return_X_y,
    )


def fetch_cifar10(
    *,
    subset: str = "train",
    source: str = "binary",
    choose: Callable[[NDArray[np.int64]], NDArray[np.intp]] | None = None,
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
) -> Any:
    """Load CIFAR-10: photographs of ten kinds of things, 32 x 32 coloured pixels.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The 50 000 training images or the 10 000 test images.
    source : {"binary", "jpeg"}, default="binary"
        ``"binary"`` is the authors' binary version, ``cifar10/cifar-10-binary.tar.gz``, checked by
        its MD5 when it is downloaded. ``"jpeg"`` reads JPEG files from ``cifar10_jpeg/train.npz``
        and ``test.npz`` (arrays ``jpeg``, ``offsets`` and ``y``): they are lossy, so this is only
        done on demand, and the training part may hold fewer images. It is not on the network.
    choose : callable, default=None
        Given the labels of the subset, returns the positions of the images to keep, in order. Of
        JPEG files only these are decoded. None keeps all.
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_mnist`.
    download : bool, default=True
        Whether the binary version may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        ``data``, an array of uint8 of shape (n, 3072), red, green and blue one after the other, row
        by row; ``target``, codes of ``target_names``; ``image_shape``, (3, 32, 32); and the rest as
        of :func:`fetch_mnist`.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If ``subset`` or ``source`` is unknown, or a file is damaged.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    check_choice("subset", subset, _CIFAR_MEMBERS)
    check_choice("source", source, ("binary", "jpeg"))
    if source == "binary":
        data, target = _cifar_binary(subset, data_home, download)
        if choose is not None:
            rows = choose(target)
            data, target = data[rows], target[rows]
    else:
        path = find("cifar10_jpeg", f"{subset}.npz", data_home)
        if path is None:
            raise missing(
                "cifar10_jpeg", f"{subset}.npz", data_home, "the JPEG copy is on no server"
            )
        data, target = _cifar_jpeg(path, choose)
    return as_bunch(
        data,
        target,
        feature_names=_pixels(_COLOUR_SHAPE),
        target_names=_CIFAR_NAMES,
        image_shape=_COLOUR_SHAPE,
        describe=f"CIFAR-10 (Krizhevsky 2009), {source}: 32 x 32 pixels, red, green, blue.",
        return_X_y=return_X_y,
    )


def _cifar_binary(
    subset: str, data_home: Folder, download: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A byte of label and 3072 of pixels for each image, straight from the archive."""
    (path,) = obtain("cifar10", {_CIFAR_FILE: _CIFAR}, data_home=data_home, download=download)
    width = 1 + math.prod(_COLOUR_SHAPE)
    parts: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:  # members are read, nothing is extracted to the disk
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if name in _CIFAR_MEMBERS[subset] and (file := archive.extractfile(member)):
                    parts[name] = file.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise damaged(path, str(error)) from error
    absent = [name for name in _CIFAR_MEMBERS[subset] if name not in parts]
    if absent:
        raise damaged(path, f"it lacks {', '.join(absent)}")
    content = b"".join(parts[name] for name in _CIFAR_MEMBERS[subset])
    if len(content) % width:
        raise damaged(path, f"its images are not of {width} bytes each")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, width)
    return records[:, 1:].copy(), records[:, 0].astype(np.int64)


def _cifar_jpeg(
    path: Path, choose: Callable[[NDArray[np.int64]], NDArray[np.intp]] | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    content, offsets, y = arrays_of(path, "jpeg", "offsets", "y")
    y = y.astype(np.int64)
    rows = np.arange(len(y)) if choose is None else choose(y)
    images = [_decoded(content[offsets[i] : offsets[i + 1]].tobytes()) for i in rows]
    return np.stack(images).reshape(len(rows), -1), y[rows]


def _decoded(jpeg: bytes) -> NDArray[np.uint8]:
    from PIL import Image  # comes with matplotlib

    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def _pixels(shape: tuple[int, int, int]) -> list[str]:
    return ["pixel{}_{}_{}".format(*place) for place in np.ndindex(*shape)]

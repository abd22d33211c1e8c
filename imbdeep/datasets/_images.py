"""Images of ten classes: MNIST, Fashion-MNIST and CIFAR-10."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imbdeep.datasets._files import (
    Dataset,
    Files,
    Loaded,
    arrays_of,
    content_of,
    damaged,
    members_of,
)

_GREY_SHAPE = (1, 28, 28)
_COLOUR_SHAPE = (3, 32, 32)


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


def _pixels(shape: tuple[int, int, int]) -> list[str]:
    return ["pixel{}_{}_{}".format(*place) for place in np.ndindex(*shape)]


def _grey(files: Files, subset: str, *, folder: str, target_names: Iterable[str]) -> Loaded:
    part = {"train": "train", "test": "t10k"}[subset]
    of_images = files.get(f"{folder}/{part}-images-idx3-ubyte.gz")
    of_labels = files.get(f"{folder}/{part}-labels-idx1-ubyte.gz")
    images, labels = read_idx(of_images), read_idx(of_labels)
    if images.ndim != 3 or images.shape[1:] != _GREY_SHAPE[1:]:
        raise damaged(of_images, f"its shape is {images.shape} instead of (n, 28, 28)")
    if labels.shape != images.shape[:1] or labels.max(initial=0) > 9:
        raise damaged(of_labels, f"it lacks a label from 0 to 9 for each of {len(images)} images")
    x, y = images.reshape(len(images), -1), labels.astype(np.int64)
    return Loaded(x, y, target_names, _pixels(_GREY_SHAPE), _GREY_SHAPE)


def _cifar10(
    files: Files,
    subset: str,
    source: str,
    choose: Callable[[NDArray[np.int64]], NDArray[np.intp]] | None,
) -> Loaded:
    read = _cifar_binary if source == "binary" else _cifar_jpeg
    x, y = read(files, subset, choose or (lambda y: np.arange(len(y))))
    return Loaded(x, y, _CIFAR.split("|"), _pixels(_COLOUR_SHAPE), _COLOUR_SHAPE)


def _cifar_binary(
    files: Files, subset: str, choose: Callable[..., NDArray[np.intp]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A byte of label and 3072 of pixels for each image, straight from the archive."""
    path = files.get("cifar10/cifar-10-binary.tar.gz")
    batches = [f"data_batch_{i}" for i in range(1, 6)] if subset == "train" else ["test_batch"]
    parts = members_of(path, rf"({'|'.join(batches)})\.bin$")
    absent = [name for batch in batches if (name := f"{batch}.bin") not in parts]
    if absent:
        raise damaged(path, f"it lacks {', '.join(absent)}")
    content = b"".join(parts[f"{batch}.bin"] for batch in batches)
    width = 1 + math.prod(_COLOUR_SHAPE)
    if len(content) % width:
        raise damaged(path, f"its images are not of {width} bytes each")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, width)
    y = records[:, 0].astype(np.int64)
    rows = choose(y)
    return records[rows, 1:], y[rows]


def _cifar_jpeg(
    files: Files, subset: str, choose: Callable[..., NDArray[np.intp]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    content, offsets, y = arrays_of(files.get(f"cifar10_jpeg/{subset}.npz"), "jpeg", "offsets", "y")
    y = y.astype(np.int64)
    rows = choose(y)
    images = [_decoded(content[offsets[i] : offsets[i + 1]].tobytes()) for i in rows]
    return np.stack(images).reshape(len(rows), -1), y[rows]


def _decoded(jpeg: bytes) -> NDArray[np.uint8]:
    from PIL import Image  # comes with matplotlib

    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


_CLOTHES = "T-shirt/top|Trouser|Pullover|Dress|Coat|Sandal|Shirt|Sneaker|Bag|Ankle boot"
_CIFAR = "airplane|automobile|bird|cat|deer|dog|frog|horse|ship|truck"
_SUBSET = {"subset": ("train", "test")}

IMAGES = {
    "mnist": Dataset(partial(_grey, folder="mnist", target_names="0123456789"), _SUBSET),
    "fashion_mnist": Dataset(
        partial(_grey, folder="fashion_mnist", target_names=_CLOTHES.split("|")), _SUBSET
    ),
    "cifar10": Dataset(
        _cifar10,
        {**_SUBSET, "source": ("binary", "jpeg"), "choose": (None, ...)},
    ),
}

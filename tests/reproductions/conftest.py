"""Data folders in the formats of the real one, and the real one where it is."""

import gzip
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def _write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture(scope="session")
def write_mnist():
    """Write so many images of each digit, of random pixels but the first, which is the digit."""

    def write(folder, n_train, n_test):
        folder.mkdir()
        random = np.random.default_rng(0)
        for name, n_each in (("train", n_train), ("t10k", n_test)):
            digits = random.permutation(np.repeat(np.arange(10, dtype=np.uint8), n_each))
            images = random.integers(0, 256, (len(digits), 28, 28), dtype=np.uint8)
            images[:, 0, 0] = digits
            _write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
            _write_idx(folder / f"{name}-labels-idx1-ubyte.gz", digits)

    return write


@pytest.fixture(scope="session")
def write_cifar():
    """Write 20 and 6 images a class, each of one colour: red by class, green by number."""

    def write(folder):
        folder.mkdir()
        for name, n_each in (("train", 20), ("test", 6)):
            y = np.repeat(np.arange(10), n_each)
            jpegs = []
            for i, code in enumerate(y):
                file = io.BytesIO()
                colour = (25 * int(code), 8 * (i % n_each), 0)
                Image.new("RGB", (32, 32), colour).save(file, "JPEG", quality=95)
                jpegs.append(file.getvalue())
            np.savez(
                folder / f"{name}.npz",
                jpeg=np.frombuffer(b"".join(jpegs), dtype=np.uint8),
                offsets=np.cumsum([0, *map(len, jpegs)]),
                y=y,
            )

    return write


@pytest.fixture
def real(request):
    """The folder with the real data; without it the test is skipped."""
    place = os.environ.get("IMBDEEP_DATA")
    if place is None or not (Path(place) / request.param).is_dir():
        pytest.skip(f"needs the real {request.param}: set IMBDEEP_DATA to the folder with the data")
    return Path(place)

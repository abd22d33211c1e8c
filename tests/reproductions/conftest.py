"""Data folders in the formats of the real one."""

import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def write_mnist(idx):
    """Write so many images of each digit, of random pixels but the first, which is the digit."""

    def write(folder, n_train, n_test):
        folder.mkdir()
        random = np.random.default_rng(0)
        for name, n_each in (("train", n_train), ("t10k", n_test)):
            digits = random.permutation(np.repeat(np.arange(10, dtype=np.uint8), n_each))
            images = random.integers(0, 256, (len(digits), 28, 28), dtype=np.uint8)
            images[:, 0, 0] = digits
            (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(idx(images))
            (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(idx(digits))

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


@pytest.fixture(scope="session")
def mgvae_folder(tmp_path_factory, write_mnist):
    """Random rows, in files like those of MGVAE's data sets."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for name in ("musk2", "water_quality", "isolet", "mammography"):
        (root / name).mkdir()
    write_mnist(root / "mnist", 30, 9)
    write_mnist(root / "fashion_mnist", 30, 9)

    x = random.integers(-400, 600, (200, 6)).astype(np.int16)
    y = np.repeat([1, 2], [160, 40])
    np.savez(root / "musk2" / "musk2.npz", X=x, y=y)

    lines = ["aluminium,ammonia,is_safe"]
    lines += [
        f"{a:.2f},{b:.2f},{int(i % 5 == 0)}" for i, (a, b) in enumerate(random.random((200, 2)))
    ]
    lines.insert(7, "0.1,#NUM!,#NUM!")
    (root / "water_quality" / "waterQuality1.csv").write_text("\n".join(lines) + "\n")

    letters = np.tile(np.arange(1, 27), 10)
    features = random.uniform(-1, 1, (260, 5)).astype(np.float32)
    np.savez(root / "isolet" / "isolet.npz", X=features, y=letters, group=np.ones(260))

    rows = [
        f"{a:.8f},{b:.8f},'{1 if i % 10 == 0 else -1}'"
        for i, (a, b) in enumerate(random.standard_normal((300, 2)))
    ]
    (root / "mammography" / "mammography.csv").write_text("\n".join(rows) + "\n")
    return root

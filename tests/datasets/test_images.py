"""Images: small files like the real ones, and damaged ones."""

import hashlib
import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from imbdeep.datasets import fetch
from imbdeep.datasets._files import REMOTES


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)


def labels(n):
    return np.arange(n, dtype=np.uint8) % 10


def grey_files(idx, n=20):
    return {
        f"{part}-{kind}-ubyte.gz": idx(make(n))
        for part in ("train", "t10k")
        for kind, make in (("images-idx3", images), ("labels-idx1", labels))
    }


@pytest.mark.parametrize("subset", ["train", "test"])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_grey_images_are_downloaded_and_checked(name, subset, idx, server, cache, monkeypatch):
    """From the last address, where the others fail; of the asked subset only."""
    part = "train" if subset == "train" else "t10k"
    for file, content in grey_files(idx).items():
        if file.startswith(part):
            checksum, urls = REMOTES[f"{name}/{file}"]
            server[urls[-1]] = content
            with pytest.raises(FileNotFoundError, match=checksum):
                fetch(name, subset=subset)
            mine = f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
            monkeypatch.setitem(REMOTES, f"{name}/{file}", (mine, urls))
    bunch = fetch(name, subset=subset)
    np.testing.assert_array_equal(bunch.data, images(20).reshape(20, 784))
    np.testing.assert_array_equal(bunch.target, labels(20))
    assert (bunch.data.dtype, bunch.target.dtype) == (np.uint8, np.int64)
    assert bunch.image_shape == (1, 28, 28)
    assert len(bunch.feature_names) == len(set(bunch.feature_names)) == 784
    assert len(bunch.target_names) == 10
    files = [path.name for path in (cache / name).iterdir()]
    assert [file.startswith(part) for file in files] == [True, True]


@pytest.mark.parametrize(
    "file, content, message",
    [
        ("images-idx3", b"\x00\x00\x08\x03\x00\x00", "it is no idx file of bytes"),
        ("images-idx3", b"\x00\x00\x0d\x01\x00\x00\x00\x00", "it is no idx file of bytes"),
        ("images-idx3", b"\x00\x00\x08\x01\x00\x00\x00\x03ab", r"2 bytes for the shape \[3\]"),
        ("images-idx3", b"\x00\x00\x08\x01\x00\x00\x00\x02ab", r"\(2,\) instead of \(n, 28, 28\)"),
        ("labels-idx1", b"\x00\x00\x08\x01\x00\x00\x00\x02\x01\x02", "for each of 20 images"),
        ("labels-idx1", b"\x00\x00\x08\x01\x00\x00\x00\x14" + b"\x0a" * 20, "a label from 0 to 9"),
    ],
)
def test_a_wrong_idx_file_is_named(tmp_path, idx, write, file, content, message):
    for name, whole in grey_files(idx).items():
        write(tmp_path, f"mnist/{name}", whole)
    write(tmp_path, f"mnist/train-{file}-ubyte.gz", content)
    with pytest.raises(ValueError, match=f"train-{file}-ubyte.gz is damaged .*{message}"):
        fetch("mnist", data_home=tmp_path)


def batch(n, seed):
    """Records of CIFAR-10: a byte of label, 3072 of pixels."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 10, n, dtype=np.uint8)
    return np.column_stack([y, random.integers(0, 256, (n, 3072), dtype=np.uint8)])


def archive(**changes):
    """CIFAR-10's binary version, in any order: a batch of four images a number."""
    batches = {f"data_batch_{i}": batch(4, seed=i).tobytes() for i in (3, 1, 2, 5, 4)}
    batches |= {"test_batch": batch(4, seed=9).tobytes(), **changes}
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in batches.items():
            if content is not None:
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


CIFAR = "cifar10/cifar-10-binary.tar.gz"


def test_cifar_from_the_binary_version(tmp_path, write):
    write(tmp_path, CIFAR, archive())
    bunch = fetch("cifar10", data_home=tmp_path)
    expected = np.concatenate([batch(4, i) for i in range(1, 6)])
    np.testing.assert_array_equal(bunch.data, expected[:, 1:])
    np.testing.assert_array_equal(bunch.target, expected[:, 0])
    assert bunch.data.flags.c_contiguous
    assert bunch.image_shape == (3, 32, 32)
    assert bunch.target_names[::9] == ["airplane", "truck"]
    options = {"subset": "test", "choose": lambda y: np.array([3, 0])}
    x, y = fetch("cifar10", data_home=tmp_path, return_X_y=True, **options)
    np.testing.assert_array_equal(np.column_stack([y, x]), batch(4, 9)[[3, 0]])


@pytest.mark.parametrize(
    "content, message",
    [
        (archive(data_batch_2=None), "it lacks data_batch_2.bin"),
        (archive(data_batch_2=b"abc"), "its images are not of 3073 bytes each"),
        (b"no archive", ""),
    ],
)
def test_a_wrong_archive_is_named(tmp_path, write, content, message):
    write(tmp_path, CIFAR, content)
    with pytest.raises(ValueError, match=f"cifar-10-binary.tar.gz is damaged .*{message}"):
        fetch("cifar10", data_home=tmp_path)


def test_cifar_from_jpeg_files_on_demand_only(tmp_path, write):
    """Two images a class, each of one colour: red by class."""
    y = np.repeat(np.arange(10, dtype=np.uint8), 2)
    jpegs = []
    for code in y:
        file = io.BytesIO()
        Image.new("RGB", (32, 32), (25 * int(code), 80, 0)).save(file, "JPEG", quality=95)
        jpegs.append(file.getvalue())
    jpeg = np.frombuffer(b"".join(jpegs), dtype=np.uint8)
    arrays = {"jpeg": jpeg, "offsets": np.cumsum([0, *map(len, jpegs)]), "y": y}
    write(tmp_path, "cifar10_jpeg/test.npz", arrays)
    with pytest.raises(FileNotFoundError, match=r"cifar-10-binary\.tar\.gz"):
        fetch("cifar10", subset="test", data_home=tmp_path)
    options = {"subset": "test", "source": "jpeg", "data_home": tmp_path, "return_X_y": True}
    x, y = fetch("cifar10", choose=lambda y: np.flatnonzero(y % 2)[::-1], **options)
    assert (x.shape, x.dtype, y.dtype) == ((10, 3072), np.uint8, np.int64)
    assert y.tolist() == np.repeat([9, 7, 5, 3, 1], 2).tolist()
    for channel, value in ((0, 25 * y), (1, 80), (2, 0)):
        means = x.reshape(-1, 3, 1024)[:, channel].mean(axis=1)
        assert np.abs(means - value).max() < 4
    assert len(fetch("cifar10", **options)[0]) == 20

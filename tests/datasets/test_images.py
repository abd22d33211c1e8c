"""Images: small files like the real ones, damaged ones, and the real ones by their counts."""

import hashlib
import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from imbdeep.datasets import _images, fetch_cifar10, fetch_fashion_mnist, fetch_mnist, read_idx
from imbdeep.datasets._cache import Remote

GREY = {"mnist": fetch_mnist, "fashion_mnist": fetch_fashion_mnist}


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


@pytest.fixture
def folder(tmp_path, idx):
    for name in GREY:
        (tmp_path / "own" / name).mkdir(parents=True)
        for file, content in grey_files(idx).items():
            (tmp_path / "own" / name / file).write_bytes(content)
    return tmp_path / "own"


@pytest.mark.parametrize("subset", ["train", "test"])
@pytest.mark.parametrize("name", GREY)
def test_grey_images_and_their_labels(folder, name, subset):
    bunch = GREY[name](subset=subset, data_home=folder)
    np.testing.assert_array_equal(bunch.data, images(20).reshape(20, 784))
    np.testing.assert_array_equal(bunch.target, labels(20))
    assert (bunch.data.dtype, bunch.target.dtype) == (np.uint8, np.int64)
    assert bunch.image_shape == (1, 28, 28)
    assert len(bunch.feature_names) == len(set(bunch.feature_names)) == 784
    assert len(bunch.target_names) == 10
    assert bunch.categorical_features == []
    assert bunch.DESCR
    x, y = GREY[name](subset=subset, data_home=folder, return_X_y=True)
    np.testing.assert_array_equal(x, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("load", [fetch_mnist, fetch_fashion_mnist, fetch_cifar10])
def test_subsets_are_two(load, folder):
    with pytest.raises(ValueError, match="subset='all' is none of 'train', 'test'"):
        load(subset="all", data_home=folder)


@pytest.mark.parametrize("name", GREY)
def test_grey_images_are_downloaded_and_checked(name, idx, server, cache, monkeypatch):
    """From the last mirror, where the others fail; of the asked subset only."""
    prefix = "FASHION" if name == "fashion_mnist" else "MNIST"
    mirrors, files = getattr(_images, f"_{prefix}_MIRRORS"), grey_files(idx)
    sums = {file: hashlib.md5(files[file]).hexdigest() for file in files}
    assert set(sums) == set(getattr(_images, f"_{prefix}_MD5"))
    server[0].update({mirrors[-1] + file: content for file, content in files.items()})
    with pytest.raises(FileNotFoundError, match="has the MD5"):
        GREY[name]()
    monkeypatch.setattr(_images, f"_{prefix}_MD5", sums)
    np.testing.assert_array_equal(GREY[name]().target, labels(20))
    assert sorted(p.name for p in (cache / name).iterdir()) == [
        f for f in sorted(files) if "train" in f
    ]
    assert GREY[name](download=False).data.shape == (20, 784)


@pytest.mark.parametrize(
    "file, content, message",
    [
        ("images-idx3", b"no idx", "it is no idx file of bytes"),
        ("images-idx3", b"\x00\x00\x08\x03\x00\x00", "it is no idx file of bytes"),
        ("images-idx3", b"\x00\x00\x0d\x01\x00\x00\x00\x00", "it is no idx file of bytes"),
        ("images-idx3", b"\x00\x00\x08\x01\x00\x00\x00\x03ab", r"2 bytes for the shape \[3\]"),
        ("images-idx3", b"\x00\x00\x08\x01\x00\x00\x00\x02ab", r"\(2,\) instead of \(n, 28, 28\)"),
        ("labels-idx1", b"\x00\x00\x08\x01\x00\x00\x00\x02\x01\x02", "for each of 20 images"),
        ("labels-idx1", b"\x00\x00\x08\x01\x00\x00\x00\x14" + b"\x0a" * 20, "a label from 0 to 9"),
    ],
)
def test_a_wrong_idx_file_is_named(folder, file, content, message):
    path = folder / "mnist" / f"train-{file}-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"train-{file}-ubyte.gz is damaged .*{message}"):
        fetch_mnist(data_home=folder)


def test_idx_of_any_shape(tmp_path, idx):
    x = images(3)[:, :4, :5]
    (tmp_path / "x").write_bytes(idx(x))
    np.testing.assert_array_equal(read_idx(tmp_path / "x"), x)


def batch(n, seed):
    """Records of CIFAR-10: a byte of label, 3072 of pixels."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 10, n, dtype=np.uint8)
    return np.column_stack([y, random.integers(0, 256, (n, 3072), dtype=np.uint8)])


def archive(batches):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def whole_archive():
    names = [*(f"data_batch_{i}.bin" for i in (3, 1, 2, 5, 4)), "test_batch.bin"]  # in any order
    return {name: batch(4, seed=int(name[11]) if name[0] == "d" else 9).tobytes() for name in names}


def put_cifar(folder, batches):
    (folder / "cifar10").mkdir(parents=True, exist_ok=True)
    (folder / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(archive(batches))
    return folder


def test_cifar_from_the_binary_version(tmp_path):
    put_cifar(tmp_path, whole_archive())
    bunch = fetch_cifar10(data_home=tmp_path)
    expected = np.concatenate([batch(4, i) for i in range(1, 6)])
    np.testing.assert_array_equal(bunch.data, expected[:, 1:])
    np.testing.assert_array_equal(bunch.target, expected[:, 0])
    assert bunch.image_shape == (3, 32, 32)
    assert bunch.target_names[::9] == ["airplane", "truck"]
    x, y = fetch_cifar10(
        subset="test", data_home=tmp_path, return_X_y=True, choose=lambda y: np.array([3, 0])
    )
    np.testing.assert_array_equal(np.column_stack([y, x]), batch(4, 9)[[3, 0]])


def test_cifar_is_downloaded_and_checked(server, monkeypatch):
    content = archive(whole_archive())
    server[0][_images._CIFAR.urls[0]] = content
    with pytest.raises(FileNotFoundError, match="instead of c32a1d4ab5d03f1284b67883e8d87530"):
        fetch_cifar10()
    md5 = hashlib.md5(content).hexdigest()
    monkeypatch.setattr(_images, "_CIFAR", Remote(_images._CIFAR.urls, md5))
    assert fetch_cifar10().data.shape == (20, 3072)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"data_batch_2.bin": None}, "it lacks data_batch_2.bin"),
        ({"data_batch_2.bin": b"abc"}, "its images are not of 3073 bytes each"),
    ],
)
def test_a_wrong_archive_is_named(tmp_path, change, message):
    batches = {name: c for name, c in (whole_archive() | change).items() if c is not None}
    put_cifar(tmp_path, batches)
    with pytest.raises(ValueError, match=f"cifar-10-binary.tar.gz is damaged .*{message}"):
        fetch_cifar10(data_home=tmp_path)
    (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz is damaged"):
        fetch_cifar10(data_home=tmp_path)


def put_jpegs(folder):
    """Two images a class, each of one colour: red by class."""
    y = np.repeat(np.arange(10, dtype=np.uint8), 2)
    jpegs = []
    for code in y:
        file = io.BytesIO()
        Image.new("RGB", (32, 32), (25 * int(code), 80, 0)).save(file, "JPEG", quality=95)
        jpegs.append(file.getvalue())
    (folder / "cifar10_jpeg").mkdir()
    np.savez(
        folder / "cifar10_jpeg" / "test.npz",
        jpeg=np.frombuffer(b"".join(jpegs), dtype=np.uint8),
        offsets=np.cumsum([0, *map(len, jpegs)]),
        y=y,
    )


def test_cifar_from_jpeg_files_on_demand_only(tmp_path):
    put_jpegs(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"cifar-10-binary\.tar\.gz"):
        fetch_cifar10(subset="test", data_home=tmp_path)
    x, y = fetch_cifar10(
        subset="test",
        source="jpeg",
        choose=lambda y: np.flatnonzero(y % 2)[::-1],
        data_home=tmp_path,
        return_X_y=True,
    )
    assert (x.shape, x.dtype, y.dtype) == ((10, 3072), np.uint8, np.int64)
    assert y.tolist() == np.repeat([9, 7, 5, 3, 1], 2).tolist()
    for channel, value in ((0, 25 * y), (1, 80), (2, 0)):
        means = x.reshape(-1, 3, 1024)[:, channel].mean(axis=1)
        assert np.abs(means - value).max() < 4
    assert len(fetch_cifar10(subset="test", source="jpeg", data_home=tmp_path).data) == 20


def test_jpeg_files_are_on_no_server(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cifar10_jpeg/train.npz.* is on no server"):
        fetch_cifar10(source="jpeg", data_home=tmp_path)
    (tmp_path / "cifar10_jpeg").mkdir()
    np.savez(tmp_path / "cifar10_jpeg" / "train.npz", y=np.arange(3))
    with pytest.raises(ValueError, match=r"train.npz is damaged"):
        fetch_cifar10(source="jpeg", data_home=tmp_path)
    with pytest.raises(ValueError, match="source='png' is none of 'binary', 'jpeg'"):
        fetch_cifar10(source="png")


@pytest.mark.parametrize("real", ["mnist"], indirect=True)
def test_mnist_is_whole(real):
    counts = {
        "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    }
    md5 = {"train": "6bbc9ace898e44ae57da46a324031adb", "test": "2646ac647ad5339dbf082846283269ea"}
    for subset, expected in counts.items():
        x, y = fetch_mnist(subset=subset, data_home=real, download=False, return_X_y=True)
        assert np.bincount(y).tolist() == expected
        header = np.array([2051, len(x), 28, 28], dtype=">i4").tobytes()
        assert hashlib.md5(header + x.tobytes()).hexdigest() == md5[subset]


@pytest.mark.parametrize("real", ["cifar10_jpeg"], indirect=True)
def test_cifar_has_enough_of_every_class(real):
    seen = []

    def choose(y):
        seen.append(np.bincount(y).tolist())
        return np.flatnonzero(y == 9)[:3]

    x, y = fetch_cifar10(source="jpeg", choose=choose, data_home=real, return_X_y=True)
    assert seen == [[5000, 3871, 2997, 2321, 1797, 1391, 1077, 834, 646, 500]]
    assert (x.shape, y.tolist()) == ((3, 3072), [9, 9, 9])

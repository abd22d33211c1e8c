"""Small data folders in the formats of the real ones, and a trial that trains nothing."""

import gzip
import io

import numpy as np
import pytest
import torch
from PIL import Image

from imbdeep.reproductions._results import Outcome


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    def refused(*_, **__):
        raise OSError("no network in tests")

    monkeypatch.setattr("requests.get", refused)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("IMBDEEP_DATA", raising=False)


def write_mnist(folder, idx, n_train, n_test):
    """So many images of each digit, of random pixels but the first, which is the digit."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, n_each in (("train", n_train), ("t10k", n_test)):
        digits = random.permutation(np.repeat(np.arange(10, dtype=np.uint8), n_each))
        images = random.integers(0, 256, (len(digits), 28, 28), dtype=np.uint8)
        images[:, 0, 0] = digits
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(idx(digits))


def write_cifar(folder):
    """20 and 6 images a class, each of one colour: red by class, green by number."""
    folder.mkdir()
    for name, n_each in (("train", 20), ("test", 6)):
        y = np.repeat(np.arange(10), n_each)
        jpegs = []
        for i, label in enumerate(y):
            file = io.BytesIO()
            colour = (25 * int(label), 8 * (i % n_each), 0)
            Image.new("RGB", (32, 32), colour).save(file, "JPEG", quality=95)
            jpegs.append(file.getvalue())
        np.savez(
            folder / f"{name}.npz",
            jpeg=np.frombuffer(b"".join(jpegs), dtype=np.uint8),
            offsets=np.cumsum([0, *map(len, jpegs)]),
            y=y,
        )


def write_tables(root):
    """Isolet, mammography and webpage: few random rows."""
    random = np.random.default_rng(0)
    for name in ("isolet", "mammography", "webpage"):
        (root / name).mkdir()
    features = random.uniform(-1, 1, (260, 5)).astype(np.float32)
    letters = np.tile(np.arange(1, 27), 10)
    np.savez(root / "isolet" / "isolet.npz", X=features, y=letters, group=np.ones(260))

    rows = [
        f"{a:.8f},{b:.8f},'{1 if i % 10 == 0 else -1}'"
        for i, (a, b) in enumerate(random.standard_normal((300, 2)))
    ]
    (root / "mammography" / "mammography.csv").write_text("\n".join(rows) + "\n")

    words = [np.flatnonzero(row) + 1 for row in random.random((60, 300)) < 0.05]
    lines = [
        f"{'+1' if i % 6 == 0 else '-1'} {' '.join(f'{word}:1' for word in row)} "
        for i, row in enumerate(words)
    ]
    for name, part in (("w7a", lines[:40]), ("w7a.test", lines[30:])):
        content = "\n".join([*part, ""]).encode()
        (root / "webpage" / f"{name}.txt.gz").write_bytes(gzip.compress(content))


def write_texts(root):
    """Reuters: grain has 24 training documents, oil 12, zinc 4; tin lacks test documents."""
    lines = ["split\tlabel\tnewid\ttext"]
    train = {"oil": 12, "grain": 24, "tin": 30, "zinc": 4}
    test = {"oil": 5, "grain": 6, "tin": 4, "zinc": 5}
    for split, labels in (("train", train), ("test", test)):
        for label, size in labels.items():
            for i in range(size):
                text = (
                    f"The {label.upper()} price is 7 U.S. dlrs, not {label}s! word{'abcde'[i % 5]}"
                )
                lines.append(f"{split}\t{label}\t{len(lines)}\t{text}")
    (root / "reuters_r52").mkdir()
    content = "\n".join([*lines, ""]).encode()
    (root / "reuters_r52" / "r52.tsv.gz").write_bytes(gzip.compress(content))


@pytest.fixture(scope="session")
def folder(tmp_path_factory, idx):
    """Few random rows, in files like those of all data sets."""
    root = tmp_path_factory.mktemp("data")
    write_mnist(root / "mnist", idx, 30, 9)
    write_mnist(root / "fashion_mnist", idx, 30, 9)
    write_cifar(root / "cifar10_jpeg")
    write_tables(root)
    write_texts(root)
    return root


class Spy:
    """A trial that trains nothing: trials and approaches are noted, a score follows the seed."""

    def __init__(self, task, length, seed, device, setting):
        self.task, self.length, self.setting = task, length, setting
        self.score = 0.5 + 0.1 * seed
        self.trials.append(self)

    def evaluate(self, approach):
        self.approaches.append(approach)
        metrics = dict.fromkeys(self.metrics, self.score)
        return Outcome(metrics | self.more(approach), 2.0, self.said(approach))

    def more(self, approach):
        """Further metrics of an approach."""
        return {}

    def said(self, approach):
        """Warnings of an approach."""
        return []


@pytest.fixture
def spy(monkeypatch):
    """Put a spy in the place of a paper's trial."""

    def install(paper, **methods):
        noted = {"trials": [], "approaches": [], "metrics": paper.metrics}
        made = type("PaperSpy", (Spy,), noted | methods)
        monkeypatch.setattr(paper, "trial", made)
        return made

    return install

"""The reproduction of M2m on a small made-up data folder in the formats of the real one."""

import csv

import numpy as np
import pytest
import torch

from imbdeep.reproductions import m2m
from imbdeep.reproductions._m2m_trial import PLAIN_M2M
from imbdeep.reproductions._rows import Task
from imbdeep.reproductions.m2m import (
    ABLATIONS,
    DATASETS,
    GRID,
    METHODS,
    PUBLISHED,
    main,
)

#: Data sets that there are loaders of.
RUN = ("reuters", "twitter-brown", "mnist-lt", "cifar10-jpeg-100", "cifar10-jpeg-10")
COLUMNS = ("balanced accuracy", "G-mean", "macro F1", "average precision")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that is not read: the data sets are random rows, small images."""
    random = np.random.default_rng(0)
    shapes = {"mnist-lt": (784,), "cifar10-jpeg-100": (3, 8, 8), "cifar10-jpeg-10": (3, 8, 8)}

    def load(_, seed, name):
        parts = []
        for sizes in ((14, 9, 4), (2, 2, 1), (4, 3, 3)):
            y = np.repeat(np.arange(3), sizes)
            pixels = random.integers(0, 256, (len(y), *shapes.get(name, (20,))), dtype=np.uint8)
            parts += [pixels if name in shapes else (pixels > 127).astype(np.float32), y]
        return Task(
            *parts[:2],
            *parts[4:],
            (1, 28, 28) if name == "mnist-lt" else None,
            *parts[2:4],
        )

    for name, dataset in DATASETS.items():
        if name not in RUN:
            continue
        made = dataset._replace(load=lambda place, seed, name=name: load(place, seed, name))
        monkeypatch.setitem(m2m.DATASETS, name, made)
    return str(tmp_path)


@pytest.mark.parametrize(
    "dataset, row, metric, expected",
    [
        ("cifar10-jpeg-100", "ERM", "bACC", (68.7, 1.43)),  # Table 1
        ("cifar10-jpeg-10", "LDAM-M2m", "bACC", (87.5, 0.15)),
        ("twitter-brown", "ERM-CB-RW", "bACC", (77.5, 0.40)),  # Table 2
        ("reuters", "ERM-SMOTE", "bACC", (62.5, 1.30)),
        ("cifar10-jpeg-100", "50 seeds", "GM", (75.3, 0.29)),  # Table 3
        ("cifar10-jpeg-100", "M2m-Clean", "Major", (78.4, 2.45)),  # Table 4
        ("cifar100-lt-100", "ERM-M2m", "GM", (33.0, 0.11)),
        ("sun397", "LDAM-M2m", "bACC", (33.3, 0.20)),
        ("cifar10-jpeg-100", "M2m-Ensemble", "bACC", (78.5, 0.20)),  # Table 5
    ],
)
def test_published_numbers(dataset, row, metric, expected):
    assert PUBLISHED[dataset][row][metric] == expected


def test_published_tables_are_complete():
    ours = {method.paper for method in METHODS.values()} - {None}
    assert set(PUBLISHED) == set(DATASETS) - {"mnist-lt"}
    for name, published in PUBLISHED.items():
        ablated = {method.paper for method in ABLATIONS.values()}
        assert set(published) == (ours | ablated if name == "cifar10-jpeg-100" else ours)
        for metrics in published.values():
            # The geometric mean of the recalls is never above their arithmetic mean.
            assert metrics["GM"][0] <= metrics["bACC"][0]
            if "Major" in metrics:  # 2 and 8 of ten classes
                mean = 0.2 * metrics["Major"][0] + 0.8 * metrics["Minor"][0]
                assert mean == pytest.approx(metrics["bACC"][0], abs=0.5)


def test_recipes_are_the_papers():
    text, colours = (DATASETS[name].recipe for name in ("reuters", "cifar10-jpeg-100"))
    assert (text.epochs, text.milestones, text.defer(15), text.warmup) == (15, (10,), 10, 5)
    assert text.parameters["hidden_layer_sizes"] == (256,)
    assert (text.parameters["batch_size"], text.parameters["weight_decay"]) == (64, 5e-5)
    assert text.m2m == {"step_size": 1.0}
    assert (colours.epochs, colours.milestones, colours.defer(200)) == (200, (160, 180), 160)
    assert (colours.parameters["batch_size"], colours.parameters["weight_decay"]) == (128, 2e-4)
    assert colours.parameters["lr_decay"] == 0.01
    for recipe in (text, colours):
        assert (recipe.parameters["learning_rate"], recipe.parameters["momentum"]) == (0.1, 0.9)
    assert [name for name, dataset in DATASETS.items() if dataset.recipe.searched] == [
        "reuters",
        "twitter-brown",
    ]


def test_ablations_differ_from_m2m_in_one_thing():
    for approach in ABLATIONS.values():
        changed = len(approach.parameters) + (not approach.deferred) + (approach.teachers != 1)
        # Two classifiers smooth the confidence: the paper raises gamma, too. Table 4 puts random
        # labels on top of M2m-RS.
        assert changed == 1 + (approach.paper in ("M2m-Ensemble", "M2m-RS-Rand"))
        assert approach.method == "m2m"
        assert not approach.searched
    assert METHODS["ERM-M2m"] is PLAIN_M2M


def test_all_data_sets_and_methods_run(folder, tmp_path, capsys):
    output = tmp_path / "results.csv"
    arguments = ["all", "--trials", "1", "--scale", "smoke", "--epochs", "2", "--ablations"]
    assert main([*arguments, "--data", folder, "--device", "cpu", "--csv", str(output)]) == 0
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["dataset"] for row in rows} == set(RUN)
    for name in (*METHODS, *ABLATIONS):
        metrics = [row["metric"] for row in rows if row["method"] == name]
        assert set(metrics) >= {*COLUMNS, "major", "minor"}
        assert ("accepted" in metrics) == ("M2m" in name)
        assert metrics.count("G-mean") == len(RUN)
    shares = [float(row["value"]) for row in rows if row["metric"] in (*COLUMNS, "accepted")]
    assert all(0 <= value <= 1 for value in shares)
    text = capsys.readouterr().out
    for name, dataset in DATASETS.items():
        assert (f"Not run: {dataset.title[:3]}" in text) or name in RUN
        assert f"### {dataset.title}, 2 of {dataset.recipe.epochs} epochs\n" in text
        assert dataset.note in text
    assert text.count("ERM-M2m, by trial: beta ") == len(RUN)
    assert text.count("| major | minor |") == 1
    assert text.count("\nNot run: ") == len(DATASETS) - len(RUN)
    assert "1 trials, scale smoke, search auto; " in text


def test_search_can_be_asked_for():
    images, text = DATASETS["mnist-lt"].recipe, DATASETS["reuters"].recipe
    assert m2m._grid("auto", images, "full") == m2m._grid("none", text, "full") == ({},)
    assert m2m._grid("auto", text, "short") == ({},)
    assert m2m._grid("grid", text, "short") == GRID
    assert m2m._grid("auto", text, "full") == m2m._grid("grid", images, "full") == GRID
    assert len(m2m._grid("auto", text, "smoke")) == 2


def test_tables_show_the_papers_rows_of_the_same_table(folder, capsys):
    """Table 3 has no baselines, Table 1 no numbers of seeds."""
    asked = ["--trials", "1", "--scale", "smoke", "--epochs", "1", "--data", folder]
    words = ["cifar10-jpeg-100", "--methods", "M2m, 50 seeds a class", "--search", "none", *asked]
    assert main([*words, "--device", "cpu"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "(paper only)" in line]
    assert {row.split(" (paper")[0][2:] for row in rows} == {
        *("10 seeds", "100 seeds", "200 seeds", "500 seeds"),
        *("ERM-RS", "ERM-DRS", "ERM-M2m"),
    }

"""The reproduction of M2m: numbers, rows, recipes, and the command on small made-up files."""

import csv

import numpy as np
import pytest

from imbdeep.datasets import PROFILES
from imbdeep.reproductions import m2m
from imbdeep.reproductions._harness import METRICS, Length
from imbdeep.reproductions.m2m import (
    ABLATIONS,
    DATASETS,
    GRID,
    METHODS,
    PUBLISHED,
    M2m,
    main,
    reuters,
)


def test_published_tables_are_complete():
    ours = {method.paper for method in METHODS.values()} - {None}
    ablated = {method.paper for method in ABLATIONS.values()}
    assert set(PUBLISHED) == set(DATASETS) - {"mnist-lt"}
    for name, published in PUBLISHED.items():
        assert set(published) == (ours | ablated if name == "cifar10-jpeg-100" else ours)
        for metrics in published.values():
            # The geometric mean of the recalls is never above their arithmetic mean.
            assert metrics["GM"][0] <= metrics["bACC"][0]
            if "Major" in metrics:  # 2 and 8 of ten classes
                mean = 0.2 * metrics["Major"][0] + 0.8 * metrics["Minor"][0]
                assert mean == pytest.approx(metrics["bACC"][0], abs=0.5)


def test_recipes_are_the_papers():
    text, colours = (DATASETS[name].setting for name in ("reuters", "cifar10-jpeg-100"))
    assert (text.epochs, text.milestones, text.defer(15), text.warmup) == (15, (10,), 10, 5)
    assert text.parameters["hidden_layer_sizes"] == (256,)
    assert (text.parameters["batch_size"], text.parameters["weight_decay"]) == (64, 5e-5)
    assert text.m2m == {"step_size": 1.0}
    assert (colours.epochs, colours.milestones, colours.defer(200)) == (200, (160, 180), 160)
    assert (colours.parameters["batch_size"], colours.parameters["weight_decay"]) == (128, 2e-4)
    assert colours.parameters["lr_decay"] == 0.01
    for recipe in (text, colours):
        assert (recipe.parameters["learning_rate"], recipe.parameters["momentum"]) == (0.1, 0.9)


def test_all_methods_run(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(m2m.SCALES, "smoke", Length(most=(6, 1, 2), epochs=2, grid=GRID[:2]))
    output = tmp_path / "results.csv"
    arguments = ["reuters", "sun397", "--trials", "1", "--scale", "smoke", "--ablations"]
    options = ["--data", str(folder), "--device", "cpu", "--csv", str(output)]
    assert main([*arguments, *options]) == 0
    with output.open() as file:
        rows = list(csv.DictReader(file))
    for name in (*METHODS, *ABLATIONS):
        metrics = [row["metric"] for row in rows if row["method"] == name]
        assert set(metrics) >= {*METRICS, "major", "minor"}
        assert ("accepted" in metrics) == ("M2m" in name)
    shares = [float(row["value"]) for row in rows if row["metric"] in (*METRICS, "accepted")]
    assert all(0 <= value <= 1 for value in shares)
    text = capsys.readouterr().out
    assert "### Reuters, 2 of 15 epochs\n" in text
    assert "- ERM-M2m, by trial: beta 0.9, lambda 0.01, gamma 0.9" in text
    assert "### SUN397, 2 of 200 epochs\n" in text
    assert "Not run: SUN397 is not among" in text
    assert "scale smoke, search auto; " in text


@pytest.mark.parametrize(
    "dataset, words, grid, epochs",
    [
        ("mnist-lt", [], ({},), 30),
        ("mnist-lt", ["--search", "grid"], GRID, 30),
        ("reuters", [], GRID, 15),
        ("reuters", ["--search", "none", "--epochs", "4"], ({},), 4),
        ("reuters", ["--scale", "short"], ({},), 15),
        ("reuters", ["--scale", "short", "--search", "grid"], GRID, 15),
        ("reuters", ["--scale", "smoke"], GRID[:2], 3),
        ("cifar10-jpeg-10", ["--scale", "short"], ({},), 5),
    ],
)
def test_the_search_and_the_epochs_can_be_asked_for(dataset, words, grid, epochs):
    options = M2m().parser().parse_args([dataset, *words])
    length = M2m().length(dataset, options)
    assert (length.grid, length.epochs) == (grid, epochs)


# ------------------------------------------------------------------------------ data sets


def whole(task):
    """Training and validation rows of each class together."""
    n = max(task.y_train) + 1
    return np.bincount(task.y_train, minlength=n) + np.bincount(task.y_valid, minlength=n)


@pytest.mark.parametrize("real", ["reuters_r52"], indirect=True)
def test_reuters_has_the_sizes_of_the_paper(real):
    task = reuters(real, 0)
    assert tuple(whole(task)) == PROFILES["reuters-36"].counts
    assert len(task.y_train) + len(task.y_valid) == 6436
    assert len(task.y_test) == 2530
    assert np.bincount(task.y_train)[-1] == 4  # the smallest class gives no validation row
    assert task.x_train.shape[1] == task.x_test.shape[1] == 1000
    assert task.x_train[:, :-1].sum(axis=0).min() > 0  # every word is one of the training rows
    assert task.x_test[:, -1].mean() > 0.9  # hardly a document has no rare word

"""The reproduction of GAMO: numbers, rows, the same network and steps for everyone."""

import csv

import numpy as np
import pytest
import torch
from torch import nn

from imbdeep.classifiers import GAMOClassifier
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._rows import CIFAR_SIZES, MNIST_SIZES, Task
from imbdeep.reproductions.gamo import (
    ABLATIONS,
    DATASETS,
    LOSSES,
    METHODS,
    METRICS,
    PUBLISHED,
    SCALES,
    ConvClassifier,
    Trial,
    main,
)

CPU = torch.device("cpu")


def test_published_tables_are_complete():
    assert set(PUBLISHED) == set(DATASETS)
    assert len(PUBLISHED["mnist"]) == 2 * 7
    assert len(PUBLISHED["fashion"]) == 2 * 8
    assert len(PUBLISHED["cifar10"]) == len(PUBLISHED["svhn"]) == 6
    for published in PUBLISHED.values():
        for metrics in published.values():
            if "GM" in metrics:  # the root of the product of recalls
                assert metrics["GM"][0] <= metrics["ACSA"][0]
            else:  # RAE's
                assert list(metrics) == ["ACSA", "macro GM", "F1"]


TINY = {
    **{f"{name}_layer_sizes": (8,) for name in ("hidden", "generator", "discriminator")},
    "n_extracted": 8,
    "latent_dim": 4,
}


@pytest.fixture
def small(monkeypatch):
    """Colour images of 8 x 8 in the place of CIFAR's."""
    random = np.random.default_rng(0)
    parts = []
    for counts in ((14, 9, 4), (3, 3, 3)):
        y = np.repeat(np.arange(3), counts)
        parts += [random.integers(0, 256, (len(y), 3, 8, 8), dtype=np.uint8), y]
    dataset = DATASETS["cifar10"]._replace(load=lambda folder, seed: Task(*parts, (3, 8, 8)))
    monkeypatch.setitem(DATASETS, "cifar10", dataset)


def test_all_methods_run(folder, small, tmp_path, capsys, monkeypatch):
    """With the real classifiers, on next to no rows."""
    monkeypatch.setitem(
        SCALES, "smoke", Length(steps=2, own=TINY, rival={"batch_size": 4}, most=(14, 3))
    )
    output = tmp_path / "results.csv"
    arguments = ["isolet", "cifar10", "--seeds", "1", "--scale", "smoke", "--ablations"]
    options = ["--data", str(folder), "--device", "cpu", "--results", str(output)]
    assert main([*arguments, *options]) == 0
    with output.open() as file:
        rows = list(csv.DictReader(file))
    for name, approach in (METHODS | ABLATIONS).items():
        found = [row for row in rows if row["method"] == name]
        if name in ("cDCGAN + CN, CE", "Augment + CN, CE"):  # on Fashion-MNIST
            assert not found
            continue
        metrics = [row["metric"] for row in found]
        assert set(metrics) >= {*METRICS, "steps"}
        assert ("generated_spread" in metrics) == (approach.method == "gamo")
    shares = [float(row["value"]) for row in rows if row["metric"] in METRICS]
    assert all(0 <= value <= 1 for value in shares)
    text = capsys.readouterr().out
    assert "trained 14, 2; scored 3, 3. Steps of M: 2." in text
    assert "Seeds 1; scale smoke; " in text


def test_data_sets_without_rows_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["isolet", "--methods", "Augment + CN, LS"])
    assert "none of these is for isolet" in capsys.readouterr().err


@pytest.mark.parametrize("real", ["mnist"], indirect=True)
def test_real_counts(real):
    assert MNIST_SIZES == (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)  # section 4.1
    assert CIFAR_SIZES == (4500, 2000, 1000, 800, 600, 500, 400, 250, 150, 80)  # section 4.2
    task, choice = DATASETS["mnist"].load(real, 0), DATASETS["mnist"].choose(real, 0)
    assert np.bincount(task.y_train).tolist() == list(MNIST_SIZES)
    assert len(task.y_test) == 10_000
    assert np.bincount(choice.y_test).tolist() == [1000] * 10


# ------------------------------------------------------------------------------ trials


SHORT = Length(steps=4, own={"discriminator_layer_sizes": (8,), "generator_layer_sizes": (8,)})


@pytest.fixture
def task():
    random = np.random.default_rng(0)
    y, y_test = np.repeat([0, 1, 2], [70, 20, 6]), np.repeat([0, 1, 2], 4)
    x, x_test = (random.normal(size=(n, 3)) + 2 for n in (96, 12))
    return Task(x + 2 * y[:, None], y, x_test + 2 * y_test[:, None], y_test)


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    y, y_test = np.repeat([0, 1], [40, 8]), np.repeat([0, 1], 4)
    x, x_test = (random.integers(0, 256, (n, 64), dtype=np.uint8) for n in (48, 8))
    return Task(x, y, x_test, y_test, (1, 8, 8))


def trial(task, convolutional=False, length=SHORT, seed=3):
    return Trial(task, length, seed, CPU, convolutional)


def fitted(task, approach, convolutional=False):
    return trial(task, convolutional).trained(approach).classifier


@pytest.mark.parametrize("loss", LOSSES)
def test_everyone_trains_the_network_of_the_paper(task, loss):
    """256-128 with leaky rectifiers of 0.1: the same layers in the game and without it."""
    plain = fitted(task, Approach(loss=loss)).net_.module_
    game = fitted(task, Approach(method="gamo", loss=loss)).net_.module_.classifier
    for found in (plain, game):
        layers = [m for m in found.modules() if isinstance(m, nn.Linear)]
        assert [m.out_features for m in layers] == [256, 128, 3]
        slopes = [m.negative_slope for m in found.modules() if isinstance(m, nn.LeakyReLU)]
        assert slopes == [0.1, 0.1]
    assert [p.shape for p in plain.parameters()] == [p.shape for p in game.parameters()]


def test_with_f_everyone_has_the_same_layers(images):
    plain = fitted(images, Approach(), convolutional=True).net_.module_[-1]
    game = fitted(images, Approach(method="gamo"), convolutional=True).net_.module_
    assert isinstance(plain, ConvClassifier)
    for ours, its in ((plain.features, game.features), (plain.classifier, game.classifier)):
        assert [p.shape for p in ours.parameters()] == [p.shape for p in its.parameters()]


def test_gamo_has_its_defaults_but_for_the_length(task):
    classifier = fitted(task, Approach(method="gamo", loss="LS", parameters={"latent_dim": 5}))
    given = {"batch_size": 32, "max_steps": 4, "network": "mlp", "loss": "least_squares"}
    changed = {**given, **SHORT.own, "latent_dim": 5, "device": CPU, "random_state": 3}
    assert classifier.get_params() == GAMOClassifier().get_params() | changed

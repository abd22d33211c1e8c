"""The reproduction of GAMO: published numbers, methods, and the command, on small made-up rows."""

import csv

import numpy as np
import pytest
import torch

from imbdeep.classifiers import GAMOClassifier
from imbdeep.reproductions import gamo
from imbdeep.reproductions._gamo_trial import METRICS
from imbdeep.reproductions._harness import Length
from imbdeep.reproductions._results import Outcome
from imbdeep.reproductions._rows import Task
from imbdeep.reproductions.gamo import (
    ABLATIONS,
    DATASETS,
    METHODS,
    PUBLISHED,
    SCALES,
    main,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that is not read: the data sets are random rows, small images."""

    def load(name, seed, choosing):
        random = np.random.default_rng([seed, choosing])
        parts = []
        for counts in ((14, 9, 4), (3, 3, 3)):
            y = np.repeat(np.arange(3), counts)
            if name in ("isolet", "webpage"):
                parts += [random.normal(size=(len(y), 4)) + y[:, None], y]
            else:
                shape = (len(y), 64) if name.startswith("mnist") else (len(y), 3, 8, 8)
                parts += [random.integers(0, 256, shape, dtype=np.uint8), y]
        image = None if name in ("isolet", "webpage") else (3, 8, 8)
        image = (1, 8, 8) if name.startswith("mnist") else image
        return Task(*parts, image)

    for name, dataset in DATASETS.items():
        if name == "svhn":
            continue
        made = dataset._replace(load=lambda _, *draw, name=name: load(name, *draw))
        monkeypatch.setitem(gamo.DATASETS, name, made)
    return str(tmp_path)


class Spy:
    """A trial that trains nothing; tasks and approaches are noted."""

    tasks, approaches = [], []

    def __init__(self, task, convolutional, length, seed, device):
        self.task = task
        Spy.tasks.append((task, convolutional, length))
        self.score = 0.5 + 0.1 * seed

    def evaluate(self, approach):
        Spy.approaches.append(approach)
        metrics = {**dict.fromkeys(METRICS, self.score), "steps": 7.0}
        if approach.method != "gamo":
            return Outcome(metrics, 2.0)
        if approach.parameters.get("generator") != "conditional":
            metrics["effective_anchors"] = 20 * self.score
        metrics |= {"generated_spread": 0.25, "classifier_confidence": self.score}
        return Outcome(metrics, 2.0, said=["It has collapsed.", "More."])


@pytest.fixture
def spy(monkeypatch):
    monkeypatch.setattr(gamo, "Trial", Spy)
    monkeypatch.setattr(Spy, "tasks", [])
    monkeypatch.setattr(Spy, "approaches", [])
    return Spy


@pytest.mark.parametrize(
    "dataset, row, metric, expected",
    [
        ("mnist", "Baseline CN, CE", "ACSA", (88, 1)),  # Table 1
        ("mnist", "SMOTE+CN, LS", "ACSA", (89, 1)),
        ("mnist", "cG+CN, LS", "GM", (85, 3)),
        ("mnist", "GAMO\\D, CE", "ACSA", (87, 1)),
        ("mnist", "GAMO, LS", "ACSA", (91, 1)),
        ("fashion", "DOS, LS", "GM", (79, 2)),
        ("fashion", "GAMO\\D, CE", "GM", (80, 1)),
        ("cifar10", "Baseline CN, LS", "GM", (37, 1)),  # Table 2
        ("svhn", "cDCGAN+CN, LS", "GM", (66, 2)),
        ("cifar10", "Augment+CN, LS", "GM", (39, 2)),
        ("cifar10", "GAMO\\D, LS", "GM", (40, 1)),
        ("mnist-conv", "GAMO, LS", "ACSA", (94.97, 0.32)),  # RAE's Table 1
        ("isolet", "GAMO, LS", "F1", (93.72,)),  # RAE's Table 13
    ],
)
def test_published_numbers(dataset, row, metric, expected):
    assert PUBLISHED[dataset][row][metric] == expected


def test_published_tables_are_complete():
    assert set(PUBLISHED) == set(DATASETS)
    assert len(PUBLISHED["mnist"]) == 2 * 7
    assert len(PUBLISHED["fashion"]) == 2 * 8
    assert len(PUBLISHED["cifar10"]) == len(PUBLISHED["svhn"]) == 6
    for name, published in PUBLISHED.items():
        for metrics in published.values():
            assert set(DATASETS[name].beside.values()) <= set(metrics)
            if name in (
                "mnist",
                "fashion",
                "cifar10",
                "svhn",
            ):  # the root of the product of recalls
                assert metrics["GM"][0] <= metrics["ACSA"][0]


def test_rows_stand_beside_rows_that_the_paper_has():
    for name, dataset in DATASETS.items():
        assert set(dataset.beside) <= set(METRICS)
        theirs = set(PUBLISHED[name])
        known = {method.paper for method in METHODS.values()}
        alone = {"fashion": {"DOS, CE", "DOS, LS"}, "cifar10": {"DOS, LS"}, "svhn": {"DOS, LS"}}
        assert theirs - known == alone.get(name, set())
    for name, approach in METHODS.items():
        if approach.paper:
            assert approach.paper.rpartition(", ")[2] == approach.loss == name.rpartition(", ")[2]


def test_methods_are_what_they_say():
    games = {
        "cG + CN": {"generator": "conditional", "discriminator": False},
        "cG + D + CN": {"generator": "conditional"},
        "GAMO\\D": {"discriminator": False},
        "GAMO": {},
    }
    for loss in ("CE", "LS"):
        for name, parameters in games.items():
            approach = METHODS[f"{name}, {loss}"]
            assert (approach.method, approach.loss) == ("gamo", loss)
            assert approach.parameters == parameters
    known = set(GAMOClassifier().get_params())
    for approach in (*METHODS.values(), *ABLATIONS.values()):
        if approach.method == "gamo":
            GAMOClassifier(**approach.parameters)
            assert set(approach.parameters) <= known
    assert {name for name, approach in METHODS.items() if approach.prior} == {"CN, CE, prior"}


def test_all_data_sets_and_methods_run(folder, tmp_path, capsys, monkeypatch):
    """With the real classifiers, on next to no rows."""
    layers = {f"{name}layer_sizes": (8,) for name in ("hidden_", "generator_", "discriminator_")}
    tiny = {**layers, "n_extracted": 8, "latent_dim": 4}
    monkeypatch.setitem(gamo.SCALES, "smoke", Length(steps=2, own=tiny, most=(14, 3)))
    output = tmp_path / "results.csv"
    arguments = ["mnist", "cifar10", "isolet", "--seeds", "1", "--scale", "smoke", "--ablations"]
    assert main([*arguments, "--data", folder, "--device", "cpu", "--results", str(output)]) == 0
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["trial"] for row in rows} == {"1"}
    for name, approach in (METHODS | ABLATIONS).items():
        found = [row for row in rows if row["method"] == name]
        if name in ("cDCGAN + CN, CE", "Augment + CN, CE"):  # on Fashion-MNIST
            assert not found
            continue
        metrics = [row["metric"] for row in found]
        assert set(metrics) >= {*METRICS, "steps"}
        assert ("generated_spread" in metrics) == (approach.method == "gamo")
        datasets = {row["dataset"] for row in found}
        cgan = {"cG": "mlp", "cD": "cnn"}.get(name[:2]) if "GAN" in name else None
        only_of_table_1 = approach.method == "gamo" or cgan or "Augment" in name
        assert ("cifar10" in datasets) == (
            cgan != "mlp"
            and not (only_of_table_1 and approach.loss == "CE")
            and approach.parameters.get("generator") != "conditional"
        )
        assert ("mnist" in datasets) == (cgan != "cnn" and "Augment" not in name)
    shares = [float(row["value"]) for row in rows if row["metric"] in METRICS]
    assert all(0 <= value <= 1 for value in shares)
    text = capsys.readouterr().out
    assert "trained 14, 9, 4; scored 3, 3, 3. Steps of M: 2." in text
    assert "Seeds 1; scale smoke; " in text


def test_tables_show_ours_beside_the_papers(folder, capsys, spy):
    assert main(["mnist", "cifar10", "--trials", "2", "--data", folder, "--device", "cpu"]) == 0
    digits, colours = capsys.readouterr().out.split("### CIFAR-10")
    cells = " | ".join(["55.0 ± 7.1"] * 5)
    assert f"| GAMO, LS | {cells} | 2 | 91.0 ± 1.0 | 90.0 ± 1.0 |" in digits
    assert f"| CN, CE, prior | {cells} | 2 |  |  |" in digits
    assert f"| cGAN + CN, LS | {cells} | 2 | 89.0 ± 1.0 | 88.0 ± 1.0 |" in digits
    assert "100 test rows a class" in digits
    assert "Steps of M: 7." in digits
    assert "| GAMO, LS | 11 |  | 0.25 | 0.55 |  |  | 4 in 2 fits |" in digits
    assert "| cG + CN, LS |  |  | 0.25 | 0.55 |  |  | 4 in 2 fits |" in digits
    assert "- GAMO, LS, 4 in all, the first: It has collapsed." in digits
    assert "Augment + CN" not in digits
    assert f"| Augment + CN, LS | {cells} | 2 | 47.0 ± 1.0 | 39.0 ± 2.0 |" in colours
    assert f"| cDCGAN + CN, LS | {cells} | 2 | 42.0 ± 2.0 | 32.0 ± 3.0 |" in colours
    assert "| DOS, LS (paper only) |  |  |  |  |  |  | 46.0 ± 2.0 | 37.0 ± 1.0 |" in colours
    assert "| cGAN + CN" not in colours
    assert "| Augment + CN, CE" not in colours
    assert "| cG + CN" not in colours
    assert "| GAMO, CE |" not in colours
    assert [convolutional for _, convolutional, _ in spy.tasks] == [False, False, True, True]


def test_five_short_trials_are_the_default(folder, capsys, spy):
    assert main(["isolet", "--data", folder, "--methods", "CN, LS"]) == 0
    assert "Seeds 0, 1, 2, 3, 4; scale short; " in capsys.readouterr().out
    assert [length for _, _, length in spy.tasks] == [SCALES["short"]] * 5


def test_development_takes_other_rows_and_other_parameters(folder, capsys, spy):
    arguments = ["mnist", "--seeds", "2", "--data", folder, "--development", "--methods", "CN, LS"]
    varied = ["--vary", "learning_rate=1e-3,2e-4 generated_lambda=balanced", "generator=convex"]
    assert main([*arguments, *varied]) == 0
    ((task, *_),) = spy.tasks
    expected = gamo.DATASETS["mnist"].load(None, 2, True)
    np.testing.assert_array_equal(task.x_test, expected.x_test)
    plain, *games = spy.approaches
    assert plain == METHODS["CN, LS"]
    assert [dict(a.parameters) for a in games] == [
        {"learning_rate": 1e-3, "generated_lambda": "balanced"},
        {"learning_rate": 2e-4, "generated_lambda": "balanced"},
        {"generator": "convex"},
    ]
    assert {(a.method, a.loss) for a in games} == {("gamo", "LS")}
    text = capsys.readouterr().out
    assert "scored on training images that were not drawn" in text
    assert "| GAMO, LS, learning_rate=0.0002 generated_lambda=balanced | 70.0 |" in text
    assert "published" not in text.lower()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--trials", "0"], "--trials 0: at least 1"),
        (["--seeds", "0", "0"], "--seeds 0 0: numbers from 0"),
        (["--vary", "latent_dim=3"], "add --development"),
        (["--development", "--vary", "latent=3"], "parameters of GAMOClassifier"),
        (["--methods", "Augment + CN, LS"], "none of these is for isolet"),
    ],
)
def test_what_would_do_nothing_is_refused(folder, capsys, arguments, message):
    with pytest.raises(SystemExit):
        main(["isolet", *arguments, "--data", folder])
    assert message in capsys.readouterr().err


def test_fashion_mnist_has_the_rows_of_the_paper(spy, folder, capsys):
    assert main(["fashion", "--trials", "1", "--data", folder, "--device", "cpu"]) == 0
    rows = {line.split(" | ")[0][2:] for line in capsys.readouterr().out.splitlines()}
    for loss in ("CE", "LS"):
        for name in ("CN", "Augment + CN", "cDCGAN + CN", "cG + CN", "cG + D + CN", "GAMO\\D"):
            assert f"{name}, {loss}" in rows
        assert f"DOS, {loss} (paper only)" in rows


def test_what_cannot_be_had_stays_empty(capsys, tmp_path):
    """Nothing of ours in the row, the paper's numbers beside, and the reason below."""
    output = tmp_path / "r.csv"
    arguments = ["svhn", "--trials", "1", "--data", str(tmp_path), "--output", str(output)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "| GAMO, LS |  |  |  |  |  |  | 76.0 ± 1.0 | 75.0 ± 2.0 |" in text
    assert "Not run: SVHN is not among the data sets of imbdeep.datasets." in text
    assert len(output.read_text().splitlines()) == 1
